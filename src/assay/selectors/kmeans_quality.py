"""kMQ: each cluster gives its share, better problems being likelier."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from assay.core.types import Pool, Selection
from assay.selectors._outcome import Floats, account, by_size, clusters, numbers, take, within


@dataclass(frozen=True)
class KmeansQuality:
    """Each cluster gives a share in proportion to its size, drawn without replacement with a chance that grows with quality.

    weighting = "linear" draws in proportion to quality itself, which must not be negative, and a quality of 0 comes last;
    "softmax" in proportion to exp(quality / temperature): a low temperature is nearly the best first, a high one nearly
    `kmeans_random`. One cluster is quality sampling; a budget of n keeps everything. Dropped: `not_chosen`.

    Source: kMQ, arXiv:2409.11378, sec. 3. The paper draws with replacement, which repeats problems; its code
    gives every cluster int(b / k), loses the remainder, and overflows at exp(710).
    """

    by: str = "quality"  # a column of the pool, higher = better
    weighting: Literal["linear", "softmax"] = "linear"
    temperature: Annotated[float, Field(gt=0)] = 1.0  # in units of quality; read by softmax only

    @property
    def needs(self) -> tuple[str, ...]:
        """Clusters, and the column that tells quality."""
        return ("cluster", self.by)

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """min(budget, n) problems, without replacement."""
        keys = self._log_weights(pool) + rng.gumbel(
            size=len(pool)
        )  # (n,) largest first is a weighted draw without replacement
        drawn = [rows[np.argsort(-keys[rows], kind="stable")] for rows in clusters(pool)]
        return account(pool, take(drawn, by_size(drawn, within(budget, len(pool)))))

    def _log_weights(self, pool: Pool) -> Floats:
        quality = numbers(pool, self.by)
        if self.weighting == "softmax":
            return np.asarray(quality / self.temperature)
        if (wrong := np.flatnonzero(quality < 0)).size:
            raise ValueError(
                f"problem {pool.ids[wrong[0]]!r} has {self.by} = {quality[wrong[0]]}, no chance in proportion to that"
            )
        return np.log(np.maximum(quality, np.finfo(np.float64).tiny))
