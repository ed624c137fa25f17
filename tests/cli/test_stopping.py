"""A stop is answered in every stage, also inside a part that does not come back; an interrupt before anything has begun
is
one line.
"""

import gzip
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.cli import runner
from assay.stores.lake import Lake
from assay.stores.maintenance.fsck import fsck

PARTS = """
import time
from dataclasses import dataclass


def endless():
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            time.sleep(0.01)  # a part that catches everything does not hear the first time
            time.sleep(3)


@dataclass(frozen=True)
class Filter:
    joint = False
    needs = ()

    def sift(self, problems, labels, bench):
        endless()
        yield


@dataclass(frozen=True)
class Selector:
    needs = ()

    def select(self, pool, budget, rng):
        endless()


@dataclass(frozen=True)
class Curriculum:
    needs = ()

    def arrange(self, pool, rng):
        endless()
"""


CODE = (
    "import sys; from assay.cli import curate, runner; runner.GRACE_S = 1; sys.argv[:1] = ['curate', 'run']; curate()"
)


def stopped(folder: Path, stage: str, config: Path, *changes: str, number: int) -> tuple[int, str, float]:
    """Runs a plan and asks it to stop once that stage has begun: exit code, what was said, seconds until the end."""
    (folder / "stopping_parts.py").write_text(PARTS)
    words = [str(config), *(word for change in changes for word in ("--set", change))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    assert process.stderr is not None
    told = ""
    while f"\n{stage}: " not in f"\n{told}" and (line := process.stderr.readline()):
        told += line
    time.sleep(0.3)
    process.send_signal(number)
    began = time.monotonic()
    told += process.communicate(timeout=60)[1]
    return process.returncode, told, time.monotonic() - began


@pytest.mark.service
@pytest.mark.parametrize(
    ("stage", "change", "number"),
    [
        ("ingest", 'source=[{type = "files", paths = "FOLDER/blank.jsonl.gz"}]', signal.SIGTERM),
        ("clean", 'clean.filters=["python:stopping_parts:Filter"]', signal.SIGTERM),
        ("clean", 'clean.filters=["python:stopping_parts:Filter"]', signal.SIGINT),
        ("select", 'select.selector="python:stopping_parts:Selector"', signal.SIGTERM),
        ("order", 'order.curriculum="python:stopping_parts:Curriculum"', signal.SIGTERM),
    ],
)
def test_a_stop_is_answered_in_every_stage(
    tmp_path: Path, scripted: Callable[..., Path], stage: str, change: str, number: int
) -> None:
    with gzip.open(tmp_path / "blank.jsonl.gz", "wb", compresslevel=1) as file:
        for _ in range(100):
            file.write(b"\n" * 1_000_000)
    code, told, seconds = stopped(
        tmp_path, stage, scripted(tmp_path), change.replace("FOLDER", str(tmp_path)), number=number
    )
    assert code == runner.PARTLY, told
    assert "stopped: stopped on request" in told
    assert "Traceback" not in told
    assert seconds < 15
    with Lake(tmp_path / "lake", create=False) as lake:
        assert {row["outcome"] for row in lake.rows("SELECT outcome FROM runs WHERE event = 'end'")} == {"partly"}
    assert fsck(tmp_path / "lake") == []


@pytest.mark.service
@pytest.mark.parametrize("after_s", [0.05, 0.2, 0.6])
def test_an_early_interrupt_leaves_no_traceback(tmp_path: Path, after_s: float) -> None:
    code = (
        "import sys; sys.argv = ['curate', 'status', 'nowhere.toml']; import assay.cli; print('in', flush=True); "
        "assay.cli.curate()"
    )
    piped = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        "env": {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    }
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, **piped)
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"
    time.sleep(after_s)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert "Traceback" not in told
    # 130 while modules load, 3 once the command listens, 2 where it was faster; -SIGINT: Python was already ending, which a shell shows as 130
    assert process.returncode in (130, runner.PARTLY, runner.USAGE, -signal.SIGINT)
