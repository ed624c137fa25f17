"""Coverage: every problem of the pool has a chosen one near it."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from assay.core.types import Pool, Selection
from assay.selectors._outcome import Ints, account, vectors, within


@dataclass(frozen=True)
class KCenter:
    """The problem farthest from all chosen ones is added until the budget is spent, equal ones by id.

    It starts at the problem nearest to the pool's mean, so chance plays no part. The largest distance left is at most twice
    the best possible. It chases outliers: in arXiv:2409.11378 it does worse than random. O(n d budget) time, O(n) memory.
    Dropped: `not_chosen`.

    Source: Gonzalez (1985), Clustering to Minimize the Maximum Intercluster Distance; k-Center greedy, arXiv:1708.00489,
    algorithm 1.
    """

    needs: ClassVar[tuple[str, ...]] = ("vectors",)

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """min(budget, n) problems."""
        return account(pool, farthest_first(vectors(pool), within(budget, len(pool))))


def farthest_first(rows: NDArray[np.float32], budget: int) -> Ints:
    """Row numbers, (budget,), in the order in which they were added; rows (n, d) are unit vectors."""
    chosen = np.empty(budget, dtype=np.int64)
    nearest = np.full(len(rows), -np.inf, dtype=np.float32)  # (n,) cosine to the closest chosen row
    for step in range(budget):
        chosen[step] = np.argmin(nearest) if step else np.argmax(np.round(rows @ rows.mean(axis=0), 6))
        np.maximum(nearest, rows @ rows[chosen[step]], out=nearest)
        nearest[chosen[step]] = np.inf  # for good: twins of a chosen row may still come, the row itself may not
    return chosen
