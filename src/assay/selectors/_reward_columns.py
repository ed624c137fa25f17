"""The posterior of graded rewards, as the pipeline puts it beside a pool's columns."""

import numpy as np

from assay.core.types import Pool
from assay.maths.rl.reward_signal import RewardPosterior
from assay.selectors._pool_rows import Floats, numeric_column


def read_posterior(pool: Pool) -> RewardPosterior | None:
    """Return the posterior of each problem's rewards; None where the pool's rewards are 0 and 1 alone.

    Args:
        pool: with `beta_a` and `beta_b`, and where rewards are graded `rewards`, (n, V, 3): reward, Dirichlet weight,
            1 = correct.
    """
    if "rewards" not in pool.columns or not len(pool):
        return None
    a, b = numeric_column(pool, "beta_a"), numeric_column(pool, "beta_b")
    return RewardPosterior.from_table(a, b, pool.column("rewards"))


def mean_reward_beta(posterior: RewardPosterior) -> tuple[Floats, Floats]:
    """Return the Beta with the mean and variance of each problem's mean reward over the pool's range, (n,) each."""
    low, high = posterior.values.min(), posterior.values.max()
    width = max(high - low, 1e-12)
    mean = np.clip((posterior.mean() - low) / width, 1e-9, 1 - 1e-9)
    strength = np.maximum(mean * (1 - mean) / np.maximum(posterior.mean_variance() / width**2, 1e-12) - 1, 1e-6)
    return mean * strength, (1 - mean) * strength
