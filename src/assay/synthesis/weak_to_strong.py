"""`weak_to_strong`: preferences without gold answers, from how sure the policy's own attempts agree."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from assay.core.ports import SynthesisEvidence
from assay.core.synthesis import AttemptedProblem, GradedAttempt, Pair, SynthesisSummary


@dataclass(frozen=True)
class WeakToStrong:
    """Pair attempts that give the answer most attempts agree on with attempts that give another; no label is read.

    A problem whose largest group holds less than `min_share` of its attempts is dropped. The chosen attempt gives the
    majority's answer, the rejected one another answer; up to `pairs` pairs per problem, no attempt twice. Confidence is
    the share of the majority. A pair is `verified` where the gold answer agrees on both sides, so the summary tells how
    often the votes alone would have misled: a shared error is sure and wrong.

    Source: arXiv:2407.13647 (weak-to-strong reasoning), stage 2: 10 samples, below .6 dropped, at most 3 pairs on MATH.
    There the weak model's text stands on one side; here both sides are the policy's own.
    """

    needs: ClassVar[tuple[str, ...]] = ("attempted",)
    draws: ClassVar[bool] = False

    min_share: Annotated[float, Field(gt=0, le=1)] = 0.6  # of the attempts with an answer that agree
    pairs: Annotated[int, Field(ge=1)] = 3  # per problem at most
    min_attempts: Annotated[int, Field(ge=2)] = 4  # with an answer; with fewer there is no pair

    def synthesize(self, evidence: SynthesisEvidence) -> Iterator[Pair | SynthesisSummary]:
        """Yield the pairs, and how often the majority was right."""
        counts = Counter({"paired": 0, "undecided": 0, "unanimous": 0, "majority_right": 0})
        for problem in evidence.attempted():
            majority, minority, share = divided(problem)
            if len(majority) + len(minority) < self.min_attempts or share < self.min_share:
                counts["undecided"] += 1
                continue
            if not minority:
                counts["unanimous"] += 1
                continue
            counts["paired"] += 1
            counts["majority_right"] += majority[0].correct
            for chosen, rejected in list(zip(majority, minority, strict=False))[: self.pairs]:
                yield Pair(
                    problem.problem_id,
                    "majority",
                    chosen.rollout_id,
                    rejected.rollout_id,
                    confidence=share,
                    policy=chosen.policy,
                    parents=(chosen.rollout_id, rejected.rollout_id),
                )
        share = counts["majority_right"] / counts["paired"] if counts["paired"] else 0.0
        line = (
            f"{counts['paired']} problems paired, {counts['undecided']} undecided, {counts['unanimous']} unanimous; "
            f"the majority was right on {share:.1%} of the paired ones"
        )
        yield SynthesisSummary(dict(counts), (line,))


def divided(problem: AttemptedProblem) -> tuple[Sequence[GradedAttempt], Sequence[GradedAttempt], float]:
    """Return the attempts that give the most frequent answer, those that give another, and the share of the first."""
    answered = [attempt for attempt in problem.attempts if attempt.answer]
    if not answered:
        return [], [], 0.0
    votes = Counter(attempt.answer for attempt in answered)
    answer, count = max(votes.items(), key=lambda item: item[1])
    majority = [attempt for attempt in answered if attempt.answer == answer]
    return majority, [attempt for attempt in answered if attempt.answer != answer], count / len(answered)
