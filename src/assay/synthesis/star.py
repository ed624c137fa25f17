"""`star`: what a hint turns from wrong to right becomes a target of the question without the hint."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from assay.core.ports import SynthesisEvidence
from assay.core.synthesis import AttemptedProblem, GradedAttempt, SynthesisSummary, Target
from assay.core.types import Problem

SLICE = 128  # problems that are asked with the hint at a time


@dataclass(frozen=True)
class Star:
    """Ask each problem again with a hint, and keep right answers where the plain attempts fail.

    Sample i with the hint is set against plain sample i. Wrong then right is a flip. Some flips come by chance: of a
    problem that is solved with rate p, plain against plain flips with chance p(1 - p) in each direction, 2p(1 - p) in
    both. The control counts exactly that on the plain attempts (first half against second half), and the summary tells
    both shares; `gain` is their difference. Where it is not above 0, the hint did nothing that another try would not.

    The target of a flip is the hinted answer as the answer to the plain question, so that the hint's habit is learnt
    without the hint. Texts that repeat the hint's own words are left out with `forbid`, and equal texts of a problem
    count once.

    Source: arXiv:2503.04625 (START), hint-RFT; the tools of the paper need an environment and are not here. The control
    is ours.
    """

    needs: ClassVar[tuple[str, ...]] = ("attempted", "attempt")
    draws: ClassVar[bool] = False

    hint: str = "{problem}\n\nHint: check each step before you go on."
    attempts: Annotated[int, Field(ge=1)] = 4  # with the hint, per problem; as many plain ones are set against them
    forbid: tuple[str, ...] = ("Hint:",)  # an answer that holds one of these is no target

    def synthesize(self, evidence: SynthesisEvidence) -> Iterator[Target | SynthesisSummary]:
        """Yield the targets, and the flips with the hint and by chance."""
        counts = Counter(dict.fromkeys(("compared", "flips", "control_compared", "control_flips"), 0))
        waiting: list[AttemptedProblem] = []
        for problem in evidence.attempted():
            _control(problem, counts)
            plain = _evident(problem.attempts)[: self.attempts]
            if plain and not all(attempt.correct for attempt in plain):
                waiting.append(problem)
            elif plain:
                counts["compared"] += len(plain)  # never wrong, so the hint can flip nothing
            if len(waiting) == SLICE:
                yield from self._hinted(evidence, waiting, counts)
                waiting = []
        yield from self._hinted(evidence, waiting, counts)
        share, control = _share(counts, ""), _share(counts, "control_")
        line = (
            f"{share:.1%} of attempts flip from wrong to right with the hint, {control:.1%} by chance (plain to plain)"
        )
        values = {**counts, "flip_rate": round(share, 4), "control_rate": round(control, 4)}
        yield SynthesisSummary({**values, "gain": round(share - control, 4)}, (line,))

    def _hinted(
        self, evidence: SynthesisEvidence, problems: Sequence[AttemptedProblem], counts: Counter[str]
    ) -> Iterator[Target]:
        if not problems:
            return
        originals = evidence.problems([item.problem_id for item in problems])
        questions = [(self.hinted(originals[item.problem_id]), item.label) for item in problems]
        for item, (_, label), hinted in zip(
            problems, questions, evidence.attempt(questions, self.attempts), strict=True
        ):
            plain, digests = _evident(item.attempts)[: self.attempts], set[str]()
            for before, after in zip(plain, hinted.attempts, strict=False):
                counts["compared"] += 1
                if before.correct or not after.correct:
                    continue
                counts["flips"] += 1
                if after.digest in digests or any(word in after.text for word in self.forbid):
                    continue
                digests.add(after.digest)
                yield Target(
                    item.problem_id,
                    label.id,
                    after.rollout_id,
                    completion=after.text,
                    policy=after.policy,
                    parents=(before.rollout_id, after.rollout_id),
                )

    def hinted(self, problem: Problem) -> Problem:
        """Return a problem with the hint in its last user turn."""
        turns = list(problem.messages)
        last = max(place for place, turn in enumerate(turns) if turn.role == "user")
        turns[last] = turns[last]._replace(content=self.hint.replace("{problem}", turns[last].content))
        metadata = json.loads(problem.metadata)
        return Problem.of(tuple(turns), source=problem.source, media=problem.media, metadata=metadata)


def _evident(attempts: Sequence[GradedAttempt]) -> list[GradedAttempt]:
    return [attempt for attempt in attempts if attempt.outcome in ("correct", "wrong", "unparsable", "truncated")]


def _control(problem: AttemptedProblem, counts: Counter[str]) -> None:
    """Count flips from wrong to right of the first half of the plain attempts against the second."""
    plain = _evident(problem.attempts)
    half = len(plain) // 2
    for before, after in zip(plain[:half], plain[half : 2 * half], strict=True):
        counts["control_compared"] += 1
        counts["control_flips"] += after.correct and not before.correct


def _share(counts: Counter[str], kind: str) -> float:
    compared = counts[f"{kind}compared"]
    return counts[f"{kind}flips"] / compared if compared else 0.0
