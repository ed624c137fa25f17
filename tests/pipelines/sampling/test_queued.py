"""Drawing until answers are right: on an engine that streams, up to a limit, and around attempts that fail."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from assay.core.types import Request, Rollout
from assay.engines.scripted import Scripted
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import read_side
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.runner.synthesis import run_synthesis
from assay.pipelines.sampling.queued import QueuedRollouts

Made = Callable[..., RunContext]
DART = {"rule": "uniform", "answers_per_problem": 3, "max_attempts": 24, "distinct": False, "attempts_per_batch": 16}


@dataclass(frozen=True)
class Streaming(Scripted):
    """The scripted engine, one sample at a time, as there is room for `room`; some samples never come."""

    room: int = 8
    fails: tuple[str, ...] = ()  # problems whose attempts fail

    def stream(self, requests: Iterable[Request | None]) -> Iterator[tuple[Rollout, ...]]:
        """Take requests while there is room, and answer the oldest sample first."""
        flying: list[tuple[Request, int]] = []
        source, more = iter(requests), True
        while more or flying:
            while more and len(flying) < self.room:
                request = next(source, False)
                if request is False:
                    more = False
                elif request is None:
                    break
                else:
                    flying += [(request, sample) for sample in request.samples]
            if not flying:
                yield ()
                continue
            request, sample = flying.pop(0)
            (rollout,) = next(iter(self.generate([replace(request, samples=(sample,))])))
            lost = request.problem_id in self.fails
            yield (replace(rollout, fault="gone", text="", finish="error") if lost else rollout,)


@pytest.fixture(autouse=True)
def attempted(resumed: Made) -> None:
    """The lake holds the attempts that scoring draws."""
    resumed("score")


def scored(made: Made, **changes: Any) -> RunContext:
    context = made(synthesize={"settings": {"dart": DART}}, **changes)
    run_stages(context, "score")
    return context


def test_an_engine_that_streams_draws_as_many_as_one_that_answers_in_batches(context: Made) -> None:
    plain = scored(context)
    (whole,) = run_synthesis(plain, "dart")
    problems, labels = read_side(plain, run_stages(plain, "score"), "train")
    streamed = context(lake=f"{plain.config.lake}-streamed")
    streamed.__dict__["engine"] = Streaming(rule="sum", model="scripted")
    results = run_stages(streamed, "score")
    assert len(read_side(streamed, results, "train")[0]) == len(problems)
    attempts = QueuedRollouts(streamed, problems, labels)
    queue = attempts.draw_queue(dict.fromkeys(problems, 3), cap=24, batch=16, seen=None)
    assert queue.finished
    assert ((queue.right >= 3) | (queue.trials == 24)).all()
    assert int((queue.right < 3).sum()) == whole.detail["short"]
    assert not queue.in_flight.any()
    assert attempts.stored == int(queue.trials.sum())


def test_a_problem_whose_attempts_fail_waits_for_the_next_run(context: Made) -> None:
    made = scored(context)
    problems, labels = read_side(made, run_stages(made, "score"), "train")
    gone = sorted(problems)[0]
    made.__dict__["engine"] = Streaming(rule="sum", model="scripted", fails=(gone,))
    attempts = QueuedRollouts(made, problems, labels)
    before = len(attempts.samples_of(gone))
    queue = attempts.draw_queue(dict.fromkeys(problems, 24), cap=24, batch=16, seen=None)
    assert queue.finished
    assert attempts.failed > 0
    assert len(attempts.samples_of(gone)) == before
    assert all(len(attempts.samples_of(id_)) == 24 for id_ in problems if id_ != gone)


def test_a_limit_leaves_a_partly_filled_target_and_the_next_run_goes_on(context: Made) -> None:
    made = scored(context)
    limited = context(synthesize={"settings": {"dart": DART}}, limit={"tokens": 60})
    (partly,) = run_synthesis(limited, "dart")
    assert partly.partly
    assert 0 < partly.detail["answers"] < partly.detail["wanted"]
    assert limited.meter.tokens < 60 + 16 * 8
    drawn = limited.meter.samples
    again = context(synthesize={"settings": {"dart": DART}})
    (whole,) = run_synthesis(again, "dart")
    assert not whole.partly
    assert whole.key == partly.key
    targets = again.lake.rows("SELECT count(*) AS n, count(DISTINCT rollout_id) AS rollouts FROM targets")
    assert targets == [{"n": whole.detail["answers"], "rollouts": whole.detail["answers"]}]
    once = context(lake=f"{made.config.lake}-once", synthesize={"settings": {"dart": DART}})
    run_stages(once, "score")
    before = once.meter.samples
    run_synthesis(once, "dart")
    assert once.meter.samples - before == pytest.approx(drawn + again.meter.samples, abs=48)
