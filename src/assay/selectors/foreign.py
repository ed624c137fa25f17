"""A difficulty that came with the pool: somebody else's pass rate, level or vote."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from assay.core.types import Pool, Selection
from assay.selectors._outcome import account, best, numbers, within


@dataclass(frozen=True)
class Foreign:
    """Problems whose own column `by` lies in [low, high] are kept, at random or in the column's order, equal ones by id.

    The column is a field that the source kept (`keep = ["difficulty"]`); a problem without it is `unscored`. Which way it turns
    is its author's choice, so nothing is called hard or easy here. low = -inf and high = inf keep every value.

    Dropped: `below_band`, `above_band`, `not_chosen`.

    Source: offline bands on published pass rates, as Big-Math (arXiv:2502.17387) and Open-R1 are used. Such a number was measured
    on another model, under another prompt; `curate compare` shows what it is worth on yours.
    """

    by: str = "difficulty"  # a kept field of the source, or any other column of numbers
    low: float = -math.inf
    high: float = math.inf
    order: Literal["random", "highest", "lowest"] = "random"  # who comes first where the budget is short

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"the band [low, high] = [{self.low}, {self.high}] is empty")

    @property
    def needs(self) -> tuple[str, ...]:
        """The column."""
        return (self.by,)

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """min(budget, problems inside the band)."""
        value = numbers(pool, self.by)  # (n,)
        reasons = np.select([value < self.low, value > self.high], ["below_band", "above_band"], "not_chosen")
        inside = np.flatnonzero(reasons == "not_chosen")
        ranked = (
            rng.permutation(inside)
            if self.order == "random"
            else best(value if self.order == "highest" else -value, inside)
        )
        return account(pool, ranked[: within(budget, len(inside))], reasons=reasons)
