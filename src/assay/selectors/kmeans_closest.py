"""`kmeans_closest`: the most typical problems of each cluster."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from assay.core.types import Pool, Selection
from assay.selectors._pool_rows import (
    build_selection,
    clip_budget,
    cluster_rows,
    rank_by_score,
    size_quotas,
    take_quotas,
    unit_vectors,
)


@dataclass(frozen=True)
class KmeansClosest:
    """Fill each cluster's quota with the problems of highest cosine to its centre, equal ones by id.

    The centre is the mean of the cluster's own vectors; if they cancel out, no problem is nearer than another and ids
    decide.

    Dropped: `not_chosen`.

    Source: kM-Closest of arXiv:2409.11378, sec. 3, which makes as many clusters as it wants problems and takes one from
    each. Quotas in proportion to cluster size allow any number of clusters and give the same result for that one.
    """

    needs: ClassVar[tuple[str, ...]] = ("cluster", "vectors")

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """Keep min(budget, n) problems; `rng` is not used."""
        vectors, clusters = unit_vectors(pool), cluster_rows(pool)
        closeness = np.empty(len(pool))  # (n,) length of the vector along its cluster's centre
        for rows in clusters:
            closeness[rows] = np.round(vectors[rows] @ vectors[rows].mean(axis=0), 6)
        rankings = [rank_by_score(closeness, rows) for rows in clusters]
        return build_selection(pool, take_quotas(rankings, size_quotas(rankings, clip_budget(budget, len(pool)))))
