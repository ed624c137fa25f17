"""DART-Math's two rules for how many right answers to collect for each problem."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Rule = Literal["uniform", "prop2diff"]


def response_targets(fail_rate: ArrayLike, *, rule: Rule, most: int) -> NDArray[np.int64]:
    """Uniform wants `most` answers of every problem; Prop2Diff wants most x fail rate, rounded up, and at least one.

    The lower bound is the paper's Cover: without it, problems that are always solved would vanish. Shapes: S -> S.

    Raises:
        ValueError: a fail rate outside [0, 1], or `most` below 1.

    Source: arXiv:2407.13690, sec. 3; k_u = 40 and k_p = 192 there. The hardest problem's normaliser is taken as a fail
    rate of 1.

    >>> response_targets([0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99], rule="prop2diff", most=192).tolist()
    [1, 2, 20, 48, 96, 144, 173, 191]
    """
    fail = np.asarray(fail_rate, dtype=np.float64)
    if most < 1:
        raise ValueError(f"the number of answers per problem must be at least 1, found {most}")
    if invalid := fail[~((fail >= 0) & (fail <= 1))].tolist():
        raise ValueError(f"a fail rate of {invalid[0]} is outside [0, 1]")
    if rule == "uniform":
        return np.full(fail.shape, most, dtype=np.int64)
    return np.maximum(1, np.ceil(np.round(most * fail, 9))).astype(np.int64)


def inclusion_probabilities(targets: ArrayLike, count: int) -> NDArray[np.float64]:
    """The chance of each to be among `count` drawn successively without replacement, in proportion to the targets.

    It is 1 - exp(-t x), with the x at which the chances sum to `count`: each waits for its first event of a process of
    rate t, and the draw ends at nearly the same time for all. Exact in the limit of many; 1 if all are drawn. Shapes:
    (n,) -> (n,).

    Raises:
        ValueError: `count` outside [0, n], or a target that is not above 0.

    Source: Rosen (1972), Asymptotic Theory for Successive Sampling with Varying Probabilities Without Replacement.

    >>> inclusion_probabilities([1, 1, 1, 1], 2).round(3).tolist()
    [0.5, 0.5, 0.5, 0.5]
    """
    from scipy.optimize import brentq

    target = np.asarray(targets, dtype=np.float64)
    if not 0 <= count <= len(target) or (target <= 0).any():
        raise ValueError(f"{count} of {len(target)} targets, the least of them {target.min(initial=np.inf):g}")
    if count in (0, len(target)):
        return np.full(len(target), float(count > 0))
    scaled = target / target.mean()
    high = 1.0
    while -np.expm1(-scaled * high).sum() < count:
        high *= 2
    time = brentq(lambda x: float(-np.expm1(-scaled * x).sum()) - count, 0.0, high, xtol=1e-14)
    return np.asarray(-np.expm1(-scaled * time))
