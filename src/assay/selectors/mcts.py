"""`mcts`: problems that a tree search finds hard: solved only after many iterations, or never."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from assay.core.types import Pool, Selection
from assay.selectors._pool_rows import build_selection, clip_budget, numeric_column


@dataclass(frozen=True)
class Mcts:
    """Draw among problems solved after more than `above` search iterations and problems that the search never solved.

    The column K holds the iterations before the first right answer, from 0; an unsolved problem is `censored` and its K
    is not read. part = "solved" or "unsolved" keeps one of the two kinds alone. above = -1 keeps every solved problem,
    a large one none. The paper keeps all that qualify; if the budget is smaller, each has the same chance here.

    Dropped: `too_easy` (K at most `above`), `never_solved` (under "solved"), `solved` (under "unsolved"), `not_chosen`.

    Source: ThinkLite-VL, arXiv:2504.07934, sec. 3: K > 5 and unsolved in 50 iterations; on average 64.2 for both kinds,
    62.4 for the solved alone, 62.0 for the unsolved alone.
    """

    needs: ClassVar[tuple[str, ...]] = ("K", "censored")

    above: Annotated[int, Field(ge=-1)] = 5  # iterations
    part: Literal["both", "solved", "unsolved"] = "both"

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """Draw min(budget, eligible problems) problems without replacement."""
        unsolved = np.asarray(pool.column("censored"), dtype=np.bool_)  # (n,)
        late = numeric_column(pool, "K", where=~unsolved) > self.above
        excluded = {"both": unsolved & False, "solved": unsolved, "unsolved": ~unsolved & late}[self.part]
        reasons = np.select(
            [~unsolved & ~late, excluded & unsolved, excluded], ["too_easy", "never_solved", "solved"], "not_chosen"
        )
        eligible = np.flatnonzero(reasons == "not_chosen")
        return build_selection(pool, rng.permutation(eligible)[: clip_budget(budget, len(eligible))], reasons=reasons)
