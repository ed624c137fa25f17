"""`unpaired`: a policy's own right attempts to imitate and its wrong ones to avoid, for KTO."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from assay.core.ports import SynthesisEvidence
from assay.core.synthesis import SynthesisSummary, Target


@dataclass(frozen=True)
class Unpaired:
    """Keep right attempts as desirable and wrong ones as undesirable answers, also where a problem has one kind alone.

    A pair needs a right and a wrong attempt at one problem, so preferences say nothing of problems that are always
    solved or never. KTO learns from single answers. The first attempts by sample index are kept; equal texts count
    once. Cut attempts and those that no verifier could judge are on neither side.

    Source: arXiv:2402.01306 (KTO), which takes answers of which each is known to be desirable or not.
    """

    needs: ClassVar[tuple[str, ...]] = ("attempted",)
    draws: ClassVar[bool] = False

    right: Annotated[int, Field(ge=0)] = 4  # right attempts per problem at most
    wrong: Annotated[int, Field(ge=0)] = 4  # wrong attempts per problem at most

    def synthesize(self, evidence: SynthesisEvidence) -> Iterator[Target | SynthesisSummary]:
        """Yield the answers, and how many problems have answers of both kinds, of one or of none."""
        counts = {"desirable": 0, "undesirable": 0, "both": 0, "only_right": 0, "only_wrong": 0, "neither": 0}
        for problem in evidence.attempted():
            right = problem.distinct("correct")[: self.right]
            wrong = problem.distinct("wrong", "unparsable")[: self.wrong]
            counts["desirable"] += len(right)
            counts["undesirable"] += len(wrong)
            counts["both" if right and wrong else "only_right" if right else "only_wrong" if wrong else "neither"] += 1
            for attempt in (*right, *wrong):
                yield Target(
                    problem.problem_id,
                    problem.label.id,
                    attempt.rollout_id,
                    policy=attempt.policy,
                    parents=(attempt.rollout_id,),
                    desirable=attempt.correct,
                )
        line = (
            f"{counts['desirable']} desirable and {counts['undesirable']} undesirable answers; {counts['both']} "
            f"problems have both, {counts['only_right']} right ones alone, {counts['only_wrong']} wrong ones alone, "
            f"{counts['neither']} neither"
        )
        yield SynthesisSummary(counts, (line,))
