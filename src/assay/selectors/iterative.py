"""Diversify and Conquer: rounds, between which clusters gain or lose weight by what their problems still have to teach."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from assay.core.types import Pool, Selection
from assay.maths.allocation.quotas import quotas
from assay.maths.geometry.cluster_weights import reweighed
from assay.selectors._outcome import Floats, Ints, account, clusters, numbers, within


@dataclass(frozen=True)
class Iterative:
    """Each round draws its part of the budget by the clusters' weights; then w_j becomes w_j exp(s_j), scaled to sum 1.

    s_j is the mean gain of the problems that the round drew from cluster j. Gain is the reward of the gold answer less that of
    the policy's own: with a verifier as reward model, 1 minus the pass rate under the current policy. by = "gain" reads that
    from a column instead, higher = more to gain. A cluster without a draw keeps its weight, an empty one passes its quota on.

    history = true draws one round and takes earlier ones from the column `round` (t = the lake's t-th training run met the problem
    first, 0 = none did): their gains, measured by the policy as it is now, set the weights, and their problems leave as
    `chosen_before`. rounds = 1 is `kmeans_random`
    with equal clusters in place of proportional ones. Dropped: `chosen_before`, `not_chosen`.

    Source: arXiv:2409.11378, sec. 3, algorithm 1, with N = 3. form = "plain" is its equation 6, which refuses negative gains;
    memory = false is what its released code does. The paper fine-tunes between rounds; here one run of a plan is one state of the
    policy, so rounds inside it share its measurements, and `history` makes each training run a round.
    """

    rounds: Annotated[int, Field(ge=1)] = 3
    by: str = "mean"  # "mean" = 1 - pass rate; else a column of gains
    form: Literal["exp", "plain"] = "exp"
    memory: bool = True
    history: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """Clusters and gains; with a history, the round in which each problem was chosen."""
        return ("cluster", self.by, *(("round",) if self.history else ()))

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """min(budget, problems not chosen before), without replacement."""
        parts, value = clusters(pool), numbers(pool, self.by)  # (n,)
        gain = 1 - value if self.by == "mean" else value
        when = numbers(pool, "round") if self.history else np.zeros(len(pool))
        weight = np.full(len(parts), 1 / max(1, len(parts)))  # (k,)
        for past in np.unique(when[when > 0]):
            weight = self._next(weight, gain, [rows[when[rows] == past] for rows in parts])
        left = [rng.permutation(rows[when[rows] == 0]) for rows in parts]
        spent = within(budget, sum(len(rows) for rows in left))
        chosen: list[Ints] = []
        for share in quotas([1] * self.rounds, spent, [spent] * self.rounds) if not self.history else [spent]:
            counts = quotas(weight, int(share), [len(rows) for rows in left])
            drawn = [rows[:count] for rows, count in zip(left, counts, strict=True)]
            left = [rows[count:] for rows, count in zip(left, counts, strict=True)]
            chosen += drawn
            weight = self._next(weight, gain, drawn)
        kept = np.concatenate([np.empty(0, np.int64), *chosen])
        return account(pool, kept, reasons=np.where(when > 0, "chosen_before", "not_chosen"))

    def _next(self, weight: Floats, gain: Floats, drawn: list[Ints]) -> Floats:
        means = np.array([gain[rows].mean() if len(rows) else np.nan for rows in drawn])
        return reweighed(weight, means, form=self.form, memory=self.memory) if len(means) else weight
