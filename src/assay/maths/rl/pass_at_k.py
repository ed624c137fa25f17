"""Chances over several attempts at one problem, unbiased from a fixed number of them: pass@k, pass^k and majority@k.

They hold for a fixed design only. Where the number of attempts was decided by their outcomes (a problem stopped early because it looked easy),
c / n and everything built on it is biased, and a posterior is what remains. Shapes: `correct` and `attempts` any one shape S -> S.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]


def pass_at_k(correct: ArrayLike, attempts: ArrayLike, k: int) -> Floats:
    """The share of all groups of k among these attempts with at least one right: 1 - C(n - c, k) / C(n, k), NaN where n < k.

    Unbiased for 1 - (1 - p)^k, where 1 - (1 - c/n)^k and a bootstrap with replacement are too low.

    Raises:
        ValueError: k is below 1, or counts are negative or more than the attempts.

    Source: Chen et al. (2021), arXiv:2107.03374, sec. 2.1.

    >>> pass_at_k([1, 0, 3], [4, 4, 3], 4).tolist()
    [1.0, 0.0, nan]
    """
    right, tried = _checked(correct, attempts, k)
    return 1 - _share(tried - right, tried, k)


def pass_all_k(correct: ArrayLike, attempts: ArrayLike, k: int) -> Floats:
    """The share of all groups of k among these attempts in which every one is right: pass^k = C(c, k) / C(n, k), NaN where n < k.

    Unbiased for p^k.

    Raises:
        ValueError: as `pass_at_k`.

    Source: tau-bench, arXiv:2406.12045, sec. 3.

    >>> pass_all_k([3, 1], [4, 4], 2).round(6).tolist()
    [0.5, 0.0]
    """
    right, tried = _checked(correct, attempts, k)
    return _share(right, tried, k)


def majority_at_k(answers: Sequence[str], right: str, k: int) -> float:
    """The share of all groups of k among these answers whose most frequent answer is `right`; ties for the first place count as a fair draw.

    Exact over the groups where they are at most 20,000, else over 20,000 drawn evenly by a fixed rule (a standard error of .0035 at most).
    "" is no answer: it votes for nothing, and a group without an answer is not right. NaN where there are fewer than k answers.

    Raises:
        ValueError: k is below 1.

    Source: self-consistency, arXiv:2203.11171, as a U-statistic.

    >>> majority_at_k(["4", "4", "5"], "4", 3)
    1.0
    >>> majority_at_k(["4", "5"], "4", 2)
    0.5
    """
    if k < 1:
        raise ValueError(f"majority over {k} answers")
    if len(answers) < k:
        return float("nan")
    names = sorted(set(answers) - {""})
    if right not in names:
        return 0.0
    codes = np.array([names.index(answer) if answer else len(names) for answer in answers])
    votes = np.stack(
        [np.bincount(codes[group], minlength=len(names) + 1)[:-1] for group in _subsets(len(codes), k)]
    )  # (groups, names)
    most = votes.max(axis=1)
    won = (votes[:, names.index(right)] == most) & (most > 0)
    return float((won / np.maximum((votes == most[:, None]).sum(axis=1), 1)).mean())


GROUPS = 20_000


def _subsets(n: int, k: int) -> Sequence[NDArray[np.int64]]:
    from itertools import combinations
    from math import comb

    if comb(n, k) <= GROUPS:
        return [np.array(each) for each in combinations(range(n), k)]
    rng = np.random.default_rng(n * 1_000_003 + k)
    return [rng.permutation(n)[:k] for _ in range(GROUPS)]


def _checked(correct: ArrayLike, attempts: ArrayLike, k: int) -> tuple[Floats, Floats]:
    right, tried = np.broadcast_arrays(np.asarray(correct, dtype=np.float64), np.asarray(attempts, dtype=np.float64))
    if k < 1:
        raise ValueError(f"pass over {k} attempts; k is at least 1")
    if ((right < 0) | (right > tried)).any():
        worst = int(np.argmax((right < 0) | (right > tried)))
        raise ValueError(f"{right.ravel()[worst]:g} right of {tried.ravel()[worst]:g} attempts")
    return right, tried


def _share(of: Floats, tried: Floats, k: int) -> Floats:
    """C(of, k) / C(tried, k), NaN where tried < k."""
    enough = (of >= k) & (tried >= k)
    part, whole = np.where(enough, of, k), np.maximum(tried, k)
    log = (
        special.gammaln(part + 1)
        - special.gammaln(part - k + 1)
        - special.gammaln(whole + 1)
        + special.gammaln(whole - k + 1)
    )
    return np.asarray(np.where(tried >= k, np.where(enough, np.exp(log), 0.0), np.nan))
