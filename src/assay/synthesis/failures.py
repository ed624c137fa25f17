"""`failures`: useful parts of failed attempts, found by starting again from their states (EEF)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from assay.core.ports import SynthesisEvidence
from assay.core.synthesis import AttemptedProblem, GradedAttempt, SynthesisSummary, Target
from assay.maths.beta.rise import rise_p_value

SLICE = 64  # problems whose attempts are started again at a time
State = tuple[int, int]  # right continuations, judged ones


@dataclass(frozen=True)
class Failures:
    """Go on from states of a failed attempt, and learn the right continuations with what led to them.

    A wrong attempt is cut into steps behind `delimiter`; its states lie at its beginning and behind every `every`th
    step. From each the policy goes on `completions` times. The steps between two states are beneficial where the share
    of right continuations rose, harmful where it fell, by Fisher's exact test at `alpha`; otherwise nothing is known of
    them. With one continuation per state, as in the paper, a rise is mostly chance.

    States behind a beneficial part, and behind a harmful one from which the policy still recovers, each give up to
    `keep` targets: the attempt up to there and a right continuation. Of the attempt only beneficial parts are learnt
    (`learn` = "beneficial"), or all but harmful ones ("harmless"); the rest is masked.

    Only problems of which at most `max_rate` of the attempts are right are taken up.

    Source: arXiv:2504.13145 (EEF, exploring expert failures); states of an environment are begun answers here, and the
    test is ours.
    """

    needs: ClassVar[tuple[str, ...]] = ("attempted", "complete")
    draws: ClassVar[bool] = False

    max_rate: Annotated[float, Field(ge=0, le=1)] = 0.5  # right attempts of a problem that is taken up at most
    wrong: Annotated[int, Field(ge=1)] = 1  # wrong attempts per problem at most
    every: Annotated[int, Field(ge=1)] = 1  # steps from one state to the next
    max_steps: Annotated[int, Field(ge=2)] = 12  # an attempt of more steps is left out
    completions: Annotated[int, Field(ge=2)] = 8  # from each state
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05  # of parts without effect, the share called beneficial at most
    keep: Annotated[int, Field(ge=1)] = 1  # right continuations of a state that become targets
    learn: Literal["beneficial", "harmless"] = "beneficial"  # parts of the failed attempt that carry loss
    delimiter: Annotated[str, Field(min_length=1)] = "\n"  # ends a step

    def synthesize(self, evidence: SynthesisEvidence) -> Iterator[Target | SynthesisSummary]:
        """Yield the targets, and how many parts were beneficial and harmful."""
        counts = {"taken_up": 0, "states": 0, "beneficial": 0, "harmful": 0, "unknown": 0}
        waiting: list[AttemptedProblem] = []
        for problem in evidence.attempted(texts=True):
            right = sum(attempt.correct for attempt in problem.attempts)
            if right <= self.max_rate * len(problem.attempts) and self._wrong(problem):
                waiting.append(problem)
            if len(waiting) == SLICE:
                yield from self._explored(evidence, waiting, counts)
                waiting = []
        yield from self._explored(evidence, waiting, counts)
        parts = counts["beneficial"] + counts["harmful"] + counts["unknown"]
        line = (
            f"of {parts} parts of {counts['taken_up']} failed attempts {counts['beneficial']} are beneficial and "
            f"{counts['harmful']} harmful at alpha = {self.alpha:g}; of the others nothing is known"
        )
        yield SynthesisSummary(counts, (line,))

    def _wrong(self, problem: AttemptedProblem) -> list[tuple[GradedAttempt, list[str]]]:
        """Return the first wrong attempts with their parts between states; behind the last step the attempt is over."""
        split_attempts = problem.wrong_in_steps(self.delimiter, max_steps=self.max_steps, limit=self.wrong)
        return [(attempt, self._parts(steps[:-1])) for attempt, steps in split_attempts]

    def _parts(self, steps: Sequence[str]) -> list[str]:
        return ["".join(steps[begin : begin + self.every]) for begin in range(0, len(steps), self.every)]

    def _explored(
        self, evidence: SynthesisEvidence, problems: Sequence[AttemptedProblem], counts: dict[str, int]
    ) -> Iterator[Target]:
        cases = [(problem, *case) for problem in problems for case in self._wrong(problem)]
        begun = [
            (problem.problem_id, "".join(parts[:length]))
            for problem, _, parts in cases
            for length in range(len(parts) + 1)
        ]
        if not begun:
            return
        answers = iter(evidence.complete(begun, self.completions, changes={}))
        for problem, attempt, parts in cases:
            continuations = [next(answers) for _ in range(len(parts) + 1)]
            effects = self._effects([tally(answer) for answer in continuations])
            counts["taken_up"] += 1
            counts["states"] += len(continuations)
            for effect in effects:
                counts[effect] += 1
            yield from self._targets(problem, attempt, parts, effects, continuations)

    def _effects(self, states: Sequence[State]) -> list[str]:
        """Return of each part whether it is beneficial, harmful or unknown."""
        effects = []
        for before, after in pairwise(states):
            rises, falls = rise_p_value(before, after) <= self.alpha, rise_p_value(after, before) <= self.alpha
            effects.append("beneficial" if rises else "harmful" if falls else "unknown")
        return effects

    def _targets(
        self,
        problem: AttemptedProblem,
        attempt: GradedAttempt,
        parts: Sequence[str],
        effects: Sequence[str],
        continuations: Sequence[Sequence[tuple[str, bool | None]]],
    ) -> Iterator[Target]:
        for place, effect in enumerate(effects, start=1):
            if effect == "unknown":
                continue
            right = dict.fromkeys(text for text, is_right in continuations[place] if is_right)
            for text in list(right)[: self.keep]:
                yield Target(
                    problem.problem_id,
                    problem.label.id,
                    completion="".join(parts[:place]) + text,
                    masked=self._masked(parts[:place], effects) or None,
                    policy=attempt.policy,
                    parents=(attempt.rollout_id,),
                )

    def _masked(self, parts: Sequence[str], effects: Sequence[str]) -> tuple[tuple[int, int], ...]:
        """Return the characters of the parts that are not learnt; neighbours are one span."""
        spans: list[tuple[int, int]] = []
        begin = 0
        for part, effect in zip(parts, effects, strict=False):
            end = begin + len(part)
            if effect == "harmful" or (effect == "unknown" and self.learn == "beneficial"):
                if spans and spans[-1][1] == begin:
                    spans[-1] = spans[-1][0], end
                else:
                    spans.append((begin, end))
            begin = end
        return tuple(spans)


def tally(answers: Sequence[tuple[str, bool | None]]) -> State:
    """Count right and judged continuations.

    >>> tally([("a", True), ("b", False), ("c", None)])
    (1, 2)
    """
    verdicts = [is_right for _, is_right in answers if is_right is not None]
    return sum(verdicts), len(verdicts)
