"""`frontier`: the problems on which a GRPO group is most likely to have mixed rewards, spread over clusters."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assay.core.types import Pool, Selection
from assay.maths.allocation.quotas import quotas
from assay.maths.beta.posterior import Mask, beyond
from assay.maths.rl.expected_improvement import run_signal
from assay.maths.rl.group_signal import signal_band
from assay.maths.rl.reward_signal import reward_signal
from assay.selectors._pool_rows import (
    Floats,
    Ints,
    build_selection,
    clip_budget,
    cluster_rows,
    numeric_column,
    rank_by_score,
    take_quotas,
)
from assay.selectors._reward_columns import mean_reward_beta, read_posterior


@dataclass(frozen=True)
class Frontier:
    """Keep the problems of highest expected group signal, under largest-remainder quotas for clusters.

    The signal is E[1 - p^G - (1 - p)^G], the probability of a group with mixed rewards, under each problem's Beta
    posterior (`maths/rl/group_signal.py`). So a problem solved in 0 of 8 attempts is not treated as p = 0, and a
    problem with few attempts is trusted less than one with many. Equal signals are taken by id.

    For objectives that do not divide by a group's standard deviation the signal is its expectation, E[sd]. Where
    rewards are graded, both are taken under the posterior of rewards (`maths/rl/reward_signal.py`,
    `maths/beta/reward_posterior.py`).

    With an `expected_improvement` the signal is averaged over a training run in which the logit of every problem's pass
    rate rises evenly by that much (`maths/rl/expected_improvement.py`): what is solved half of the time now will be
    easy later. "fitted" takes it from the lake's training rollouts, 0 if there are none.

    The frontier is the `frontier_budgets` x budget problems of highest signal. Its clusters share the budget in
    proportion to the signal (or the number) of their problems in it; a cluster far beyond the policy has none in it and
    gets nothing. 1 budget, one cluster, or cluster_quota = "none" is a plain ranking; frontier_budgets = "pool" shares
    the budget over the whole pool, hopeless clusters included.

    Dropped: `too_easy` and `too_hard` (the 95% interval of the pass rate lies beyond the rates between which a group of
    this size is mixed at least half as often as at .5; of 8: .08 to .92), `over_budget` (less signal than every chosen
    problem, and not known to be too easy or too hard), `not_chosen` (as good as a chosen problem, but its cluster's
    quota was full or its id came later).

    Source: DAPO's dynamic sampling (arXiv:2503.14476, sec. 3.2) drops groups without mixed rewards after paying for
    their rollouts; this predicts which would stay. The spread over clusters follows arXiv:2409.11378, sec. 3.
    """

    group_size: Annotated[int, Field(ge=2)] = 8  # G of the training run
    # what a cluster's quota in the frontier is proportional to
    cluster_quota: Literal["signal", "size", "none"] = "signal"
    # in budgets; 1 = plain ranking
    frontier_budgets: Annotated[float, Field(ge=1, allow_inf_nan=False)] | Literal["pool"] = 2.0
    # logits per run; > 0: harder ones
    expected_improvement: Annotated[float, Field(allow_inf_nan=False)] | Literal["fitted"] = 0.0
    # "mixed": the chance that a group's rewards differ; "sd": their expected standard deviation; None = the one by
    # which `train.objective` learns.
    signal: Literal["mixed", "sd"] | None = None
    # Of graded rewards: standard deviation up to which a group counts as equal; None = `grade.repeatability`.
    tau: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """The posterior, and clusters unless cluster_quota = "none"."""
        return ("beta_a", "beta_b") if self.cluster_quota == "none" else ("beta_a", "beta_b", "cluster")

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """Keep min(budget, n) problems; `rng` is not used.

        Raises:
            ValueError: expected_improvement = "fitted", which the pipeline replaces by a number before it selects.
        """
        if self.expected_improvement == "fitted":
            raise ValueError(
                "expected_improvement = 'fitted' is fitted to a lake's training rollouts and cannot be used on a "
                "pool alone; give a number"
            )
        signal, a, b = self._signal(pool, self.expected_improvement)  # (n,) each
        size = clip_budget(budget, len(pool))
        rankings = [rank_by_score(signal, rows) for rows in self._frontier_groups(pool, signal, size)]
        chosen_rows = take_quotas(rankings, self._quotas(rankings, signal, size))
        return build_selection(
            pool, chosen_rows, reasons=_reasons(signal, beyond(a, b, *signal_band(self.group_size)), chosen_rows)
        )

    def _signal(self, pool: Pool, drift: float) -> tuple[Floats, Floats, Floats]:
        """Return the expected signal of each problem, and a Beta of its pass rate or mean reward, (n,) each."""
        kind, posterior = self.signal or "mixed", read_posterior(pool)
        if posterior is None:
            a, b = numeric_column(pool, "beta_a"), numeric_column(pool, "beta_b")
            return run_signal(a, b, self.group_size, drift=drift, kind=kind), a, b
        if drift:
            raise ValueError(
                f"expected_improvement = {drift:g} applies to 0/1 rewards, but these rewards are graded; set it to 0"
            )
        return reward_signal(posterior, self.group_size, kind=kind, tau=self.tau or 0.0), *mean_reward_beta(posterior)

    def _frontier_groups(self, pool: Pool, signal: Floats, budget: int) -> list[Ints]:
        """Return the frontier's rows, one group per cluster, or all rows of the pool as one group."""
        if self.cluster_quota == "none":
            return [np.arange(len(pool))]
        inside = np.zeros(len(pool), dtype=bool)
        width = (
            len(pool) if self.frontier_budgets == "pool" else math.ceil(min(len(pool), self.frontier_budgets * budget))
        )
        inside[rank_by_score(signal, np.arange(len(pool)))[:width]] = True
        return [rows_inside for rows in cluster_rows(pool) if len(rows_inside := rows[inside[rows]])]

    def _quotas(self, groups: list[Ints], signal: Floats, budget: int) -> Ints:
        sizes = [len(rows) for rows in groups]
        return quotas(
            [signal[rows].sum() for rows in groups] if self.cluster_quota == "signal" else sizes, budget, sizes
        )


def _reasons(signal: Floats, sides: tuple[Mask, Mask], chosen_rows: Ints) -> NDArray[np.str_]:
    lowest = np.round(signal[chosen_rows].min(initial=np.inf), 12)  # lowest chosen signal; inf if nothing was chosen
    below = (np.round(signal, 12) < lowest) & (len(chosen_rows) > 0)
    too_hard, too_easy = sides
    return np.select([too_easy, too_hard, below], ["too_easy", "too_hard", "over_budget"], "not_chosen")
