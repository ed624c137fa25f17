"""A policy that stands still, drawn from a pool's posteriors: it attempts groups, with rewards of any number."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.core.types import Counts, GroupResult, Pool
from assay.maths.rl.reward_signal import RewardPosterior, SignalKind

Floats = NDArray[np.float64]
EPSILON = 1e-4  # that TRL adds to the standard deviation by which it divides


class SimulatedPolicy:
    """One draw of every problem's rate of correct attempts and of the rewards of either class, and groups made of it.

    Args:
        pool: with `beta_a` and `beta_b`, and `rewards` where they are graded.
        group_size: attempts of a group.
        kind: "mixed" where the objective divides advantages by their group's standard deviation, else "sd".
        tau: standard deviation up to which a group's rewards count as equal.
        rng: of all draws.
    """

    def __init__(self, pool: Pool, group_size: int, *, kind: SignalKind, tau: float, rng: np.random.Generator) -> None:
        self.group_size, self.kind, self.tau, self.rng = group_size, kind, tau, rng
        self._rows = {id_: row for row, id_ in enumerate(pool.ids)}
        a, b = pool.column("beta_a"), pool.column("beta_b")
        rate = rng.beta(a, b)[:, None]  # (n, 1)
        if "rewards" in pool.columns:
            posterior = RewardPosterior.from_table(a, b, pool.column("rewards"))
            self.values, self.correct = posterior.values, posterior.correct  # (n, V) each
            self.chances = np.where(self.correct, rate, 1 - rate) * _draw_shares(posterior, rng)
        else:
            self.values = np.tile([0.0, 1.0], (len(a), 1))
            self.correct = self.values > 0
            self.chances = np.concatenate([1 - rate, rate], axis=1)
        self.signals: list[float] = []  # of every group so far, as the objective learns from it

    def attempt(self, ids: Sequence[str], rollouts: int = 0) -> list[GroupResult]:
        """Attempt each of these problems.

        Args:
            ids: of the problems.
            rollouts: of each; 0 = a whole group. The signal of a part of one is not noted.
        """
        return [self._attempt_group(id_, self._rows[id_], rollouts or self.group_size) for id_ in ids]

    def _attempt_group(self, id_: str, row: int, size: int) -> GroupResult:
        tally = self.rng.multinomial(size, self.chances[row] / self.chances[row].sum())
        rewards, right = np.repeat(self.values[row], tally), np.repeat(self.correct[row], tally)
        deviation = float(rewards.std())
        if size == self.group_size:
            self.signals.append(deviation if self.kind == "sd" else float(deviation > self.tau + 1e-12))
        correct = int(right.sum())
        return GroupResult(
            id_,
            Counts(correct=correct, wrong=size - correct),
            self._mean_advantage(rewards),
            self._mean_advantage(right.astype(np.float64)),
        )

    def _mean_advantage(self, rewards: Floats) -> float:
        """Return the mean |advantage| as training computes it; 0 of equal rewards."""
        if rewards.min() == rewards.max():
            return 0.0
        size = float(np.abs(rewards - rewards.mean()).mean())
        return size / (float(rewards.std(ddof=1)) + EPSILON) if self.kind == "mixed" else size


def _draw_shares(posterior: RewardPosterior, rng: np.random.Generator) -> Floats:
    """Return a draw of each value's share in its class, (n, V), from its Dirichlet."""
    amounts = rng.gamma(np.maximum(posterior.weights, 1e-300)) * (posterior.weights > 0)
    amounts = np.maximum(amounts, 1e-300 * (posterior.weights > 0))  # a tiny weight may draw 0 of all its class
    of_correct = (amounts * posterior.correct).sum(1, keepdims=True)
    of_wrong = (amounts * ~posterior.correct).sum(1, keepdims=True)
    return np.asarray(amounts / np.where(posterior.correct, of_correct, of_wrong))
