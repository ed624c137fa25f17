"""Parts of one's own beside the config, used from another working directory and in judging processes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PLAN = """
name = "own"
lake = "{lake}"
[[source]]
type = "files"
paths = "rows.jsonl"
verifier = "python:lab_own_parts:{reward}"
[policy]
engine = "scripted"
[score]
n = 2
[embed]
encoder = "tfidf"
clusters = 1
[select]
selector = "python:lab_own_parts:select"
budget = 3
"""
MODULE = """
def reward(problem, answer, text) -> float:
    return float(problem.text.startswith("What") and bool(answer) and bool(text))

def one_argument(text):
    return 1.0

def select(pool, budget, rng):
    return pool.column("mean").argsort()[:budget]
"""
pytestmark = pytest.mark.service  # each starts a process


def write_plan(folder: Path, reward: str, module: str = MODULE) -> Path:
    plans = folder / "plans"
    plans.mkdir(exist_ok=True)
    (plans / "plan.toml").write_text(PLAN.format(lake=folder / "lake", reward=reward))
    (plans / "lab_own_parts.py").write_text(module)
    (plans / "json.py").write_text("raise ImportError('this file shadows a library')\n")
    rows = [{"prompt": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(5)]
    (plans / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return plans / "plan.toml"


def curate(folder: Path, command: str, reward: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from assay.cli import curate; curate()", command, str(write_plan(folder, reward))],
        cwd="/",
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_functions_beside_the_config_measure_and_select_from_any_working_directory(tmp_path: Path) -> None:
    checked = curate(tmp_path, "check", "reward")
    assert checked.returncode == 0, checked.stderr
    assert r"correct: \boxed{1}" in checked.stdout
    ran = curate(tmp_path, "run", "reward")
    assert ran.returncode == 0, ran.stderr
    assert "correct 1.00" in ran.stderr


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_reward_with_another_signature_ends_before_anything_is_written(tmp_path: Path, command: str) -> None:
    ran = curate(tmp_path, command, "one_argument")
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: verifier 'python:lab_own_parts:one_argument' is one_argument(text); a reward")
    assert len(ran.stderr.splitlines()) == 1
    assert not (tmp_path / "lake" / "tables" / "problems").exists()


def test_an_edited_part_runs_again_and_says_why(assay: Callable[..., Any], tmp_path: Path) -> None:
    plan = write_plan(tmp_path, "reward")
    wide = {"COLUMNS": "200"}
    assert "was edited" not in assay("curate", "run", plan, **wide).stderr
    write_plan(tmp_path, "reward", MODULE.replace("[:budget]", "[-budget:]"))
    seen = assay("curate", "status", plan, **wide)
    assert "'python:lab_own_parts:select' was edited since the run of 20" in seen.stderr
    ran = assay("curate", "run", plan, **wide)
    assert "'python:lab_own_parts:select' was edited since the run of 20" in ran.stderr
    assert "select: 5 problems" in ran.stderr
    assert "was edited" not in assay("curate", "run", plan, **wide).stderr
