"""`onpolicy_pairs`: preferences between a policy's own right and wrong attempts at one problem."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from assay.core.ports import SynthesisEvidence
from assay.core.synthesis import GradedAttempt, Pair, SynthesisSummary


@dataclass(frozen=True)
class OnpolicyPairs:
    """Pair each problem's right attempts with its wrong ones, both written by the same policy.

    Preference tuning moves mass where both sides come from the policy itself, so attempts of other policies are never
    paired. Cut attempts and those that no verifier could judge are on neither side. Each attempt is used at most once,
    equal texts count once, and `length` says whether right and wrong ones meet in sampled order or by nearest length,
    which keeps the pairs from teaching length.

    The margin is the difference of the rewards, 1. A problem without one of the sides gives no pair.

    Source: arXiv:2404.14367 (preference fine-tuning of LLMs should leverage suboptimal, on-policy data).
    """

    needs: ClassVar[tuple[str, ...]] = ("attempted",)
    draws: ClassVar[bool] = False

    pairs: Annotated[int, Field(ge=1)] = 4  # per problem at most
    length: Literal["any", "near"] = "any"  # "near": wrong ones of the most similar length in tokens come first

    def synthesize(self, evidence: SynthesisEvidence) -> Iterator[Pair | SynthesisSummary]:
        """Yield the pairs, and how many problems have none for want of which side."""
        counts = {"paired": 0, "no_right": 0, "no_wrong": 0, "unattempted": 0}
        for problem in evidence.attempted():
            right, wrong = problem.distinct("correct"), problem.distinct("wrong", "unparsable")
            name = "paired" if right and wrong else "no_right" if wrong else "no_wrong" if right else "unattempted"
            counts[name] += 1
            for chosen, rejected in self._matched(right, wrong):
                yield Pair(
                    problem.problem_id,
                    "own",
                    chosen.rollout_id,
                    rejected.rollout_id,
                    label_id=problem.label.id,
                    margin=1.0,
                    policy=chosen.policy,
                    parents=(chosen.rollout_id, rejected.rollout_id),
                )
        line = (
            f"{counts['paired']} problems have pairs, {counts['no_right']} have no right attempt, "
            f"{counts['no_wrong']} no wrong one, {counts['unattempted']} neither"
        )
        yield SynthesisSummary(counts, (line,))

    def _matched(
        self, right: list[GradedAttempt], wrong: list[GradedAttempt]
    ) -> Iterator[tuple[GradedAttempt, GradedAttempt]]:
        partners = list(wrong)
        for chosen in right[: self.pairs]:
            if not partners:
                return
            key = 0 if self.length == "any" else nearest(chosen, partners)
            yield chosen, partners.pop(key)


def nearest(attempt: GradedAttempt, others: list[GradedAttempt]) -> int:
    """Return the place of the one whose length in tokens is nearest; of equals the first."""
    return min(range(len(others)), key=lambda place: abs(others[place].tokens - attempt.tokens))
