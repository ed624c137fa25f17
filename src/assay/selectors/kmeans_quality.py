"""`kmeans_quality`: kMQ: each cluster gets a quota and fills it at random, better problems being likelier."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from assay.core.types import Pool, Selection
from assay.selectors._pool_rows import (
    Floats,
    build_selection,
    clip_budget,
    cluster_rows,
    numeric_column,
    size_quotas,
    take_quotas,
)


@dataclass(frozen=True)
class KmeansQuality:
    """Fill each cluster's quota, proportional to its size, by a draw without replacement weighted by quality.

    weighting = "linear" draws in proportion to quality itself, which must not be negative; a quality of 0 comes last.
    "softmax" draws in proportion to exp(quality / temperature): a low temperature almost always takes the best, a high
    one is almost `kmeans_random`. With one cluster it is quality sampling; a budget of n keeps everything.

    Dropped: `not_chosen`.

    Source: kMQ, arXiv:2409.11378, sec. 3. The paper draws with replacement, which repeats problems; its code gives
    every cluster int(b / k), loses the remainder, and overflows at exp(710).
    """

    by: str = "quality"  # a column of the pool, higher = better
    weighting: Literal["linear", "softmax"] = "linear"
    temperature: Annotated[float, Field(gt=0)] = 1.0  # in units of quality; read by softmax only

    @property
    def needs(self) -> tuple[str, ...]:
        """Clusters, and the column of qualities."""
        return ("cluster", self.by)

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """Draw min(budget, n) problems without replacement."""
        log_weights = self._log_weights(pool)
        keys = log_weights + rng.gumbel(size=len(pool))  # (n,) the largest keys are a weighted draw without replacement
        rankings = [rows[np.argsort(-keys[rows], kind="stable")] for rows in cluster_rows(pool)]
        return build_selection(pool, take_quotas(rankings, size_quotas(rankings, clip_budget(budget, len(pool)))))

    def _log_weights(self, pool: Pool) -> Floats:
        quality = numeric_column(pool, self.by)
        if self.weighting == "softmax":
            return np.asarray(quality / self.temperature)
        if (negative := np.flatnonzero(quality < 0)).size:
            raise ValueError(
                f"problem {pool.ids[negative[0]]!r} has {self.by} = {quality[negative[0]]}, "
                "which cannot be a sampling weight"
            )
        return np.log(np.maximum(quality, np.finfo(np.float64).tiny))
