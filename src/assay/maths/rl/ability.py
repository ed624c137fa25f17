"""The ability of a policy on the scale of its problems' difficulties, under the one-parameter logistic model."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

STEPS = 100


def ability(
    right: ArrayLike, attempts: ArrayLike, difficulty: ArrayLike, *, mean: float = 0.0, deviation: float = 1.0
) -> tuple[float, float]:
    """The most probable theta under p = sigma(theta - b) and theta ~ N(mean, deviation^2), and its standard error.

    Newton's method on a concave log posterior; the prior keeps all right and all wrong finite, and is the result
    without attempts. Shapes: (m,) each.

    Raises:
        ValueError: lengths differ, or a difficulty is not finite.

    Source: PUDF, arXiv:2408.05326 (theta by the same posterior, which it calls maximum likelihood); Rasch (1960).

    >>> ability([1], [2], [0.0])[0]
    0.0
    """
    k, n, b = (np.asarray(values, dtype=np.float64) for values in (right, attempts, difficulty))
    if not (k.shape == n.shape == b.shape) or not np.isfinite(b).all():
        raise ValueError(
            f"{k.size} successes, {n.size} attempts and {b.size} difficulties, "
            f"{int((~np.isfinite(b)).sum())} of them not finite"
        )
    theta, curvature = mean, deviation**-2
    for _ in range(STEPS):
        p = special.expit(theta - b)  # (m,)
        slope = float((k - n * p).sum()) - (theta - mean) / deviation**2
        curvature = float((n * p * (1 - p)).sum()) + deviation**-2
        step = slope / curvature
        theta += float(np.clip(step, -1.0, 1.0))  # the curvature is flat far from the maximum: no overshooting
        if abs(step) < 1e-10:
            break
    return theta, curvature**-0.5
