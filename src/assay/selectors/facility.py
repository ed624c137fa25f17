"""Facility location: every problem that matters has a chosen one like it."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from assay.core.types import Pool, Selection
from assay.maths.geometry.facility import HELD, cover
from assay.maths.rl.group_signal import expected_signal
from assay.selectors._outcome import Floats, account, numbers, vectors, within


@dataclass(frozen=True)
class Facility:
    """The set grows by the problem that adds most to (1 - alpha) sum_v w_v max_u cos(u, v) + alpha n mean(w) sum_u w_u / budget.

    w is the expected group signal (by = "signal") or any other column, 0 at least; weighted = false covers all problems alike.
    alpha = 0 is coverage alone, in which hard problems pull and easy ones do not; alpha = 1 is a ranking by w. Cosines below 0
    count as 0. Greedy reaches at least 1 - 1/e of the best possible sum. Equal gains are taken by id. Dropped: `not_chosen`.

    Source: Nemhauser et al. (1978) for the greedy bound; Minoux (1978) for lazy evaluation; QDIT, arXiv:2311.14736, for
    quality beside coverage. Weighing what is covered by its signal is ours. O(n^2 d) time; in pools above 8,192
    problems the coverage of `sample` random problems stands for all, which takes O(n s d) and errs by O(1 / sqrt(s)) of the sum
    (Badanidiyuru et al. (2014), Streaming Submodular Maximization).
    """

    by: str = "signal"
    weighted: bool = True
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.0  # 0 = coverage, 1 = the problems' own score
    group_size: Annotated[int, Field(ge=2)] = 8  # G of the training run; read by "signal" only
    sample: Annotated[int, Field(ge=0)] = (
        4096  # problems whose coverage is counted in pools above 8,192; 0 = all: exact and slow
    )

    @property
    def needs(self) -> tuple[str, ...]:
        """Vectors, and the score where it is read."""
        if not (self.weighted or self.alpha):
            return ("vectors",)
        return ("vectors", "post_a", "post_b") if self.by == "signal" else ("vectors", self.by)

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """min(budget, n) problems; chance plays a part above 8,192 alone."""
        rows, kept = vectors(pool), within(budget, len(pool))
        score = self._score(pool)
        weight = (1 - self.alpha) * (score if self.weighted else np.ones(len(pool)))  # (n,)
        own = self.alpha * len(pool) * score.mean() * score / max(1, kept) if self.alpha else np.zeros(len(pool))
        few = 0 < self.sample < len(pool) > HELD
        among = np.sort(rng.choice(len(pool), size=self.sample, replace=False)) if few else None
        return account(pool, cover(rows, kept, weight=weight, own=own, among=among))

    def _score(self, pool: Pool) -> Floats:
        if not (self.weighted or self.alpha):
            return np.ones(len(pool))
        if self.by == "signal":
            return expected_signal(numbers(pool, "post_a"), numbers(pool, "post_b"), self.group_size)
        score = numbers(pool, self.by)
        if (wrong := np.flatnonzero(score < 0)).size:
            raise ValueError(
                f"problem {pool.ids[wrong[0]]!r} has {self.by} = {score[wrong[0]]}; a weight is 0 at least"
            )
        return score
