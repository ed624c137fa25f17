"""A pipeline process killed at random moments, and started again each time, ends with the tables of an undisturbed one.

Seven kills in the gate; ASSAY_SOAK=1 (`make soak`) makes it a hundred.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from assay.stores.lake import Lake

KILLS = 100 if os.environ.get("ASSAY_SOAK", "") == "1" else 7
# Imports once and forks a process for each run. A line "LAKE DELAY" starts a run; its process id is printed, "started", and how it ended.
RUNS = """
import os, sys
from assay.api import NullReporter
from assay.core.config import parse_config
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.stores.lake import Lake

def run(lake, delay):
    plan = parse_config({
        "name": "sums", "lake": lake, "source": [{"type": "files", "paths": sys.argv[1]}], "split": {"held_out": 8},
        "clean": {"filters": ["empty", "exact"]},
        "policy": {"truncated": "wrong", "model": "scripted", "engine": "scripted", "rule": "sum", "max_tokens": 16, "delay_s": float(delay)},
        "score": {"n": 4, "problems_per_commit": 2}, "embed": {"encoder": "tfidf", "clusters": 3}, "select": {"budget": 10}})
    with Lake(plan.lake) as lake, RunContext(plan, lake, NullReporter()) as job:
        print("started", flush=True)
        run_stages(job)

for line in sys.stdin:
    if not (child := os.fork()):
        code = 1
        try:
            run(*line.split())
            code = 0
        finally:
            os._exit(code)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
CONTENT = {
    "problems": "id, source",
    "labels": "id, answer",
    "pool_members": "id",
    "splits": "id, side",
    "rollouts": "id, sample, tokens",
    "completions": "id, text",
    "verdicts": "id, outcome",
    "scores": "id, n_correct, n_wrong",
    "selections": "id, kept, reason",
    "curriculum": "id, position",
    "stages": "id, key, rows_in, rows_out",
}


class Runs:
    """Runs of one plan, each in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.asked, self.told = process.stdin, process.stdout

    def start(self, lake: Path, delay: float) -> int:
        """Begins a run; its process once it holds the lake open."""
        self.asked.write(f"{lake} {delay}\n")
        self.asked.flush()
        process, started = sorted([self.told.readline().strip(), self.told.readline().strip()])  # either comes first
        assert started == "started", "the run ended before it began"
        return int(process)

    def code(self) -> int:
        """How the run ended, once it has."""
        return int(self.told.readline())


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    sums = tmp_path / "sums.jsonl"
    sums.write_text(
        "".join(
            json.dumps({"prompt": f"What is {n} + {n % 7}?", "answer": str(n + n % 7)}) + "\n" for n in range(10, 90)
        )
    )
    call = [sys.executable, "-c", RUNS, str(sums)]
    with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Runs(process)


@pytest.mark.soak
@pytest.mark.service
def test_kills_at_random_moments_leave_the_tables_of_an_uninterrupted_run(runs: Runs, tmp_path: Path) -> None:
    runs.start(tmp_path / "whole", 0)
    assert runs.code() == 0
    chance, killed = random.Random(1), 0
    for _ in range(KILLS):
        process = runs.start(tmp_path / "killed", 0.02)
        time.sleep(chance.uniform(0, 0.4))
        with suppress(ProcessLookupError):  # it had nothing left to do
            os.kill(process, signal.SIGKILL)
        killed += runs.code() == -signal.SIGKILL
    assert killed, "no process was killed while it worked"
    runs.start(tmp_path / "killed", 0)
    assert runs.code() == 0
    with Lake(tmp_path / "whole") as whole, Lake(tmp_path / "killed") as killed:
        for table, columns in CONTENT.items():
            asked = f"SELECT {columns} FROM {table} ORDER BY ALL"
            assert killed.rows(asked) == whole.rows(asked), table
