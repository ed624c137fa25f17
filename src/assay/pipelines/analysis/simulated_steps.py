"""Simulated training steps under any curriculum, those that attempt groups in parts included."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from assay.core.ports import OnlineCurriculum, PilotCurriculum
from assay.core.types import Counts, GroupResult

Attempt = Callable[[Sequence[str], int], list[GroupResult]]  # problem ids, rollouts of each


def binomial_attempts(
    rows: dict[str, int], rate: Callable[[], NDArray[np.float64]], rng: np.random.Generator
) -> Attempt:
    """Return a function that draws the outcome of a group per problem.

    Args:
        rows: row of each problem id.
        rate: gives the pass rates as they are now, (n,).
        rng: draws the outcomes.
    """

    def attempt(ids: Sequence[str], rollouts: int) -> list[GroupResult]:
        right = rng.binomial(rollouts, rate()[[rows[id_] for id_ in ids]])
        return [group_result(id_, int(k), rollouts) for id_, k in zip(ids, right, strict=True)]

    return attempt


def group_result(id_: str, right: int, size: int) -> GroupResult:
    """Return the result of a group with so many right rollouts, advantages divided by their deviation."""
    share = right / size
    return GroupResult(id_, Counts(correct=right, wrong=size - right), 2 * (share * (1 - share)) ** 0.5)


def simulate_step(
    course: OnlineCurriculum, groups: int, group_size: int, attempt: Attempt
) -> tuple[list[GroupResult], int]:
    """Simulate one optimiser step.

    Args:
        course: the curriculum under way.
        groups: groups of the step.
        group_size: rollouts of a whole group.
        attempt: draws the outcomes of some rollouts per problem.

    Returns:
        All that was attempted, groups and pilots that did not go on, and how many groups are trained on.
    """
    if isinstance(course, PilotCurriculum) and course.pilot:
        return _step_with_pilots(course, groups, group_size, attempt)
    paid_groups: list[GroupResult] = []
    n_admitted = 0
    for _ in range(1 + course.max_resamples):
        results = attempt(course.sample(groups), group_size)  # a refill is a whole batch, as in the trainer
        course.observe(results)
        paid_groups += results
        n_admitted += sum(map(course.admits, results))
        if n_admitted >= groups or not results:
            break
    return paid_groups, min(n_admitted, groups)


def _step_with_pilots(
    course: PilotCurriculum, groups: int, group_size: int, attempt: Attempt
) -> tuple[list[GroupResult], int]:
    pilots: dict[str, GroupResult] = {}

    def attempt_part(ids: Sequence[str]) -> list[GroupResult]:
        results = attempt(ids, course.pilot)
        pilots.update((result.problem_id, result) for result in results)
        return results

    results: list[GroupResult] = []
    for id_ in course.screen(groups, group_size, attempt_part):
        pilot_group = None if course.fresh else pilots.pop(id_, None)
        first = pilot_group.counts.correct if pilot_group else 0
        rest = attempt([id_], group_size - course.pilot if pilot_group else group_size)[0].counts.correct
        results.append(group_result(id_, first + rest, group_size))
    course.observe(results)
    return [*pilots.values(), *results], sum(map(course.admits, results))
