"""Two plain runs of one plan in one lake: what one attempts, the other does not pay for."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import Stopped
from assay.core.identity import content_id
from assay.pipelines import alone
from assay.pipelines.job import Job
from assay.pipelines.pool import side_ids
from assay.pipelines.score import work
from assay.pipelines.walk import walk
from assay.stores.lake import Lake
from assay.stores.lease import give_back, take

Made = Callable[..., Job]


def held(job: Job) -> tuple[str, str]:
    """Takes the lease as another run would: its name and token."""
    name = content_id("alone", job.engine.policy.revision, job.plan.policy.sampler.id, side_ids(job, "train"))
    token = take(job.lake.root, name, limit_s=60)
    assert token
    return name, token


@pytest.mark.parametrize("budget", [10, 5])  # the other's plan, or one that shares its attempts
def test_who_waited_finds_what_the_other_has_paid_for(job: Made, monkeypatch: pytest.MonkeyPatch, budget: int) -> None:
    first, second = job(), job(select={"budget": budget}, score={"n": 4 if budget == 10 else 3})
    walk(second, "split")
    name, token = held(second)

    def other_ends(waiting: Job) -> None:
        give_back(waiting.lake.root, name, token)
        walk(first, "score")

    monkeypatch.setattr(alone, "pause", other_ends)
    outcome = walk(second, "score")[-1]
    assert first.meter.samples == 32 * 4
    assert (second.meter.samples, second.meter.tokens) == (0, 0)
    assert (outcome.stage, outcome.rows_out) == ("score", 32)


def test_who_comes_after_the_other_has_ended_finds_its_attempts_too(job: Made) -> None:
    first, second = job(), job()
    walk(second, "split")
    late = work(second)  # knows what is stored before the other begins
    walk(first, "score")
    outcome = late.do()
    assert (outcome.rows_out, second.meter.samples) == (32, 0)


def test_a_run_that_waits_can_be_stopped_and_has_said_why(job: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = job()
    walk(waiting, "split")
    held(waiting)
    said: list[str] = []
    monkeypatch.setattr(waiting.narrator, "say", said.append, raising=False)
    waiting.stop = lambda: bool(said)
    with pytest.raises(Stopped, match="nothing was under way"):
        walk(waiting, "score")
    assert sum("this one waits until it ends" in each for each in said) == 1
    assert waiting.meter.samples == 0


@pytest.mark.parametrize(("changes", "problems"), [({"policy": {"temperature": 0.5}}, 32), ({"split": {"held_out": 9}}, 31)])
def test_another_sampler_or_another_pool_waits_for_nobody(job: Made, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], problems: int) -> None:
    first = job()
    walk(first, "split")
    held(first)
    monkeypatch.setattr(alone, "pause", lambda _: pytest.fail("waited"))
    other = job(**changes)
    walk(other, "score")
    assert other.meter.samples == problems * 4


@pytest.mark.service
def test_two_commands_at_once_pay_once(scripted: Callable[..., Path], started: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    plan = scripted(tmp_path, problems=16, policy={"delay_s": 0.2}, score={"n": 2, "wave": 1})
    runs = [started("curate", "run", plan) for _ in range(2)]
    assert [run.wait(120) for run in runs] == [0, 0]
    with Lake(tmp_path / "lake") as lake:
        (paid,) = lake.rows("SELECT sum(samples) AS samples FROM runs WHERE event = 'end'")
        (stored,) = lake.rows("SELECT count(*) AS samples FROM rollouts")
    assert paid == stored
