"""DART-Math's two rules for how many right answers to collect for each problem."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Rule = Literal["uniform", "prop2diff"]


def response_targets(fail_rate: ArrayLike, *, rule: Rule, most: int) -> NDArray[np.int64]:
    """Uniform wants `most` of every problem; Prop2Diff wants most x fail rate of each, rounded up, and never fewer than one.

    The lower bound is the paper's Cover: without it, problems that are always solved would vanish. Shapes: S -> S.

    Raises:
        ValueError: a fail rate outside [0, 1], or `most` below 1.

    Source: arXiv:2407.13690, sec. 3; k_u = 40 and k_p = 192 there. The hardest problem's normaliser is taken as a fail rate of 1.

    >>> response_targets([0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99], rule="prop2diff", most=192).tolist()
    [1, 2, 20, 48, 96, 144, 173, 191]
    """
    fail = np.asarray(fail_rate, dtype=np.float64)
    if most < 1:
        raise ValueError(f"{most} answers of a problem are below 1")
    if wrong := fail[~((fail >= 0) & (fail <= 1))].tolist():
        raise ValueError(f"a fail rate of {wrong[0]} is outside [0, 1]")
    if rule == "uniform":
        return np.full(fail.shape, most, dtype=np.int64)
    return np.maximum(1, np.ceil(np.round(most * fail, 9))).astype(np.int64)
