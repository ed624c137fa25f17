"""A checkpoint is there whole or not at all."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RECORD = "training.json"  # beside the weights: from which run they come


def save(model: Any, tokenizer: Any, target: Path, record: Mapping[str, Any]) -> Path:
    """`target` holds weights (safetensors), tokenizer, chat template and `training.json`; an older checkpoint there is replaced.

    Everything is written and fsynced in a folder beside it, which is then renamed.
    """
    fresh, stale = (target.parent / f".{target.name}-{os.getpid()}-{word}" for word in ("new", "old"))
    for leftover in (fresh, stale):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir(parents=True)
    model.save_pretrained(fresh)
    tokenizer.save_pretrained(fresh)
    (fresh / RECORD).write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    for file in (*fresh.iterdir(), fresh):
        sync(file)
    if target.exists():
        target.rename(stale)  # a folder cannot be renamed onto one that is not empty
    fresh.rename(target)
    sync(target.parent)
    shutil.rmtree(stale, ignore_errors=True)
    return target


def sync(path: Path) -> None:
    """What was written to a file, or into a folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
