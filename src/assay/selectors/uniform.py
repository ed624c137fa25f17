"""The baseline: every problem has the same chance."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from assay.core.types import Pool, Selection
from assay.selectors._outcome import account, within


@dataclass(frozen=True)
class Uniform:
    """Every subset of the budget's size is equally likely.

    It reads nothing about the problems, so it is what a method must beat at equal size. Dropped: `not_chosen`.
    """

    needs: ClassVar[tuple[str, ...]] = ()

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """min(budget, n) problems, without replacement."""
        return account(pool, rng.permutation(len(pool))[: within(budget, len(pool))])
