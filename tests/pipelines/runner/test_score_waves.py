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
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.score_waves import WaveQueue, score_in_waves
from assay.pipelines.runner.score_workers import score_shards as work
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.sampling import shards
from assay.pipelines.sampling.shards import ShardConfig
from assay.pipelines.stages.score import ScoreStage
from assay.stores.commits.lease import renew, take
from assay.stores.lake import Lake

Made = Callable[..., RunContext]
Plain = Callable[..., RunContext]
Command = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]
TABLES = ("rollouts", "completions", "verdicts", "scores")
RACE = {
    "scorer": "pass_rate",
    "allocation": "adaptive",
    "prior": "fitted",
    "min_attempts": 2,
    "max_attempts": 8,
    "attempts_per_wave": 2,
    "wave_fraction": 0.25,
}


def keys(lake: Lake, table: str) -> list[str]:
    return [row["id"] for row in lake.rows(f'SELECT id FROM "{table}" ORDER BY id')]


@pytest.fixture
def ready(context: Made, resumed: Made, tables: dict[str, Any]) -> Made:
    """A run over split problems, which are scored as the plan says unless told otherwise."""
    resumed("split")
    tables["score"] = RACE
    return context


@pytest.fixture
def plain(kept: Made) -> Callable[..., RunContext]:
    """The finished run of one process alone."""
    return lambda score=RACE: kept("select", score={"n": None, **score})


def same(made: RunContext, plain: RunContext) -> bool:
    return {table: keys(made.lake, table) for table in TABLES} == {table: keys(plain.lake, table) for table in TABLES}


SETTINGS = [
    RACE,
    {**RACE, "allocation": "two_stage", "prior": "jeffreys"},
    {"scorer": "pass_rate", "n": 3, "prior": "fitted"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=["race", "two_stage", "fixed_fitted"])
def test_one_worker_leaves_what_a_plain_run_leaves(
    ready: Made, plain: Plain, tables: dict[str, Any], settings: dict[str, Any]
) -> None:
    tables["score"] = settings
    made = ready()
    outcome = work(made, ShardConfig(chunk=16))
    assert not outcome.partly
    assert same(made, plain(settings))
    assert work(ready(), ShardConfig(chunk=16)).reused
    run_stages(made := ready(), "select")
    assert keys(made.lake, "selections") == keys(plain(settings).lake, "selections")
    assert not list((made.lake.root / "leases").glob("*.json"))


def test_a_race_takes_several_rounds_and_spares_attempts(ready: Made) -> None:
    made = ready()
    work(made, ShardConfig(chunk=100))
    rounds = made.lake.rows("SELECT count(*) AS n FROM stages WHERE stage = 'asked'")[0]["n"]
    assert rounds > 3
    assert 32 * 2 < made.meter.samples < 32 * 8


def test_a_planner_takes_over_where_another_left_off_and_pays_for_nothing_twice(ready: Made, plain: Plain) -> None:
    first = ready(limit={"tokens": 600})
    told = work(first, ShardConfig(chunk=16))
    assert told.partly
    assert first.meter.samples < plain().meter.samples
    second = ready()
    assert not work(second, ShardConfig(chunk=24)).partly, "chunks may be cut otherwise"
    assert first.meter.samples + second.meter.samples == plain().meter.samples
    assert same(second, plain())


def test_failed_attempts_leave_their_chunk_to_the_next_run(ready: Made, plain: Plain) -> None:
    with pytest.raises(Exception, match="the script fails after 6 requests"):
        work(ready(policy={"fail_after": 6}), ShardConfig(chunk=16))
    rest = ready()
    assert not work(rest, ShardConfig(chunk=16)).partly
    assert same(rest, plain())


def test_what_a_dead_planner_had_posted_is_answered_and_another_plans(
    ready: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "LOOK_S", 0.05)
    made = ready()
    inputs = run_stages(made, "split")
    stage = ScoreStage(made, inputs)
    key, ids = stage.key, stage.ids
    config = f"plan-{content_id('plan', str(key))}"
    token = take(made.lake.root, config, limit_s=600)
    assert token
    WaveQueue(made, inputs, key, ShardConfig(chunk=16)).post(dict.fromkeys(ids, 2))
    waiting = ready()
    waiting.stop = lambda: waiting.meter.samples >= 2 * len(ids)
    with pytest.raises(Stopped):
        score_in_waves(waiting, inputs, key, len(ids), ShardConfig(chunk=16))
    assert waiting.meter.samples == 2 * len(ids)
    assert renew(made.lake.root, config, token, limit_s=0.01)
    assert not score_in_waves(ready(), inputs, key, len(ids), ShardConfig(chunk=16)).partly


def test_two_planners_at_once_decide_the_same(ready: Made, plain: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
    made, heard, other = ready(), list[str](), list[str | None]()
    config = f"plan-{content_id('plan', str(ScoreStage(made, run_stages(made, 'split')).key))}"
    post = WaveQueue.post

    def slow(board: WaveQueue, wanted: dict[str, int]) -> None:
        post(board, wanted)
        if not other:  # its lease ends while it plans, and another takes it over
            time.sleep(0.5)
            other.append(take(made.lake.root, config, limit_s=600))

    monkeypatch.setattr(WaveQueue, "post", slow)
    monkeypatch.setattr(made.reporter, "warn", heard.append)
    assert not work(made, ShardConfig(chunk=16, lease_s=0.4)).partly
    assert other[0]
    assert sum("another worker is planning too" in each for each in heard) == 1
    assert same(made, plain())


@pytest.mark.service
def test_many_processes_of_which_planners_are_killed_select_what_one_process_selects(
    scripted: Callable[..., Path], assay: Command, started: Start, tmp_path: Path
) -> None:
    """WORKERS processes, 4 unless told otherwise; whoever plans when the first rounds are in is killed, and another is asked to stop."""
    race = {
        "allocation": "adaptive",
        "prior": "fitted",
        "max_attempts": 12,
        "wave_fraction": 0.25,
        "problems_per_commit": 4,
    }
    config = scripted(tmp_path, problems=48, policy={"delay_s": 0.02}, score=race, select={"budget": 12})
    lake, rng = tmp_path / "many", random.Random(5)
    for stage in ("ingest", "clean", "split"):
        assert assay("curate", stage, config, "--lake", lake).returncode == 0
    worker = ("curate", "score", config, "--lake", lake, "--worker", "--chunk", 4, "--lease-s", 3)
    working = [started(*worker) for _ in range(int(os.environ.get("WORKERS", "4")))]
    deadline = time.monotonic() + 300
    while not (held := list((lake / "leases").glob("plan-*.json"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1 + rng.random())
    planner = next(
        (number for number, each in enumerate(working) if held and f'"process": {each.pid}}}' in held[0].read_text()), 0
    )
    working[planner].send_signal(signal.SIGKILL)
    working[planner - 1].send_signal(signal.SIGTERM)
    codes = [each.wait(timeout=400) for each in working]
    assert codes[planner] in (-signal.SIGKILL, 0), codes
    assert codes[planner - 1] in (0, 3, -signal.SIGTERM), codes
    assert {code for number, code in enumerate(codes) if number not in (planner, (planner - 1) % len(codes))} == {0}, (
        codes
    )
    for place in (lake, tmp_path / "one"):
        assert assay("curate", "run", config, "--lake", place, timeout=400).returncode == 0
    with Lake(lake) as many, Lake(tmp_path / "one") as one:
        assert {table: keys(many, table) for table in (*TABLES, "selections")} == {
            table: keys(one, table) for table in (*TABLES, "selections")
        }
