"""Diversity alone: each cluster gives its share, drawn at random."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from assay.core.types import Pool, Selection
from assay.selectors._outcome import account, by_size, clusters, take, within


@dataclass(frozen=True)
class KmeansRandom:
    """Each cluster gives a random share in proportion to its size, and the shares sum exactly to the budget.

    With one cluster, or as many as problems, it is `uniform`. Dropped: `not_chosen`.

    Source: kM-Random of arXiv:2409.11378, sec. 3; its released code gives every cluster int(b / k), so small clusters run short
    and up to a sixth of the budget is lost (8,192 of 9,800 at k = 4,096).
    """

    needs: ClassVar[tuple[str, ...]] = ("cluster",)

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """min(budget, n) problems, without replacement."""
        drawn = [rng.permutation(rows) for rows in clusters(pool)]
        return account(pool, take(drawn, by_size(drawn, within(budget, len(pool)))))
