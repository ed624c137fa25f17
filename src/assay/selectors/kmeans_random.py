"""`kmeans_random`: diversity alone: each cluster gets a quota and fills it at random."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from assay.core.types import Pool, Selection
from assay.selectors._pool_rows import build_selection, clip_budget, cluster_rows, size_quotas, take_quotas


@dataclass(frozen=True)
class KmeansRandom:
    """Fill each cluster's quota, proportional to its size, at random; the quotas sum exactly to the budget.

    With one cluster, or as many clusters as problems, it is `uniform`.

    Dropped: `not_chosen`.

    Source: kM-Random of arXiv:2409.11378, sec. 3. Its released code gives every cluster int(b / k), so small clusters
    run short and up to a sixth of the budget is lost (8,192 of 9,800 at k = 4,096).
    """

    needs: ClassVar[tuple[str, ...]] = ("cluster",)

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """Draw min(budget, n) problems without replacement."""
        rankings = [rng.permutation(rows) for rows in cluster_rows(pool)]
        return build_selection(pool, take_quotas(rankings, size_quotas(rankings, clip_budget(budget, len(pool)))))
