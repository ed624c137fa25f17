"""The hardest problems, with or without those that were never solved."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from assay.core.types import Pool, Selection
from assay.selectors._outcome import account, best, numbers, within


@dataclass(frozen=True)
class Hardest:
    """The problems of lowest posterior mean are kept, equal ones by id.

    unsolved = "keep" puts those without a right attempt first; "drop" leaves them out; "only" keeps no other. ThinkLite-VL found
    the two kinds together better than either alone (arXiv:2504.07934, table of data subsets: 64.2 against 62.4 and 62.0).

    Dropped: `never_solved` (under "drop"), `solved` (under "only"), `not_chosen`.
    """

    needs: ClassVar[tuple[str, ...]] = ("mean", "correct")

    unsolved: Literal["keep", "drop", "only"] = "keep"

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """min(budget, eligible problems); chance plays no part."""
        rate, right = numbers(pool, "mean"), numbers(pool, "correct")
        barred = {"keep": np.zeros(len(pool), np.bool_), "drop": right == 0, "only": right > 0}[self.unsolved]
        ranked = best(-rate, np.flatnonzero(~barred))
        reasons = np.where(barred, "solved" if self.unsolved == "only" else "never_solved", "not_chosen")
        return account(pool, ranked[: within(budget, len(ranked))], reasons=reasons)
