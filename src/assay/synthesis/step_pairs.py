"""`step_pairs`: where a wrong attempt fell into the pit, by how often the policy still gets there from each step."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from assay.core.ports import SynthesisEvidence
from assay.core.synthesis import AttemptedProblem, GradedAttempt, Pair, StepLabels, StepValue, SynthesisSummary

SLICE = 64  # problems whose attempts are continued at a time


@dataclass(frozen=True)
class StepPairs:
    """Pair a right attempt with a wrong one up to and with its first pit, and label every step with its value.

    A wrong attempt is cut into steps behind `delimiter`. Q of a step is the share of `completions` continuations from
    behind it that are right; Q before the first step is the problem's own pass rate. The advantage of a step is Q
    behind it minus Q before it. The first pit is the first step whose Q lies within 1.5 standard errors (of a share of
    1/2) of the attempt's lowest. The rejected text ends there, because what follows a lost position teaches nothing,
    and the margin is the fall of Q at that step. Where no step lowers Q by at least `min_drop`, there is no pair.

    A problem needs a right attempt for the chosen side. Continuations are stored, so they are paid for once.

    Source: arXiv:2406.14532 (RL on incorrect synthetic data), sec. 5: Q by best-of-5 there; shares are ours. Arbitrary
    pairs of right and wrong attempts brought nothing there.
    """

    needs: ClassVar[tuple[str, ...]] = ("attempted", "complete")
    draws: ClassVar[bool] = False

    wrong: Annotated[int, Field(ge=1)] = 2  # wrong attempts per problem at most; 8 in the paper
    completions: Annotated[int, Field(ge=1)] = 4  # from behind each step
    max_steps: Annotated[int, Field(ge=2)] = 12  # an attempt of more steps is left out
    min_drop: Annotated[float, Field(gt=0, le=1)] = 0.25  # fall of Q at the pit at least
    delimiter: Annotated[str, Field(min_length=1)] = "\n"  # ends a step

    def synthesize(self, evidence: SynthesisEvidence) -> Iterator[Pair | StepLabels | SynthesisSummary]:
        """Yield pairs and step labels, and how many wrong attempts had no pit."""
        counts = {"problems": 0, "attempts": 0, "pits": 0, "no_right": 0}
        waiting: list[AttemptedProblem] = []
        for problem in evidence.attempted(texts=True):
            if not any(attempt.correct for attempt in problem.attempts):
                counts["no_right"] += bool(problem.attempts)
                continue
            if self._wrong(problem):
                waiting.append(problem)
            if len(waiting) == SLICE:
                yield from self._walked(evidence, waiting, counts)
                waiting = []
        yield from self._walked(evidence, waiting, counts)
        line = (
            f"{counts['pits']} of {counts['attempts']} wrong attempts at {counts['problems']} problems fell into a "
            f"pit; {counts['no_right']} problems have no right attempt to set against a wrong one"
        )
        yield SynthesisSummary(counts, (line,))

    def _wrong(self, problem: AttemptedProblem) -> list[tuple[GradedAttempt, list[str]]]:
        return problem.wrong_in_steps(self.delimiter, max_steps=self.max_steps, limit=self.wrong)

    def _walked(
        self, evidence: SynthesisEvidence, problems: Sequence[AttemptedProblem], counts: dict[str, int]
    ) -> Iterator[Pair | StepLabels]:
        cases = [(problem, *case) for problem in problems for case in self._wrong(problem)]
        begun = [
            (problem.problem_id, "".join(steps[:length]))
            for problem, _, steps in cases
            for length in range(1, len(steps))  # behind the last step the attempt is over, and wrong
        ]
        if not begun:
            return
        answers = iter(evidence.complete(begun, self.completions, changes={}))
        counts["problems"] += len(problems)
        for problem, attempt, steps in cases:
            values = [_value(step, next(answers)) for step in steps[:-1]] + [StepValue(steps[-1], 1, 0)]
            counts["attempts"] += 1
            yield StepLabels(
                problem.problem_id,
                tuple(values),
                attempt.rollout_id,
                correct=False,
                policy=attempt.policy,
                parents=(attempt.rollout_id,),
            )
            if (pair := self._pair(problem, attempt, values)) is not None:
                counts["pits"] += 1
                yield pair

    def _pair(self, problem: AttemptedProblem, attempt: GradedAttempt, values: Sequence[StepValue]) -> Pair | None:
        right = [each for each in problem.attempts if each.correct]
        q = [value.value if value.value is not None else 1.0 for value in values]  # not judged: no sign of a pit
        pit = first_pit(q, self.completions)
        before = q[pit - 1] if pit else len(right) / len(problem.attempts)
        if before - q[pit] < self.min_drop:
            return None
        chosen = right[0]
        return Pair(
            problem.problem_id,
            "first_pit",
            chosen.rollout_id,
            attempt.rollout_id,
            label_id=problem.label.id,
            rejected_text="".join(value.text for value in values[: pit + 1]),
            margin=before - q[pit],
            policy=attempt.policy,
            parents=(chosen.rollout_id, attempt.rollout_id),
        )


def first_pit(values: Sequence[float], completions: int) -> int:
    """Return the place of the first step whose value is not surely above the lowest one.

    The lowest of several noisy values is seldom the first of those that are truly lowest, so what lies within 1.5
    standard errors of it counts as the lowest.

    >>> first_pit([0.5, 0.05, 0.4, 0.0], 100)
    1
    """
    margin = 0.75 / math.sqrt(completions)
    lowest = min(values)
    return next(place for place, value in enumerate(values) if value <= lowest + margin)


def _value(step: str, answers: Sequence[tuple[str, bool | None]]) -> StepValue:
    verdicts = [right for _, right in answers if right is not None]
    return StepValue(step, len(verdicts), sum(verdicts))
