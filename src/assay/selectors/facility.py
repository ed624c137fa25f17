"""`facility`: a set that covers the pool, so that every problem that matters has a similar one among the chosen."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from assay.core.types import Pool, Selection
from assay.maths.geometry.facility import MAX_DENSE_ROWS, greedy_cover
from assay.maths.rl.group_signal import expected_signal
from assay.selectors._pool_rows import (
    Floats,
    Ints,
    build_selection,
    clip_budget,
    draw_candidates,
    numeric_column,
    unit_vectors,
)


@dataclass(frozen=True)
class Facility:
    """Add problems greedily, each time the one that raises the facility-location objective most.

    The objective is (1 - alpha) sum_v w_v max_u cos(u, v) + alpha n mean(w) sum_u w_u / budget, over chosen u and all
    v. w is the expected group signal (by = "signal") or another column with values of at least 0; weighted = false
    gives every problem the same w in the first term. alpha = 0 is coverage alone, alpha = 1 a ranking by w. Cosines
    below 0 count as 0. The greedy set reaches at least 1 - 1/e of the best possible objective. Equal gains are taken by
    id.

    It takes O(n^2 d) time. In pools above 8,192 problems the coverage of `sample` random problems stands for that of
    all, which takes O(n s d) and errs by O(1 / sqrt(s)) of the sum. In pools of more than `candidates` problems it
    chooses among so many random ones (or four per problem of the budget), whose vectors alone are read.

    Dropped: `not_chosen`.

    Source: Nemhauser et al. (1978) for the greedy bound; Minoux (1978) for lazy evaluation; QDIT, arXiv:2311.14736, for
    quality beside coverage; Badanidiyuru et al. (2014), Streaming Submodular Maximization, for the sample. Weighting
    covered problems by their signal is ours.
    """

    by: str = "signal"
    weighted: bool = True
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.0  # 0 = coverage, 1 = the problems' own score
    group_size: Annotated[int, Field(ge=2)] = 8  # G of the training run; read by "signal" only
    sample: Annotated[int, Field(ge=0)] = 4096  # problems to cover in pools above 8,192; 0 = all, exact but slow
    candidates: Annotated[int, Field(ge=0)] = 200_000  # problems that are compared in larger pools; 0 = all

    @property
    def needs(self) -> tuple[str, ...]:
        """Vectors, and the columns of the score if it is read."""
        if not (self.weighted or self.alpha):
            return ("vectors",)
        return ("vectors", "beta_a", "beta_b") if self.by == "signal" else ("vectors", self.by)

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """Keep min(budget, n) problems; `rng` is used in pools above 8,192 or `candidates` only."""
        size = clip_budget(budget, len(pool))
        compared, rows = draw_candidates(pool, size, self.candidates, rng)
        return build_selection(pool, rows[self._cover(compared, size, rng)])

    def _cover(self, pool: Pool, size: int, rng: np.random.Generator) -> Ints:
        """Return (size,) rows of the pool that are compared, in the order in which they were chosen."""
        vectors, score = unit_vectors(pool), self._score(pool)
        weight = (1 - self.alpha) * (score if self.weighted else np.ones(len(pool)))  # (n,)
        own = self.alpha * len(pool) * score.mean() * score / max(1, size) if self.alpha else np.zeros(len(pool))
        is_sampled = 0 < self.sample < len(pool) > MAX_DENSE_ROWS
        sample = np.sort(rng.choice(len(pool), size=self.sample, replace=False)) if is_sampled else None
        return greedy_cover(vectors, size, weight=weight, own=own, sample=sample)

    def _score(self, pool: Pool) -> Floats:
        if not (self.weighted or self.alpha):
            return np.ones(len(pool))
        if self.by == "signal":
            return expected_signal(numeric_column(pool, "beta_a"), numeric_column(pool, "beta_b"), self.group_size)
        score = numeric_column(pool, self.by)
        if (negative := np.flatnonzero(score < 0)).size:
            raise ValueError(
                f"problem {pool.ids[negative[0]]!r} has {self.by} = {score[negative[0]]}; weights must not be negative"
            )
        return score
