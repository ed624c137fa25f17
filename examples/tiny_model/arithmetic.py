"""The tasks of the tiny model: sums, differences and products by digits, a tenth of the longer ones kept out of training.

A task is `a`, `op`, `b`, written `37+45=`; its answer is an integer that is never negative. Level d = 1, 2 or 3 has two operands of d
digits, and products one of d digits and one of a single digit, above 1 where d is.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

LEVELS, OPS = (1, 2, 3), "+-*"
HELD_OUT = 10  # one task in so many of level 2 and above is never trained on
Tasks = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]  # (n,) each: a, index of op, b


def draw(rng: np.random.Generator, level: NDArray[np.int64], op: NDArray[np.int64], *, held_out: bool) -> Tasks:
    """One task for each level and op (n,), uniform over its operands; those of level 2 and 3 all held out, or none of them."""
    a, b = np.zeros_like(level), np.zeros_like(level)
    open_ = np.ones(len(level), bool)
    while open_.any():
        n = open_.sum()
        low = np.where(level[open_] == 1, 0, 10 ** (level[open_] - 1))
        small = np.where(op[open_] == OPS.index("*"), 1, level[open_])
        first = rng.integers(low, 10 ** level[open_], n)
        least = np.where(small == level[open_], low, 2)  # times 0 and 1 would be easy at any length
        second = rng.integers(least, 10**small, n)
        swap = (op[open_] == OPS.index("-")) & (second > first)
        a[open_], b[open_] = np.where(swap, second, first), np.where(swap, first, second)
        open_ = (level > 1) & (is_held_out(a, op, b) != held_out)
    return a, op, b


def is_held_out(a: NDArray[np.int64], op: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,), True for a tenth of all tasks: a fixed arithmetic hash, so that it needs no list."""
    mixed = (a * 2_654_435_761 + b * 40_503 + op * 977) % 1_000_003
    return (mixed * 7_919 % 104_729) % HELD_OUT == 0


def written(tasks: Tasks) -> Iterator[tuple[str, str]]:
    """(question, answer) of each task.

    >>> list(written((np.array([37, 9]), np.array([0, 2]), np.array([45, 8]))))
    [('37+45=', '82'), ('9*8=', '72')]
    """
    for a, op, b in zip(*(each.tolist() for each in tasks), strict=True):
        yield f"{a}{OPS[op]}{b}=", str((a + b, a - b, a * b)[op])
