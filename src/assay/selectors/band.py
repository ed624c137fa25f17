"""Problems whose pass rate probably lies in a band."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.core.types import Pool, Selection
from assay.maths.beta.posterior import mass_between
from assay.selectors._outcome import account, best, numbers, within

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Band:
    """Problems with enough posterior mass inside [low, high] are kept, those with the most mass first, equal ones by id.

    `at_least` = 0 keeps every problem that the budget allows; 1 keeps none, as no posterior is that sure (unless the band is all
    of [0, 1]). Peers keep a problem when c / n lies in the band, whatever n is; here four attempts must say more than that.

    Dropped: `too_easy` and `too_hard` (not enough mass inside, more of the rest above or below the band), `not_chosen`.
    """

    needs: ClassVar[tuple[str, ...]] = ("post_a", "post_b")

    low: Share = 0.2  # pass rate; 0 = never solved
    high: Share = 0.8  # pass rate; 1 = always solved
    at_least: Share = 0.5  # posterior mass inside

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise ValueError(f"the band [low, high] = [{self.low}, {self.high}] is empty")

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """min(budget, problems inside) problems; chance plays no part."""
        a, b = numbers(pool, "post_a"), numbers(pool, "post_b")
        inside = mass_between(a, b, self.low, self.high)  # (n,)
        below = mass_between(a, b, 0, self.low) if self.low else np.zeros(len(pool))
        hard = below > (1 - inside) / 2
        reasons = np.where(inside >= self.at_least, "not_chosen", np.where(hard, "too_hard", "too_easy"))
        ranked = best(inside, np.flatnonzero(inside >= self.at_least))
        return account(pool, ranked[: within(budget, len(ranked))], reasons=reasons)
