"""`hardest`: the problems of lowest pass rate, with or without those that were never solved."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from assay.core.types import Pool, Selection
from assay.selectors._pool_rows import build_selection, clip_budget, numeric_column, rank_by_score


@dataclass(frozen=True)
class Hardest:
    """Keep the problems of lowest posterior mean, equal ones by id.

    unsolved = "keep" ranks problems without a right attempt with the others, "drop" leaves them out, "only" keeps no
    others. ThinkLite-VL found solved and unsolved hard problems together better than either kind alone
    (arXiv:2504.07934, table of data subsets: 64.2 against 62.4 and 62.0).

    Dropped: `never_solved` (under "drop"), `solved` (under "only"), `not_chosen`.
    """

    needs: ClassVar[tuple[str, ...]] = ("mean", "correct")

    unsolved: Literal["keep", "drop", "only"] = "keep"

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """Keep min(budget, eligible problems) problems; `rng` is not used."""
        rate, correct = numeric_column(pool, "mean"), numeric_column(pool, "correct")
        excluded = {"keep": np.zeros(len(pool), np.bool_), "drop": correct == 0, "only": correct > 0}[self.unsolved]
        ranking = rank_by_score(-rate, np.flatnonzero(~excluded))
        reasons = np.where(excluded, "solved" if self.unsolved == "only" else "never_solved", "not_chosen")
        return build_selection(pool, ranking[: clip_budget(budget, len(ranking))], reasons=reasons)
