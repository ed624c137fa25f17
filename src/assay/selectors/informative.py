"""`informative`: drop what was never or always solved and draw from the rest: the baseline that others must beat."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.core.types import Pool, Selection
from assay.selectors._pool_rows import build_selection, clip_budget, numeric_column


@dataclass(frozen=True)
class Informative:
    """Draw among the problems that have both a right and a wrong attempt.

    A group of rollouts that is all right or all wrong has no gradient, and an observed pass rate of 0 or 1 predicts
    such groups. But a problem of p = .1 also fails 8 of 8 attempts 43% of the time, and those problems are lost here.
    Truncated and failed attempts are neither right nor wrong. Fewer problems than the budget may be kept, and none if
    no problem is mixed.

    Where rewards are graded, a problem is kept if its attempts' rewards differ by a standard deviation above `tau`,
    right or wrong; others of them are `equal_rewards`.

    Dropped: `always_solved` (no wrong attempt), `never_solved` (no right one), `ungraded` (neither), `not_chosen`.

    Source: DAPO, arXiv:2503.14476, sec. 3.2, as an offline filter.
    """

    needs: ClassVar[tuple[str, ...]] = ("correct", "wrong")

    # Of graded rewards: standard deviation up to which attempts count as equal; None = `grade.repeatability`.
    tau: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """Draw min(budget, mixed problems) problems without replacement."""
        correct, wrong = numeric_column(pool, "correct"), numeric_column(pool, "wrong")
        graded = np.asarray(pool.columns.get("reward_sd", np.full(len(pool), np.nan)), dtype=np.float64)
        differ = np.nan_to_num(graded) > (self.tau or 0.0)  # (n,) rewards that are graded and not alike
        alike = np.isfinite(graded) & ~differ
        reasons = np.select(
            [(correct == 0) & (wrong == 0), differ, wrong == 0, correct == 0, alike],
            ["ungraded", "not_chosen", "always_solved", "never_solved", "equal_rewards"],
            "not_chosen",
        )  # (n,)
        mixed = np.flatnonzero(reasons == "not_chosen")
        return build_selection(pool, rng.permutation(mixed)[: clip_budget(budget, len(mixed))], reasons=reasons)
