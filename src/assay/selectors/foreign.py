"""`foreign`: a difficulty that came with the data: another model's pass rate, a level or a vote."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from assay.core.types import Pool, Selection
from assay.selectors._pool_rows import build_selection, clip_budget, numeric_column, rank_by_score


@dataclass(frozen=True)
class Foreign:
    """Keep problems whose column `by` lies in [low, high], at random or in the column's order, equal values by id.

    The column is a field that the source kept (`metadata_fields = ["difficulty"]`); a problem without it is `unscored`. Whether
    high values mean hard or easy is up to the data's author, so no reason says either. low = -inf and high = inf keep
    every value.

    Dropped: `below_band`, `above_band`, `not_chosen`.

    Source: offline bands on published pass rates, as Big-Math (arXiv:2502.17387) and Open-R1 are used. Such a number
    was measured on another model with another prompt; `curate analyze selectors` shows what it is worth on yours.
    """

    by: str = "difficulty"  # a field that the source kept, or any other numeric column
    low: float = -math.inf
    high: float = math.inf
    order: Literal["random", "highest", "lowest"] = "random"  # which problems to keep if the budget is short

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"the band [low, high] = [{self.low}, {self.high}] is empty")

    @property
    def needs(self) -> tuple[str, ...]:
        """The column `by`."""
        return (self.by,)

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """Keep min(budget, problems inside the band) problems."""
        values = numeric_column(pool, self.by)  # (n,)
        reasons = np.select([values < self.low, values > self.high], ["below_band", "above_band"], "not_chosen")
        inside = np.flatnonzero(reasons == "not_chosen")
        ranking = self._rank(values, inside, rng)
        return build_selection(pool, ranking[: clip_budget(budget, len(inside))], reasons=reasons)

    def _rank(self, values: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if self.order == "random":
            return rng.permutation(rows)
        return rank_by_score(values if self.order == "highest" else -values, rows)
