"""What a tree search finds hard: solved only after many iterations, or not at all."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from assay.core.types import Pool, Selection
from assay.selectors._outcome import account, numbers, within


@dataclass(frozen=True)
class Mcts:
    """Problems solved only after more than `above` search iterations, and those that the search never solved, at random within the budget.

    K counts iterations before the first right answer, from 0; an unsolved problem is `censored`, and its K is not read. part =
    "solved" or "unsolved" keeps one of the two kinds alone. above = -1 keeps every solved problem, a large one none. The source
    keeps all that qualify; where the budget is smaller, each of them has the same chance here.

    Dropped: `too_easy` (K at most `above`), `never_solved` (under "solved"), `solved` (under "unsolved"), `not_chosen`.

    Source: ThinkLite-VL, arXiv:2504.07934, sec. 3: K > 5 and unsolved in 50 iterations; on average 64.2 for both kinds, 62.4 for
    the solved alone, 62.0 for the unsolved alone.
    """

    needs: ClassVar[tuple[str, ...]] = ("K", "censored")

    above: Annotated[int, Field(ge=-1)] = 5  # iterations
    part: Literal["both", "solved", "unsolved"] = "both"

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """min(budget, eligible problems), without replacement."""
        unsolved = np.asarray(pool.column("censored"), dtype=np.bool_)  # (n,)
        hard = numbers(pool, "K", where=~unsolved) > self.above
        barred = {"both": unsolved & False, "solved": unsolved, "unsolved": ~unsolved & hard}[self.part]
        reasons = np.select(
            [~unsolved & ~hard, barred & unsolved, barred], ["too_easy", "never_solved", "solved"], "not_chosen"
        )
        eligible = np.flatnonzero(reasons == "not_chosen")
        return account(pool, rng.permutation(eligible)[: within(budget, len(eligible))], reasons=reasons)
