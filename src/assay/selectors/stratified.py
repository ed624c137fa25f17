"""A quota for each source, cluster or other named group."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from assay.core.types import Pool, Selection
from assay.maths.allocation.quotas import quotas
from assay.selectors._outcome import account, clusters, groups, take, within


@dataclass(frozen=True)
class Stratified:
    """Each group gives its quota, drawn at random: in proportion to its size, or the same for all.

    What a small group cannot give is shared out among the others, so the quotas always sum to the budget. One group, or
    quota = "size" with a budget of n, is `uniform`. Dropped: `not_chosen`.
    """

    by: str = "source"  # a column that names groups, or "cluster"
    quota: Literal["size", "equal"] = "size"

    @property
    def needs(self) -> tuple[str, ...]:
        """The column that names groups."""
        return (self.by,)

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """min(budget, n) problems, without replacement."""
        parts = clusters(pool) if self.by == "cluster" else groups(self._labels(pool))
        drawn = [rng.permutation(rows) for rows in parts]
        sizes = [len(rows) for rows in drawn]
        shares = quotas(sizes if self.quota == "size" else [1] * len(sizes), within(budget, len(pool)), sizes)
        return account(pool, take(drawn, shares))

    def _labels(self, pool: Pool) -> np.ndarray:
        labels = np.asarray(pool.column(self.by))
        if labels.dtype.kind == "f" and (wrong := np.flatnonzero(np.isnan(labels))).size:
            raise ValueError(f"problem {pool.ids[wrong[0]]!r} has {self.by} = nan and so no group")
        return labels
