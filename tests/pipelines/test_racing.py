"""Rounds that one process plans and many answer end where a single process ends; a planner that is gone is replaced."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import Stopped
from assay.core.identity import content_id
from assay.pipelines import chunks
from assay.pipelines.chunks import Terms
from assay.pipelines.job import Job
from assay.pipelines.racing import Board, work_off
from assay.pipelines.score import keyed
from assay.pipelines.walk import walk
from assay.pipelines.workers import work_off as work
from assay.stores.lake import Lake
from assay.stores.lease import renew, take

Made = Callable[..., Job]
Command = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]
TABLES = ("rollouts", "texts", "verdicts", "scores")
RACE = {"scorer": "pass_rate", "truncated": "wrong", "design": "adaptive", "prior": "fitted", "first": 2, "most": 8, "step": 2, "at_once": 0.25}


def keys(lake: Lake, table: str) -> list[str]:
    return [row["id"] for row in lake.rows(f'SELECT id FROM "{table}" ORDER BY id')]


def alone(job: Made, tmp_path: Path, upto: str = "select") -> Job:
    made = job(lake=str(tmp_path / "plain"))
    walk(made, upto)
    return made


def ready(job: Made, **changes: Any) -> Job:
    made = job(**changes)
    walk(made, "split")
    return made


def same(made: Job, plain: Job) -> bool:
    return {table: keys(made.lake, table) for table in TABLES} == {table: keys(plain.lake, table) for table in TABLES}


SETTINGS = [
    RACE,
    {**RACE, "design": "two_stage", "prior": "jeffreys"},
    {"scorer": "pass_rate", "n": 3, "prior": "fitted"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=["race", "two_stage", "fixed_fitted"])
def test_one_worker_leaves_what_a_plain_run_leaves(job: Made, tables: dict[str, Any], tmp_path: Path, settings: dict[str, Any]) -> None:
    tables["score"] = settings
    plain, made = alone(job, tmp_path), ready(job)
    outcome = work(made, Terms(chunk=16))
    assert not outcome.partly
    assert same(made, plain)
    assert work(job(), Terms(chunk=16)).reused
    walk(made := job())
    assert keys(made.lake, "selections") == keys(plain.lake, "selections")
    assert not list((made.lake.root / "leases").glob("*.json"))


def test_a_race_takes_several_rounds_and_spares_attempts(job: Made, tables: dict[str, Any]) -> None:
    tables["score"] = RACE
    made = ready(job)
    work(made, Terms(chunk=100))
    rounds = made.lake.rows("SELECT count(*) AS n FROM stages WHERE stage = 'asked'")[0]["n"]
    assert rounds > 3
    assert 32 * 2 < made.meter.samples < 32 * 8


def test_a_planner_takes_over_where_another_left_off_and_pays_for_nothing_twice(job: Made, tables: dict[str, Any], tmp_path: Path) -> None:
    tables["score"] = RACE
    plain = alone(job, tmp_path, "score")
    first = ready(job, limit={"tokens": 600})
    told = work(first, Terms(chunk=16))
    assert told.partly
    assert first.meter.samples < plain.meter.samples
    second = job()
    assert not work(second, Terms(chunk=24)).partly, "chunks may be cut otherwise"
    assert first.meter.samples + second.meter.samples == plain.meter.samples
    assert same(second, plain)


def test_failed_attempts_leave_their_chunk_to_the_next_run(job: Made, tables: dict[str, Any], tmp_path: Path) -> None:
    tables["score"] = RACE
    plain = alone(job, tmp_path, "score")
    ready(job)
    with pytest.raises(Exception, match="the script fails after 6 requests"):
        work(job(policy={"fail_after": 6}), Terms(chunk=16))
    rest = job()
    assert not work(rest, Terms(chunk=16)).partly
    assert same(rest, plain)


def test_what_a_dead_planner_had_posted_is_answered_and_when_its_lease_ends_another_plans(
    job: Made, tables: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "LOOK_S", 0.05)
    tables["score"] = RACE
    made = ready(job)
    key, ids = keyed(made)
    plan = f"plan-{content_id('plan', key)}"
    token = take(made.lake.root, plan, limit_s=600)
    assert token
    Board(made, key, Terms(chunk=16)).post(dict.fromkeys(ids, 2))
    waiting = ready(job)
    waiting.stop = lambda: waiting.meter.samples >= 2 * len(ids)
    with pytest.raises(Stopped):
        work_off(waiting, key, len(ids), Terms(chunk=16))
    assert waiting.meter.samples == 2 * len(ids)
    assert renew(made.lake.root, plan, token, limit_s=0.01)
    assert not work_off(ready(job), key, len(ids), Terms(chunk=16)).partly


def test_two_planners_at_once_decide_the_same(job: Made, tables: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables["score"] = RACE
    plain = alone(job, tmp_path, "score")
    made, heard, other = ready(job), list[str](), list[str | None]()
    plan = f"plan-{content_id('plan', keyed(made)[0])}"
    post = Board.post

    def slow(board: Board, wanted: dict[str, int]) -> None:
        post(board, wanted)
        if not other:  # its lease ends while it plans, and another takes it over
            time.sleep(0.5)
            other.append(take(made.lake.root, plan, limit_s=600))

    monkeypatch.setattr(Board, "post", slow)
    monkeypatch.setattr(made.narrator, "warn", heard.append)
    assert not work(made, Terms(chunk=16, lease_s=0.4)).partly
    assert other[0]
    assert sum("another worker plans too" in each for each in heard) == 1
    assert same(made, plain)


@pytest.mark.service
def test_many_processes_of_which_planners_are_killed_select_what_one_process_selects(
    scripted: Callable[..., Path], assay: Command, started: Start, tmp_path: Path
) -> None:
    """WORKERS processes, 4 unless told otherwise; whoever plans when the first rounds are in is killed, and another is asked to stop."""
    race = {"design": "adaptive", "prior": "fitted", "most": 12, "at_once": 0.25, "wave": 4}
    plan = scripted(tmp_path, problems=48, policy={"delay_s": 0.02}, score=race, select={"budget": 12})
    lake, rng = tmp_path / "many", random.Random(5)
    for stage in ("ingest", "clean", "split"):
        assert assay("curate", stage, plan, "--lake", lake).returncode == 0
    worker = ("curate", "score", plan, "--lake", lake, "--worker", "--chunk", 4, "--lease-s", 3)
    working = [started(*worker) for _ in range(int(os.environ.get("WORKERS", "4")))]
    deadline = time.monotonic() + 300
    while not (held := list((lake / "leases").glob("plan-*.json"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1 + rng.random())
    planner = next((number for number, each in enumerate(working) if held and f'"process": {each.pid}}}' in held[0].read_text()), 0)
    working[planner].send_signal(signal.SIGKILL)
    working[planner - 1].send_signal(signal.SIGTERM)
    codes = [each.wait(timeout=400) for each in working]
    assert codes[planner] in (-signal.SIGKILL, 0), codes
    assert codes[planner - 1] in (0, 3, -signal.SIGTERM), codes
    assert {code for number, code in enumerate(codes) if number not in (planner, (planner - 1) % len(codes))} == {0}, codes
    for place in (lake, tmp_path / "one"):
        assert assay("curate", "run", plan, "--lake", place, timeout=400).returncode == 0
    with Lake(lake) as many, Lake(tmp_path / "one") as one:
        assert {table: keys(many, table) for table in (*TABLES, "selections")} == {table: keys(one, table) for table in (*TABLES, "selections")}
