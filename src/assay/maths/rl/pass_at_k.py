"""Chances over several attempts at a problem, unbiased from a fixed number of them: pass@k, pass^k and majority@k.

These hold for a fixed design only. If outcomes decided the number of attempts (a problem stopped early because it
looked easy), c / n and everything built on it is biased; `posterior_pass_at_k` holds there too. Shapes: `correct` and
`attempts` any one shape S -> S.
"""

from collections.abc import Callable, Sequence
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from assay.maths.beta.prior_error import prior_error
from assay.maths.beta.two_betas import RatePrior

Floats = NDArray[np.float64]
PosteriorEstimate = Callable[[RatePrior, int], tuple[Floats, Floats]]

MAX_GROUPS = 20_000  # above so many, groups are sampled


def pass_at_k(correct: ArrayLike, attempts: ArrayLike, k: int) -> Floats:
    """The share of groups of k among n attempts with at least one right is 1 - C(n - c, k) / C(n, k); NaN if n < k.

    Unbiased for 1 - (1 - p)^k, where 1 - (1 - c/n)^k and a bootstrap with replacement are too low.

    Raises:
        ValueError: k is below 1, or counts are negative or more than the attempts.

    Source: Chen et al. (2021), arXiv:2107.03374, sec. 2.1.

    >>> pass_at_k([1, 0, 3], [4, 4, 3], 4).tolist()
    [1.0, 0.0, nan]
    """
    n_correct, n = _check_counts(correct, attempts, k)
    return 1 - _share(n - n_correct, n, k)


def pass_all_k(correct: ArrayLike, attempts: ArrayLike, k: int) -> Floats:
    """The share of groups of k among n attempts that are all right is pass^k = C(c, k) / C(n, k); NaN if n < k.

    Unbiased for p^k.

    Raises:
        ValueError: as `pass_at_k`.

    Source: tau-bench, arXiv:2406.12045, sec. 3.

    >>> pass_all_k([3, 1], [4, 4], 2).round(6).tolist()
    [0.5, 0.0]
    """
    n_correct, n = _check_counts(correct, attempts, k)
    return _share(n_correct, n, k)


def posterior_pass_at_k(belief: RatePrior, k: int) -> tuple[Floats, Floats]:
    """The posterior mean and standard deviation of pass@k = 1 - (1 - p)^k, (n,) each.

    It holds whatever rule stopped the attempts, if that saw outcomes alone and the prior is right.

    >>> from assay.maths.beta.zero_inflated_beta import ZeroInflatedBeta
    >>> mean, deviation = posterior_pass_at_k(ZeroInflatedBeta.of([1.0], [1.0]), 1)
    >>> float(mean[0]), round(float(deviation[0]) ** 2, 4)  # a uniform rate: mean 1/2, variance 1/12
    (0.5, 0.0833)
    """
    none = belief.none_right(k)
    return 1 - none, np.asarray(np.sqrt(np.maximum(belief.none_right(2 * k) - none**2, 0.0)))


def posterior_pass_all_k(belief: RatePrior, k: int) -> tuple[Floats, Floats]:
    """The posterior mean and standard deviation of pass^k = p^k, (n,) each; as `posterior_pass_at_k`."""
    all_k = belief.all_right(k)
    return all_k, np.asarray(np.sqrt(np.maximum(belief.all_right(2 * k) - all_k**2, 0.0)))


def posterior_mean_error(
    prior: RatePrior, correct: ArrayLike, wrong: ArrayLike, estimate: PosteriorEstimate, k: int
) -> float:
    """The standard error of a pool's mean `estimate` (pass@k or pass^k) that comes from the fit of its prior alone.

    The posteriors' own deviations take the prior for known. Shapes: prior (1,), fitted to correct (n,) and wrong (n,).
    """
    n = len(np.asarray(correct))
    return prior_error(prior, correct, wrong, lambda belief: estimate(belief, k)[0], np.arange(n)) / max(n, 1)


def majority_at_k(answers: Sequence[str], right: str, k: int) -> float:
    """The share of groups of k among these answers whose most frequent answer is `right`; ties count as a fair draw.

    Exact if there are at most 20,000 groups, else over 20,000 random groups from a fixed seed (a standard error of at
    most .0035). "" is no answer: it does not vote, and a group without an answer is not right. NaN for fewer than k
    answers.

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
    counts = np.array([*(answers.count(name) for name in names), answers.count("")])
    votes = _votes(counts, k)[:, :-1]  # (groups, names)
    top = votes.max(axis=1)
    wins = (votes[:, names.index(right)] == top) & (top > 0)
    return float((wins / np.maximum((votes == top[:, None]).sum(axis=1), 1)).mean())


def _votes(counts: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """How often each kind is among k, over all groups of k, or over `MAX_GROUPS` drawn ones, (groups, kinds)."""
    n = int(counts.sum())
    if comb(n, k) > MAX_GROUPS:
        rng = np.random.default_rng(n * 1_000_003 + k)
        return rng.multivariate_hypergeometric(counts, k, size=MAX_GROUPS)
    kinds = np.repeat(np.arange(len(counts)), counts)
    return np.stack([np.bincount(kinds[list(group)], minlength=len(counts)) for group in combinations(range(n), k)])


def _check_counts(correct: ArrayLike, attempts: ArrayLike, k: int) -> tuple[Floats, Floats]:
    n_correct, n = np.broadcast_arrays(np.asarray(correct, dtype=np.float64), np.asarray(attempts, dtype=np.float64))
    if k < 1:
        raise ValueError(f"pass over {k} attempts; k is at least 1")
    is_invalid = (n_correct < 0) | (n_correct > n)
    if is_invalid.any():
        first = int(np.argmax(is_invalid))
        raise ValueError(f"{n_correct.ravel()[first]:g} right of {n.ravel()[first]:g} attempts")
    return n_correct, n


def _share(m: Floats, n: Floats, k: int) -> Floats:
    """C(m, k) / C(n, k), NaN where n < k."""
    enough = (m >= k) & (n >= k)
    part, whole = np.where(enough, m, k), np.maximum(n, k)
    log = (
        special.gammaln(part + 1)
        - special.gammaln(part - k + 1)
        - special.gammaln(whole + 1)
        + special.gammaln(whole - k + 1)
    )
    return np.asarray(np.where(n >= k, np.where(enough, np.exp(log), 0.0), np.nan))
