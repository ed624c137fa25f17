"""Two plain runs of one plan in one lake: what one attempts, the other does not pay for."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import Stopped
from assay.core.identity import content_id
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import side_ids
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.sampling import exclusive
from assay.pipelines.stages.score import ScoreStage
from assay.stores.commits.lease import give_back, take
from assay.stores.lake import Lake

Made = Callable[..., RunContext]


def held(context: RunContext) -> tuple[str, str]:
    """Takes the lease as another run would: its name and token."""
    ids = side_ids(context, run_stages(context, "split"), "train")
    name = content_id("alone", context.engine.policy.revision, context.config.policy.sampler.id, ids)
    token = take(context.lake.root, name, limit_s=60)
    assert token
    return name, token


@pytest.mark.parametrize("budget", [10, 5])  # the other's plan, or one that shares its attempts
def test_who_waited_finds_what_the_other_has_paid_for(
    context: Made, monkeypatch: pytest.MonkeyPatch, budget: int
) -> None:
    first, second = context(), context(select={"budget": budget}, score={"n": 4 if budget == 10 else 3})
    run_stages(second, "split")
    name, token = held(second)

    def other_ends(waiting: RunContext) -> None:
        give_back(waiting.lake.root, name, token)
        run_stages(first, "score")

    monkeypatch.setattr(exclusive, "pause", other_ends)
    outcome = run_stages(second, "score")[-1]
    assert first.meter.samples == 32 * 4
    assert (second.meter.samples, second.meter.tokens) == (0, 0)
    assert (outcome.stage, outcome.rows_out) == ("score", 32)


def test_who_comes_after_the_other_has_ended_finds_its_attempts_too(context: Made) -> None:
    first, second = context(), context()
    late = ScoreStage(second, run_stages(second, "split"))
    assert late.remaining().attempts_max == 32 * 4  # knows what is stored before the other begins
    run_stages(first, "score")
    outcome = late.run()
    assert (outcome.rows_out, second.meter.samples) == (32, 0)


def test_a_run_that_waits_can_be_stopped_and_has_said_why(context: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = context()
    run_stages(waiting, "split")
    held(waiting)
    said: list[str] = []
    monkeypatch.setattr(waiting.reporter, "say", said.append, raising=False)
    waiting.stop = lambda: bool(said)
    with pytest.raises(Stopped, match="this worker held nothing"):
        run_stages(waiting, "score")
    assert sum("this one waits until it ends" in each for each in said) == 1
    assert waiting.meter.samples == 0


@pytest.mark.parametrize(
    ("changes", "problems"), [({"policy": {"temperature": 0.5}}, 32), ({"split": {"held_out": 9}}, 31)]
)
def test_another_sampler_or_another_pool_waits_for_nobody(
    context: Made, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], problems: int
) -> None:
    first = context()
    run_stages(first, "split")
    held(first)
    monkeypatch.setattr(exclusive, "pause", lambda _: pytest.fail("waited"))
    other = context(**changes)
    run_stages(other, "score")
    assert other.meter.samples == problems * 4


@pytest.mark.service
def test_two_commands_at_once_pay_once(
    scripted: Callable[..., Path], started: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    config = scripted(tmp_path, problems=16, policy={"delay_s": 0.2}, score={"n": 2, "problems_per_commit": 1})
    runs = [started("curate", "run", config) for _ in range(2)]
    assert [run.wait(120) for run in runs] == [0, 0]
    with Lake(tmp_path / "lake") as lake:
        (paid,) = lake.rows("SELECT sum(samples) AS samples FROM runs WHERE event = 'end'")
        (stored,) = lake.rows("SELECT count(*) AS samples FROM rollouts")
    assert paid == stored
