"""The problems on which a GRPO group is most likely to teach something, spread over clusters."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assay.core.types import Pool, Selection
from assay.maths.allocation.quotas import quotas
from assay.maths.beta.posterior import mean
from assay.maths.rl.expected_improvement import run_signal
from assay.selectors._outcome import Floats, Ints, account, best, clusters, numbers, take, within


@dataclass(frozen=True)
class Frontier:
    """The budget goes to the highest expected group signals of the frontier, inside largest-remainder quotas over its clusters.

    The signal is E[1 - p^G - (1 - p)^G] under each problem's Beta posterior (`maths/rl/group_signal.py`), so a problem that was solved in
    0 of 8 attempts is not written off as p = 0, and one with few attempts is not trusted as much as one with many. Equal
    signals are taken by id. With a drift the signal is averaged over a run in which every problem's logit rises evenly by that
    much (`maths/rl/expected_improvement.py`), because what is at one half now will be easy later; "fitted" is what the lake's training rollouts
    tell, 0 without any.

    The frontier is the `width` x budget problems of highest signal; the clusters share the budget in proportion to what they hold of it.
    A cluster beyond the policy holds nothing of it and gets nothing. Width 1, one cluster, or spread = "none" is a plain ranking; width =
    "pool" shares the budget over the whole pool, hopeless clusters included.

    Dropped: `too_easy` and `too_hard` (less signal than every chosen problem, mean above or below one half), `not_chosen` (as
    good as a chosen one, but its cluster's quota was full or its id came later).

    Source: DAPO's dynamic sampling (arXiv:2503.14476, sec. 3.2) drops such groups after paying for their rollouts; this
    predicts the share that would stay. The spread over clusters follows arXiv:2409.11378, sec. 3.
    """

    group_size: Annotated[int, Field(ge=2)] = 8  # G of the training run
    spread: Literal["signal", "size", "none"] = (
        "signal"  # what a cluster's quota is proportional to, inside the frontier
    )
    width: Annotated[float, Field(ge=1, allow_inf_nan=False)] | Literal["pool"] = (
        2.0  # size of the frontier in budgets: 1 = plain ranking
    )
    drift: Annotated[float, Field(allow_inf_nan=False)] | Literal["fitted"] = (
        0.0  # logits gained over the run; above 0 favours what is hard now
    )

    @property
    def needs(self) -> tuple[str, ...]:
        """The posterior; clusters too, where it spreads."""
        return ("post_a", "post_b") if self.spread == "none" else ("post_a", "post_b", "cluster")

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """min(budget, n) problems; chance plays no part."""
        if self.drift == "fitted":
            raise ValueError(
                "drift = 'fitted' becomes a number where a lake's training rollouts are; a pool alone has none"
            )
        a, b = numbers(pool, "post_a"), numbers(pool, "post_b")
        signal = run_signal(a, b, self.group_size, drift=self.drift)  # (n,)
        wanted = within(budget, len(pool))
        ranked = [best(signal, rows) for rows in self._parts(pool, signal, wanted)]
        chosen = take(ranked, self._shares(ranked, signal, wanted))
        return account(pool, chosen, reasons=_reasons(signal, mean(a, b), chosen))

    def _parts(self, pool: Pool, signal: Floats, wanted: int) -> list[Ints]:
        """Rows that share the budget: the frontier's, cluster by cluster, or all in one."""
        if self.spread == "none":
            return [np.arange(len(pool))]
        inside = np.zeros(len(pool), dtype=bool)
        size = len(pool) if self.width == "pool" else math.ceil(min(len(pool), self.width * wanted))
        inside[best(signal, np.arange(len(pool)))[:size]] = True
        return [kept for rows in clusters(pool) if len(kept := rows[inside[rows]])]

    def _shares(self, parts: list[Ints], signal: Floats, budget: int) -> Ints:
        sizes = [len(rows) for rows in parts]
        return quotas([signal[rows].sum() for rows in parts] if self.spread == "signal" else sizes, budget, sizes)


def _reasons(signal: Floats, rate: Floats, chosen: Ints) -> NDArray[np.str_]:
    bar = np.round(signal[chosen].min(initial=np.inf), 12)  # the least signal that was taken; inf: nothing was
    below = (np.round(signal, 12) < bar) & (len(chosen) > 0)
    return np.select([below & (rate > 0.5), below & (rate < 0.5)], ["too_easy", "too_hard"], "not_chosen")
