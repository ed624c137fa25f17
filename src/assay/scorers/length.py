"""How long a policy's right answers are, and how many answers the token limit truncated."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field
from scipy import special

from assay.core.ports import EvidenceProvider
from assay.core.types import Counts, Score, StoredAttempt


@dataclass(frozen=True)
class Length:
    """Score a problem by the mean tokens of its right answers; where none was right, of all its attempts, and censored.

    The counts tell the share of truncated attempts. Longer is harder. The interval is the exact one for exponential
    lengths, 2 S over chi-square quantiles with 2 k degrees of freedom for k answers of S tokens in all: real lengths
    scatter less than that, so it is wide, and it is finite for one answer.

    Source: ours; long right answers as a mark of difficulty appear in many reports, without an interval. `mean` holds
    it for selectors.
    """

    joint: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("draw_attempts",)

    n: Annotated[int, Field(ge=1)] = 8  # attempts per problem
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95

    def attempts(self) -> tuple[int, int]:
        """Return the attempts per problem, at least and at most."""
        return self.n, self.n

    def score(self, ids: Sequence[str], attempts: EvidenceProvider) -> list[Score]:
        """Return one score per problem that has an attempt, ids ascending."""
        by_problem = attempts.draw_attempts(dict.fromkeys(sorted(ids), self.n), {})
        return [self._score(id_, by_problem[id_]) for id_ in sorted(ids) if by_problem[id_]]

    def _score(self, id_: str, attempts: Sequence[StoredAttempt]) -> Score:
        right = [attempt.tokens for attempt in attempts if attempt.outcome == "correct"]
        tokens = right or [attempt.tokens for attempt in attempts]
        low, high = mean_interval(sum(tokens), len(tokens), level=self.level)
        counts = Counts()
        for attempt in attempts:
            counts = counts.plus(attempt.outcome)
        return Score(
            problem_id=id_,
            scorer="length",
            value=sum(tokens) / len(tokens),
            low=low,
            high=high,
            counts=counts,
            censored=not right,
            direction="harder",
        )


def mean_interval(total: float, k: int, *, level: float) -> tuple[float, float]:
    """Return the exact interval for the mean of k exponential numbers that sum to `total`.

    >>> low, high = mean_interval(10, 1, level=0.95)
    >>> round(low, 2), round(high)
    (2.71, 395)
    """
    tail = (1 - level) / 2
    return total / float(special.gammaincinv(k, 1 - tail)), total / float(special.gammaincinv(k, tail))
