"""`refuse`: say "I am sure" behind what the policy knows, and "I am unsure" behind what it does not (R-Tuning)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from assay.core.ports import SynthesisEvidence
from assay.core.synthesis import AttemptedProblem, GradedAttempt, SynthesisSummary, Target


@dataclass(frozen=True)
class Refuse:
    """Divide problems into known and unknown ones by their pass rates, and teach the policy to say which.

    The pass rate is the posterior mean under a uniform prior, (right + 1) / (right + wrong + 2). Above `known` a
    problem's first right attempt becomes a target with `sure` behind it; below `unknown` one with `unsure` behind it;
    those between teach neither. Of an unknown problem the answer is the gold one, as in the paper (`answer` = "gold"),
    or the policy's own wrong one, of which only `unsure` is learnt ("own"): then the row holds a wrong answer, is not
    verified, and is learnt only where `sft.verified = false`.

    Source: arXiv:2311.09677 (R-Tuning), which asks greedily and once: known is right there, unknown is wrong.
    """

    needs: ClassVar[tuple[str, ...]] = ("attempted",)
    draws: ClassVar[bool] = False

    known: Annotated[float, Field(ge=0, le=1)] = 0.7  # posterior means from here on are known
    unknown: Annotated[float, Field(ge=0, le=1)] = 0.3  # and up to here unknown
    min_attempts: Annotated[int, Field(ge=1)] = 4  # with fewer a problem is neither
    answer: Literal["gold", "own"] = "gold"  # of an unknown problem
    sure: str = "\n\nAre you sure you accurately answered the question? I am sure."
    unsure: str = "\n\nAre you sure you accurately answered the question? I am unsure."
    solution: str = "solution"  # a field that the source kept: the worked solution; without it the gold answer stands
    gold_template: str = "{answer}"

    def __post_init__(self) -> None:
        if self.unknown >= self.known:
            raise ValueError(f"unknown = {self.unknown:g} must be below known = {self.known:g}")

    def synthesize(self, evidence: SynthesisEvidence) -> Iterator[Target | SynthesisSummary]:
        """Yield a target per known and unknown problem, and how many are neither."""
        counts = Counter({"known": 0, "unknown": 0, "between": 0, "too_few": 0})
        for problem in evidence.attempted(texts=True):
            attempts = [
                attempt for attempt in problem.attempts if attempt.outcome in ("correct", "wrong", "unparsable")
            ]
            mean = posterior_mean(attempts)
            if len(attempts) < self.min_attempts:
                counts["too_few"] += 1
            elif mean >= self.known:
                counts["known"] += 1
                yield self._known(problem)
            elif mean <= self.unknown:
                counts["unknown"] += 1
                yield self._unknown(evidence, problem)
            else:
                counts["between"] += 1
        line = (
            f"{counts['known']} problems are known, {counts['unknown']} unknown, {counts['between']} between "
            f"{self.unknown:g} and {self.known:g}, {counts['too_few']} have fewer than {self.min_attempts} attempts"
        )
        yield SynthesisSummary(dict(counts), (line,))

    def _known(self, problem: AttemptedProblem) -> Target:
        own = next(attempt for attempt in problem.attempts if attempt.correct)
        return Target(
            problem.problem_id,
            problem.label.id,
            completion=own.text + self.sure,
            policy=own.policy,
            parents=(own.rollout_id,),
        )

    def _unknown(self, evidence: SynthesisEvidence, problem: AttemptedProblem) -> Target:
        own = next((attempt for attempt in problem.attempts if attempt.outcome == "wrong"), None)
        if self.answer == "own" and own is not None:
            return Target(
                problem.problem_id,
                problem.label.id,
                completion=own.text + self.unsure,
                masked=((0, len(own.text)),) if own.text else None,
                policy=own.policy,
                parents=(own.rollout_id,),
            )
        solution = evidence.field(self.solution, [problem.problem_id]).get(problem.problem_id)
        gold = str(solution or self.gold_template.replace("{answer}", problem.label.answers[0]))
        return Target(
            problem.problem_id,
            problem.label.id,
            completion=gold + self.unsure,
            origin="gold",
            parents=(problem.label.id,),
        )


def posterior_mean(attempts: list[GradedAttempt]) -> float:
    """Return the mean of a pass rate under a uniform prior, in (0, 1)."""
    return (sum(attempt.correct for attempt in attempts) + 1) / (len(attempts) + 2)
