"""Many workers on one lake leave what one run leaves; what is killed costs its chunk at most."""

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.cli.runner import StopSignal
from assay.core.errors import ConfigError, Stopped
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner import score_workers
from assay.pipelines.runner.score_workers import score_shards
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.sampling import shards
from assay.pipelines.sampling.shards import ShardConfig
from assay.pipelines.stages.score import ScoreStage
from assay.stores.commits.lease import take
from assay.stores.lake import Lake

Made = Callable[..., RunContext]
Command = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]
TABLES = ("rollouts", "completions", "verdicts", "scores", "sampling_configs")


def keys(lake: Lake, table: str) -> list[str]:
    return [row["id"] for row in lake.rows(f'SELECT id FROM "{table}" ORDER BY id')]


@pytest.fixture
def ready(context: Made, resumed: Made) -> Made:
    """A run over split problems."""
    resumed("split")
    return context


def test_a_worker_leaves_what_plain_scoring_leaves_and_then_finds_nothing_to_do(ready: Made, kept: Made) -> None:
    alone, made = kept(), ready()
    outcome = score_shards(made, ShardConfig(chunk=5))
    assert (outcome.rows_in, outcome.rows_out, outcome.partly) == (32, 32, False)
    assert {table: keys(made.lake, table) for table in TABLES} == {table: keys(alone.lake, table) for table in TABLES}
    again = ready()
    assert score_shards(again, ShardConfig(chunk=5)).reused
    assert again.meter.samples == 0
    assert run_stages(ready(), "score")[-1].reused


def test_failed_attempts_leave_their_chunk_to_the_next_run(ready: Made) -> None:
    with pytest.raises(Exception, match="the script fails after 6 requests"):
        score_shards(ready(policy={"fail_after": 6}), ShardConfig(chunk=5))
    rest = ready()
    assert not score_shards(rest, ShardConfig(chunk=5)).partly
    assert rest.meter.samples == (32 - 6) * 4
    assert not list((rest.lake.root / "leases").glob("*.json")), "a lease was not given back"


def test_a_limit_ends_a_worker_and_the_next_one_goes_on(ready: Made) -> None:
    outcome = score_shards(ready(limit={"tokens": 60}), ShardConfig(chunk=5))
    assert outcome.partly
    assert outcome.detail["chunks_left"] >= 1
    assert not score_shards(ready(), ShardConfig(chunk=5)).partly


def test_a_chunk_of_a_dead_worker_is_taken_when_its_lease_ends(ready: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "LOOK_S", 0.05)
    made = ready()
    inputs = run_stages(made, "split")
    (only,) = score_workers.ShardQueue(made, inputs, ScoreStage(made, inputs).key, ShardConfig(chunk=100)).ids
    assert take(made.lake.root, f"score-{only}", limit_s=0.6)
    began = time.monotonic()
    assert not score_shards(ready(), ShardConfig(chunk=100)).partly
    assert time.monotonic() - began >= 0.5


def test_a_worker_that_only_waits_stops_when_it_is_asked(ready: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "LOOK_S", 0.01)
    made = ready()
    inputs = run_stages(made, "split")
    (only,) = score_workers.ShardQueue(made, inputs, ScoreStage(made, inputs).key, ShardConfig(chunk=100)).ids
    assert take(made.lake.root, f"score-{only}", limit_s=60)
    waiting = ready()
    waiting.stop = lambda: True
    with pytest.raises(Stopped, match="while waiting"):
        score_shards(waiting, ShardConfig(chunk=100))


def test_a_chunk_that_outlives_its_lease_says_so(ready: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    made, heard = ready(policy={"delay_s": 0.02}), list[str]()
    monkeypatch.setattr(made.reporter, "warn", heard.append)
    score_shards(made, ShardConfig(chunk=16, lease_s=0.1))
    assert sum("another worker may have paid for it too" in each for each in heard) == 2


def test_a_scorer_whose_evidence_cannot_be_divided_is_refused(ready: Made, tables: dict[str, Any]) -> None:
    tables["score"] = {"scorer": "irt", "n": 2}
    with pytest.raises(ConfigError, match="'irt' looks at all problems together"):
        score_shards(ready(), ShardConfig())


BAND = {
    "scorer": "pass_rate",
    "allocation": "adaptive",
    "goal": "band",
    "min_attempts": 2,
    "max_attempts": 6,
    "attempts_per_wave": 2,
}


@pytest.mark.parametrize("settings", [{"scorer": "votes", "n": 4}, {"scorer": "length", "n": 4}, BAND])
def test_other_scorers_are_worked_off_too(
    ready: Made, kept: Made, tables: dict[str, Any], settings: dict[str, Any]
) -> None:
    tables["score"] = settings
    alone, made = kept("score", score={"n": None, **settings}), ready()
    assert not score_shards(made, ShardConfig(chunk=5)).partly
    assert keys(made.lake, "rollouts") == keys(alone.lake, "rollouts")
    assert keys(made.lake, "scores") == keys(alone.lake, "scores")


def test_terms_that_make_no_sense_are_refused_with_both_numbers() -> None:
    with pytest.raises(ConfigError, match="a chunk of 0 problems for 900"):
        ShardConfig(chunk=0)


def test_what_had_arrived_when_the_engine_was_cut_is_committed(ready: Made) -> None:
    made, stop = ready(policy={"delay_s": 0.4}, score={"problems_per_commit": 100}), StopSignal()
    stop.is_waiting = lambda: made.meter.waiting

    def cut() -> None:
        while made.meter.samples < 4:  # until the first problem is answered
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGALRM)  # as GRACE_S after a signal

    with stop.listening():
        threading.Thread(target=cut, daemon=True).start()
        with pytest.raises(Stopped, match="is left, the rest is committed"):
            score_shards(made, ShardConfig())
    (stored,) = made.lake.rows("SELECT count(*) AS n FROM rollouts")
    assert stored["n"] in range(4, 32 * 4, 4), "the problems that were answered, whole, and not the one under way"


def rows_of(lake: Path, table: str) -> int:
    with Lake(lake) as opened:
        return int(opened.rows(f'SELECT count(*) AS n FROM "{table}"')[0]["n"])


@pytest.mark.service
def test_many_workers_of_which_most_are_ended_leave_the_keys_of_one_run(
    scripted: Callable[..., Path], assay: Command, started: Start, tmp_path: Path
) -> None:
    """SIGTERM to some at random moments, SIGKILL to two, the rest go on to the end; WORKERS=16 ends ten of sixteen."""
    config, lake, count = (
        scripted(tmp_path, problems=96, score={"problems_per_commit": 2}),
        tmp_path / "many",
        int(os.environ.get("WORKERS", "6")),
    )
    for stage in ("ingest", "clean", "split"):
        assert assay("curate", stage, config, "--lake", lake).returncode == 0
    worker = (
        "curate",
        "score",
        config,
        "--lake",
        lake,
        "--worker",
        "--set",
        "policy.delay_s=0.05",
        "--chunk",
        6,
        "--lease-s",
        3,
    )
    working = [started(*worker) for _ in range(count)]
    rng, doomed = random.Random(4), working[: count * 10 // 16]
    while not rows_of(lake, "rollouts"):
        time.sleep(0.05)
    for number, process in enumerate(doomed):
        time.sleep(rng.random() * 0.3)
        process.send_signal(signal.SIGKILL if number < 2 else signal.SIGTERM)
    codes = [process.wait(timeout=120) for process in working]
    assert set(codes[2 : len(doomed)]) <= {0, 3, -signal.SIGTERM}, (
        codes
    )  # one that had not begun to listen dies of it; one that was done is done
    assert set(codes[len(doomed) :]) == {0}, codes
    assert assay("curate", "run", config, "--lake", tmp_path / "one").returncode == 0
    for table in ("rollouts", "completions", "verdicts", "scores"):
        with Lake(lake) as many, Lake(tmp_path / "one") as one:
            assert keys(many, table) == keys(one, table), table


@pytest.mark.service
def test_a_slow_engine_is_cut_within_twenty_seconds_and_the_lease_is_given_back(
    scripted: Callable[..., Path], assay: Command, started: Start, tmp_path: Path
) -> None:
    config, lake = scripted(tmp_path, problems=3), tmp_path / "lake"
    for stage in ("ingest", "clean", "split"):
        assert assay("curate", stage, config).returncode == 0
    process = started("curate", "score", config, "--worker", "--set", "policy.delay_s=60")
    while not rows_of(lake, "sampling_configs"):  # written before the first question
        time.sleep(0.05)
    began = time.monotonic()
    process.send_signal(signal.SIGUSR1)
    assert process.wait(timeout=60) == 3
    assert time.monotonic() - began < 20
    assert not list((lake / "leases").glob("*.json"))
