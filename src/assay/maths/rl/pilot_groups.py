"""Pilot groups: what stopping a group after its first k answers, where these agree, saves and loses."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]


class PilotEffect(NamedTuple):
    """Chances over the order in which a group's answers were drawn, each (m,)."""

    stopped: Floats  # the group is stopped  # [0, 1]
    spared_right: Floats  # a given right answer is not drawn  # [0, 1]
    spared_wrong: Floats  # a given wrong answer is not drawn  # [0, 1]


def pilot_effect(attempts: ArrayLike, correct: ArrayLike, pilot: int) -> PilotEffect:
    """Of a group of n answers with c right, the first k agree with chance (C(c, k) + C(n - c, k)) / C(n, k).

    Exact over all orders of the group. A given right answer is spared if the pilot holds k of the other c - 1 right
    ones, or k wrong ones; a given wrong answer likewise. Groups of at most k answers are never stopped, since nothing
    is left.

    Shapes: attempts (m,), correct (m,) -> three of (m,).

    Raises:
        ValueError: the pilot is below 1, or more answers are right than there are.

    Source: the screening of SPEED-RL (arXiv:2506.09016) and of dynamic sampling (DAPO, arXiv:2503.14476, sec. 3.2),
    where a group without signal is found before it is whole.

    >>> effect = pilot_effect([4, 4], [4, 1], 2)
    >>> [round(float(chance), 3) for chance in effect.stopped]
    [1.0, 0.5]
    """
    n, c = np.asarray(attempts, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if pilot < 1 or (c > n).any() or (c < 0).any():
        raise ValueError(f"a pilot of {pilot} answers, and up to {c.max(initial=0):g} right of {n.max(initial=0):g}")
    whole = np.where(n > pilot, special.binom(np.maximum(n, pilot), pilot), np.inf)
    right, wrong = _ways(c, pilot), _ways(n - c, pilot)
    return PilotEffect(
        (right + wrong) / whole,
        (_ways(c - 1, pilot) + wrong) / whole,
        (right + _ways(n - c - 1, pilot)) / whole,
    )


def _ways(n: Floats, k: int) -> Floats:
    """C(n, k), 0 where n < k."""
    return np.where(n >= k, special.binom(np.maximum(n, k), k), 0.0)
