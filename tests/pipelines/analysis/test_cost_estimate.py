"""What is left, in bytes as well."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest

from assay.core.types import Request, Rollout
from assay.engines.scripted import Scripted
from assay.pipelines.analysis.cost_estimate import OVERHEAD, estimate_cost
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.sampling import attempts

MakeContext = Callable[..., RunContext]


def test_before_the_split_nobody_knows_how_much_disk_it_takes(context: MakeContext) -> None:
    assert estimate_cost(context(), 0)["disk"]["bytes"] is None


def test_without_attempts_the_disk_is_guessed_from_the_cap(context: MakeContext) -> None:
    run_stages(context(), "split")
    disk = estimate_cost(context(), 0)["disk"]
    assert (disk["bytes"], disk["attempts"], disk["short"]) == (32 * 4 * (OVERHEAD + 16 * 2), 0, False)


def test_with_attempts_it_is_what_they_took_and_nothing_where_nothing_is_left(
    walked: MakeContext, context: MakeContext
) -> None:
    run_context = walked()
    taken = sum(
        file.bytes
        for entry in run_context.lake.entries()
        for file in entry.files
        if file.table in ("rollouts", "completions", "verdicts")
    )
    assert estimate_cost(context(), 0)["disk"]["bytes"] == 0
    more = estimate_cost(context(score={"n": 8}), 0)["disk"]
    assert (more["bytes"], more["attempts"]) == (taken, 32 * 4), "as many again"


def test_a_disk_that_is_too_small_is_said(context: MakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    run_stages(context(), "split")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000))
    assert estimate_cost(context(), 0)["disk"]["short"]


def test_an_adaptive_design_takes_between_its_fewest_and_its_most_attempts(context: MakeContext) -> None:
    score = {"allocation": "adaptive", "min_attempts": 2, "max_attempts": 8, "attempts_per_wave": 2}
    run_stages(context(score=score), "split")
    disk = estimate_cost(context(score=score), 0)["disk"]
    assert disk["bytes"] == 32 * 8 * (OVERHEAD + 16 * 2)
    assert disk["bytes_min"] == 32 * 2 * (OVERHEAD + 16 * 2)


@dataclass(frozen=True)
class LongTailed(Scripted):
    """The scripted engine with four places, on a clock of its own: the last sample of the first eight takes 50 s, the others one."""

    capacity: int = 4
    clock: list[float] = field(default_factory=lambda: [0.0])

    def monotonic(self) -> float:
        return self.clock[0]

    def stream(self, requests: Iterable[Request | None]) -> Iterator[tuple[Rollout, ...]]:
        waiting = [(request, sample) for request in requests if request for sample in request.samples]
        starts, running = 0, list[tuple[float, Request, int]]()
        while waiting or running:
            while waiting and len(running) < self.capacity:
                starts += 1
                running.append((self.clock[0] + (50 if starts == 8 else 1), *waiting.pop(0)))
            end, request, sample = min(running, key=lambda place: place[0])
            running.remove((end, request, sample))
            self.clock[0] = end
            yield tuple(next(iter(self.generate([replace(request, samples=(sample,))]))))


def test_the_wait_for_a_pilots_longest_answer_is_not_multiplied(
    context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_stages(context(), "split")
    piloting = context()
    engine = LongTailed(rule="sum")
    vars(piloting)["engine"] = engine
    monkeypatch.setattr(attempts, "time", engine)
    estimate = estimate_cost(piloting, 2)
    low, high = estimate["seconds"]
    assert low <= 30 * 4 * (7 * 1 + 50) / 8 / engine.capacity <= high, "what 120 more answers like these take"
    assert high < 300, "51 s for 8 answers were 765 s for 120"
