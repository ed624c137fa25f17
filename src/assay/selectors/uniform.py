"""`uniform`: a random draw, the baseline in which every problem has the same chance."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from assay.core.types import Pool, Selection
from assay.selectors._pool_rows import build_selection, clip_budget


@dataclass(frozen=True)
class Uniform:
    """Draw a random subset of the budget's size, every such subset equally likely.

    It reads nothing about the problems, so it is what a method must beat at equal size.

    Dropped: `not_chosen`.
    """

    needs: ClassVar[tuple[str, ...]] = ()

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """Draw min(budget, n) problems without replacement."""
        return build_selection(pool, rng.permutation(len(pool))[: clip_budget(budget, len(pool))])
