"""The baseline that everything must beat: drop what was never or always solved, keep the rest at random."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from assay.core.types import Pool, Selection
from assay.selectors._outcome import account, numbers, within


@dataclass(frozen=True)
class Informative:
    """Problems with both a right and a wrong attempt are kept, the budget's worth of them at random.

    A group that is all right or all wrong has no gradient, and a pass rate of 0 or 1 foretells such groups; but 0 of 8 is also
    what a problem of p = .1 shows 43% of the time, and those are lost here. Truncated and failed attempts are neither right nor
    wrong. It can keep fewer than the budget, and nothing where no problem is mixed.

    Dropped: `too_easy` (no wrong attempt), `too_hard` (no right one), `ungraded` (neither), `not_chosen`.

    Source: DAPO, arXiv:2503.14476, sec. 3.2, as an offline filter.
    """

    needs: ClassVar[tuple[str, ...]] = ("correct", "wrong")

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """min(budget, mixed problems), without replacement."""
        right, failed = numbers(pool, "correct"), numbers(pool, "wrong")
        reasons = np.select(
            [(right == 0) & (failed == 0), failed == 0, right == 0], ["ungraded", "too_easy", "too_hard"], "not_chosen"
        )  # (n,)
        mixed = np.flatnonzero(reasons == "not_chosen")
        return account(pool, rng.permutation(mixed)[: within(budget, len(mixed))], reasons=reasons)
