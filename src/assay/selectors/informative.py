"""`informative`: drop what was never or always solved and draw from the rest: the baseline that others must beat."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from assay.core.types import Pool, Selection
from assay.selectors._pool_rows import build_selection, clip_budget, numeric_column


@dataclass(frozen=True)
class Informative:
    """Draw among the problems that have both a right and a wrong attempt.

    A group of rollouts that is all right or all wrong has no gradient, and an observed pass rate of 0 or 1 predicts
    such groups. But a problem of p = .1 also fails 8 of 8 attempts 43% of the time, and those problems are lost here.
    Truncated and failed attempts are neither right nor wrong. Fewer problems than the budget may be kept, and none if
    no problem is mixed.

    Dropped: `always_solved` (no wrong attempt), `never_solved` (no right one), `ungraded` (neither), `not_chosen`.

    Source: DAPO, arXiv:2503.14476, sec. 3.2, as an offline filter.
    """

    needs: ClassVar[tuple[str, ...]] = ("correct", "wrong")

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """Draw min(budget, mixed problems) problems without replacement."""
        correct, wrong = numeric_column(pool, "correct"), numeric_column(pool, "wrong")
        reasons = np.select(
            [(correct == 0) & (wrong == 0), wrong == 0, correct == 0],
            ["ungraded", "always_solved", "never_solved"],
            "not_chosen",
        )  # (n,)
        mixed = np.flatnonzero(reasons == "not_chosen")
        return build_selection(pool, rng.permutation(mixed)[: clip_budget(budget, len(mixed))], reasons=reasons)
