"""A pipeline process killed at random moments, and started again each time, ends with the tables of an undisturbed one."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assay.stores.lake import Lake

KILLS = 25
WALK = """
import sys
from assay.api import NullReporter
from assay.core.config import parse_config
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.stores.lake import Lake
plan = parse_config({
    "name": "sums", "lake": sys.argv[1], "source": [{"part": "files", "paths": sys.argv[2]}], "split": {"held_out": 8},
    "clean": {"filters": ["empty", "exact"]},
    "policy": {"model": "scripted", "engine": "scripted", "rule": "sum", "max_tokens": 16, "delay_s": float(sys.argv[3])},
    "score": {"n": 4, "truncated": "wrong", "wave": 2}, "embed": {"encoder": "tfidf", "clusters": 3}, "select": {"budget": 10}})
with Lake(plan.lake) as lake, RunContext(plan, lake, NullReporter()) as job:
    print("started", flush=True)
    run_stages(job)
"""
CONTENT = {
    "problems": "id, source",
    "labels": "id, answer",
    "members": "id",
    "splits": "id, side",
    "rollouts": "id, sample, tokens",
    "texts": "id, text",
    "verdicts": "id, outcome",
    "scores": "id, correct, wrong",
    "selections": "id, kept, reason",
    "lessons": "id, position",
    "stages": "id, key, rows_in, rows_out",
}


@pytest.mark.service
def test_twenty_five_kills_leave_the_tables_of_an_uninterrupted_run(tmp_path: Path) -> None:
    sums = tmp_path / "sums.jsonl"
    sums.write_text(
        "".join(
            json.dumps({"prompt": f"What is {n} + {n % 7}?", "answer": str(n + n % 7)}) + "\n" for n in range(10, 90)
        )
    )
    call = [sys.executable, "-c", WALK]
    subprocess.run([*call, str(tmp_path / "whole"), str(sums), "0"], check=True)
    chance, done = random.Random(1), 0
    for _ in range(KILLS):
        walking = subprocess.Popen(
            [*call, str(tmp_path / "killed"), str(sums), "0.02"], stdout=subprocess.PIPE, text=True
        )
        assert walking.stdout is not None
        walking.stdout.readline()
        time.sleep(chance.uniform(0, 0.4))
        walking.send_signal(signal.SIGKILL)
        done += walking.wait() == 0
    subprocess.run([*call, str(tmp_path / "killed"), str(sums), "0"], check=True)
    assert done < KILLS, "no process was killed while it worked"
    with Lake(tmp_path / "whole") as whole, Lake(tmp_path / "killed") as killed:
        for table, columns in CONTENT.items():
            asked = f"SELECT {columns} FROM {table} ORDER BY ALL"
            assert killed.rows(asked) == whole.rows(asked), table
