"""The most typical problems of each cluster."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from assay.core.types import Pool, Selection
from assay.selectors._outcome import account, best, by_size, clusters, take, vectors, within


@dataclass(frozen=True)
class KmeansClosest:
    """Each cluster gives its share by falling cosine to its centre, equal ones by id.

    The centre is the mean of the cluster's own vectors; where they cancel out, none is nearer than another and ids decide.
    Dropped: `not_chosen`.

    Source: kM-Closest of arXiv:2409.11378, sec. 3, which makes as many clusters as it wants problems and takes one each;
    quotas in proportion to size let the number of clusters be chosen freely, and equal it there.
    """

    needs: ClassVar[tuple[str, ...]] = ("cluster", "vectors")

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """min(budget, n) problems; chance plays no part."""
        unit, parts = vectors(pool), clusters(pool)
        near = np.empty(len(pool))  # (n,) length of the vector along its centre
        for rows in parts:
            near[rows] = np.round(unit[rows] @ unit[rows].mean(axis=0), 6)
        ranked = [best(near, rows) for rows in parts]
        return account(pool, take(ranked, by_size(ranked, within(budget, len(pool)))))
