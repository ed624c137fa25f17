"""Write a checkpoint whole or not at all."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RECORD = "training.json"  # beside the weights: the run that they come from


def save_checkpoint(model: Any, tokenizer: Any, target: Path, record: Mapping[str, Any]) -> Path:
    """Write weights (safetensors), tokenizer, chat template and `training.json` to a folder, replacing what is there.

    Everything is written and fsynced in a folder beside it, which is then renamed.

    Args:
        model: Has `save_pretrained`.
        tokenizer: Has `save_pretrained`.
        target: The folder.
        record: What `training.json` holds.

    Returns:
        `target`.
    """
    fresh, stale = (target.parent / f".{target.name}-{os.getpid()}-{word}" for word in ("new", "old"))
    for leftover in (fresh, stale):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir(parents=True)
    model.save_pretrained(fresh)
    tokenizer.save_pretrained(fresh)
    (fresh / RECORD).write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    for path in (*fresh.iterdir(), fresh):
        fsync_path(path)
    if target.exists():
        target.rename(stale)  # a folder cannot be renamed onto one that is not empty
    fresh.rename(target)
    fsync_path(target.parent)
    shutil.rmtree(stale, ignore_errors=True)
    return target


def fsync_path(path: Path) -> None:
    """Return once what was written to a file, or into a folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
