"""`iterative`: Diversify and Conquer: rounds between which clusters gain or lose weight by what is left to learn."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from assay.core.types import Pool, Selection
from assay.maths.allocation.quotas import quotas
from assay.maths.geometry.cluster_weights import update_cluster_weights
from assay.selectors._pool_rows import Floats, Ints, build_selection, clip_budget, cluster_rows, numeric_column


@dataclass(frozen=True)
class Iterative:
    """Draw in rounds, each of which divides its part of the budget by the clusters' weights and then updates them.

    The update multiplies w_j by exp(s_j). s_j is the mean gain of the problems that the round drew from cluster j;
    weights are scaled to sum 1. A problem's gain is the reward of the gold answer minus that of the policy's own
    answer: with a verifier as reward model, 1 minus the pass rate of the current policy. `by` may name a column of
    gains instead, higher = more to gain. A cluster from which nothing was drawn keeps its weight, and an empty one
    passes its quota on.

    history = true draws one round and takes earlier rounds from the column `round` (t = the problem first came in the
    lake's t-th training run, 0 = in none). Their gains, measured with the current policy, set the weights; their
    problems leave as `chosen_before`. rounds = 1 is `kmeans_random` with equal instead of proportional cluster weights.

    Dropped: `chosen_before`, `not_chosen`.

    Source: arXiv:2409.11378, sec. 3, algorithm 1, with N = 3. form = "plain" is its equation 6, which refuses negative
    gains; memory = false is what its released code does. The paper fine-tunes between rounds. Here one run of a config
    sees one state of the policy, so its rounds share the same measurements, and `history` makes each training run a
    round.
    """

    rounds: Annotated[int, Field(ge=1)] = 3
    by: str = "mean"  # "mean": the gain is 1 - pass rate; else a column of gains
    form: Literal["exp", "plain"] = "exp"
    memory: bool = True
    history: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """Clusters and gains; with a history also the round in which each problem was chosen."""
        return ("cluster", self.by, *(("round",) if self.history else ()))

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """Draw min(budget, problems not chosen before) problems without replacement."""
        clusters, value = cluster_rows(pool), numeric_column(pool, self.by)  # (n,)
        gain = 1 - value if self.by == "mean" else value
        round_chosen = numeric_column(pool, "round") if self.history else np.zeros(len(pool))  # (n,) 0 = not yet
        weight = np.full(len(clusters), 1 / max(1, len(clusters)))  # (k,)
        for past in np.unique(round_chosen[round_chosen > 0]):
            weight = self._update(weight, gain, [rows[round_chosen[rows] == past] for rows in clusters])
        remaining = [rng.permutation(rows[round_chosen[rows] == 0]) for rows in clusters]
        size = clip_budget(budget, sum(len(rows) for rows in remaining))
        chosen_rows: list[Ints] = []
        for round_size in quotas([1] * self.rounds, size, [size] * self.rounds) if not self.history else [size]:
            counts = quotas(weight, int(round_size), [len(rows) for rows in remaining])
            round_rows = [rows[:count] for rows, count in zip(remaining, counts, strict=True)]
            remaining = [rows[count:] for rows, count in zip(remaining, counts, strict=True)]
            chosen_rows += round_rows
            weight = self._update(weight, gain, round_rows)
        rows = np.concatenate([np.empty(0, np.int64), *chosen_rows])
        return build_selection(pool, rows, reasons=np.where(round_chosen > 0, "chosen_before", "not_chosen"))

    def _update(self, weight: Floats, gain: Floats, round_rows: list[Ints]) -> Floats:
        means = np.array([gain[rows].mean() if len(rows) else np.nan for rows in round_rows])
        return update_cluster_weights(weight, means, form=self.form, memory=self.memory) if len(means) else weight
