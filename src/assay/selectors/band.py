"""`band`: problems whose pass rate probably lies in a given range."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from assay.core.types import Pool, Selection
from assay.maths.beta.posterior import beyond, mass_between
from assay.selectors._pool_rows import Floats, build_selection, clip_budget, numeric_column, rank_by_score
from assay.selectors._reward_columns import mean_reward_beta, read_posterior

Probability = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Band:
    """Keep problems with enough posterior mass inside [low, high], those with the most mass first, equal ones by id.

    Other pipelines keep a problem if c / n lies in the band, whatever n is. Here the posterior decides, so a problem
    with few attempts rarely qualifies. `at_least` = 0 keeps every problem that the budget allows; 1 keeps none, because
    no posterior is that certain (unless the band is all of [0, 1]).

    Where rewards are graded, the band is of the mean reward, by a Beta of its posterior's mean and variance.

    Dropped: `too_easy` and `too_hard` (the 95% interval lies above or below the band), `above_band` and `below_band`
    (too little mass inside, and most of the rest above or below), `not_chosen`.
    """

    needs: ClassVar[tuple[str, ...]] = ("beta_a", "beta_b")

    low: Probability = 0.2  # pass rate; 0 = never solved
    high: Probability = 0.8  # pass rate; 1 = always solved
    at_least: Probability = 0.5  # posterior mass inside
    # What the band is of, where rewards are graded: the mean reward as a share of the pool's range, or the pass rate.
    by: Literal["reward", "correctness"] = "reward"

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise ValueError(f"the band [low, high] = [{self.low}, {self.high}] is empty")

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """Keep min(budget, problems inside the band) problems; `rng` is not used."""
        a, b = self._matching_beta(pool)
        inside = mass_between(a, b, self.low, self.high)  # (n,)
        below = mass_between(a, b, 0, self.low) if self.low else np.zeros(len(pool))
        mostly_below = below > (1 - inside) / 2
        too_hard, too_easy = beyond(a, b, self.low, self.high)
        is_inside = inside >= self.at_least
        reasons = np.select(
            [is_inside, too_hard, too_easy, mostly_below],
            ["not_chosen", "too_hard", "too_easy", "below_band"],
            "above_band",
        )
        ranked = rank_by_score(inside, np.flatnonzero(is_inside))
        return build_selection(pool, ranked[: clip_budget(budget, len(ranked))], reasons=reasons)

    def _matching_beta(self, pool: Pool) -> tuple[Floats, Floats]:
        """Return the Beta of the pass rate, or that with the mean and variance of the mean reward."""
        posterior = read_posterior(pool) if self.by == "reward" else None
        if posterior is None:
            return numeric_column(pool, "beta_a"), numeric_column(pool, "beta_b")
        return mean_reward_beta(posterior)
