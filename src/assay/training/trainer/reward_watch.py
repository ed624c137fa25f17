"""Watch for reward hacking: the total reward rises while correctness stands still."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WINDOW = 20  # steps that are compared with as many before
RISE = 3.0  # standard errors by which the reward must have risen
STILL = 2.0  # standard errors up to which correctness counts as standing still


def reward_warning(rewards: Sequence[float], correct: Sequence[float], *, window: int = WINDOW) -> str:
    """Return a warning where the reward rose over the last steps and correctness did not, else "".

    The last `window` steps are compared with the first ones, by means and standard errors over steps. It is asked once
    per window, and never where the two rise together, as they do where the reward is correctness.

    Args:
        rewards: mean total reward per step; NaN where nothing was judged.
        correct: share of rollouts judged correct per step.
        window: steps.
    """
    table = np.array([rewards, correct], dtype=np.float64)
    table = table[:, np.isfinite(table).all(axis=0)]
    steps = table.shape[1]
    if steps < 2 * window or steps % window:
        return ""
    before, after = table[:, :window], table[:, -window:]
    gains = after.mean(1) - before.mean(1)
    reward_rise, correct_rise = (_in_errors(gain, *rows) for gain, *rows in zip(gains, before, after, strict=True))
    if reward_rise < RISE or correct_rise > STILL:
        return ""
    return (
        f"the reward rose by {gains[0]:.3f} over {steps} steps ({before[0].mean():.3f} to {after[0].mean():.3f}) while "
        f"the share of correct rollouts went from {before[1].mean():.3f} to {after[1].mean():.3f}: the policy may be "
        "learning what the reward pays besides correctness; read some rollouts, or lower the weights in [train.reward]"
    )


def _in_errors(gain: float, before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """Return a difference of means in its standard errors."""
    error = float(np.sqrt(before.var(ddof=1) / len(before) + after.var(ddof=1) / len(after)))
    return gain / max(error, 1e-6)
