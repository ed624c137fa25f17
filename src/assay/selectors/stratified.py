"""`stratified`: a quota for each source, cluster or other named group."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from assay.core.types import Pool, Selection
from assay.maths.allocation.quotas import quotas
from assay.selectors._pool_rows import build_selection, clip_budget, cluster_rows, group_rows, take_quotas


@dataclass(frozen=True)
class Stratified:
    """Fill each group's quota at random; quotas are proportional to group sizes, or equal.

    What a small group cannot fill is divided among the others, so the quotas always sum to the budget. One group, or
    quota = "size" with a budget of n, is `uniform`.

    Dropped: `not_chosen`.
    """

    by: str = "source"  # a column of group names, or "cluster"
    quota: Literal["size", "equal"] = "size"

    @property
    def needs(self) -> tuple[str, ...]:
        """The column of group names."""
        return (self.by,)

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """Draw min(budget, n) problems without replacement."""
        groups = cluster_rows(pool) if self.by == "cluster" else group_rows(self._labels(pool))
        rankings = [rng.permutation(rows) for rows in groups]
        sizes = [len(rows) for rows in rankings]
        counts = quotas(sizes if self.quota == "size" else [1] * len(sizes), clip_budget(budget, len(pool)), sizes)
        return build_selection(pool, take_quotas(rankings, counts))

    def _labels(self, pool: Pool) -> np.ndarray:
        labels = np.asarray(pool.column(self.by))
        if labels.dtype.kind == "f" and (missing := np.flatnonzero(np.isnan(labels))).size:
            raise ValueError(f"problem {pool.ids[missing[0]]!r} has {self.by} = nan, so it belongs to no group")
        return labels
