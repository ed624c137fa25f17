"""A plan file over a few sums, and `python -m assay` in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Ran = subprocess.CompletedProcess[str]
PLAN = """
name = "sums"
lake = "{lake}"
[[source]]
part = "files"
paths = "{sums}"
[split]
held_out = 4
[policy]
model = "scripted"
engine = "scripted"
rule = "sum"
max_tokens = 16
[score]
n = 4
truncated = "wrong"
[embed]
encoder = "tfidf"
clusters = 2
[select]
budget = 6
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    sums = tmp_path / "sums.jsonl"
    sums.write_text("".join(json.dumps({"prompt": f"What is {n} + 1?", "answer": str(n + 1)}) + "\n" for n in range(20)))
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.format(lake=tmp_path / "lake", sums=sums))
    return path


@pytest.fixture
def assay(tmp_path: Path) -> Callable[..., Ran]:
    def run(*arguments: object, timeout: int = 120, **environment: str) -> Ran:
        command = [sys.executable, "-m", "assay", *(str(each) for each in arguments)]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, **environment}, timeout=timeout, check=False)

    return run
