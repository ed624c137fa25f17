"""The posterior of each problem's rewards: a Beta for correct, and Dirichlets centred on its source's histogram.

A Dirichlet process whose base is discrete is a Dirichlet, so every update is a sum of counts. Shapes: n problems, at
most `MOST_BINS` reward values per source.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from assay.maths.rl.reward_signal import RewardPosterior

Floats = NDArray[np.float64]
Histogram = Sequence[tuple[float, bool, int]]  # (reward, whether it is correct, attempts) of one problem

MOST_BINS = 16
STRENGTHS = np.geomspace(0.25, 64, 25)  # candidates for the weight of the source's histogram, in attempts
STRENGTH_CENTRE, STRENGTH_LOG_SD = 2.0, 1.5  # weak prior of this weight, which decides where a source has few attempts
FIRST_CUT = 256  # values that merging starts from


def reward_posterior(
    histograms: Sequence[Histogram], sources: Sequence[str], a: ArrayLike, b: ArrayLike, *, bins: int = MOST_BINS
) -> RewardPosterior:
    """An attempt is correct with chance ~ Beta(a, b); its reward given that is a Dirichlet process around the source.

    Per source and class (correct, incorrect), the process is centred on the mean of the problems' histograms and weighs
    as many attempts as make the source's counts most likely (Dirichlet-multinomial). A source of more than `bins`
    different rewards has its nearest ones merged, least within-bin variance first, never across classes; rewards of one
    bin count as equal. A class that a source never showed has one value: 0, or the source's least reward where that is
    lower, for incorrect; 1, or its highest, for correct.

    Args as columns: histograms n, sources n, a (n,), b (n,).

    Raises:
        ValueError: the lengths differ.

    Source: Ferguson (1973), A Bayesian Analysis of Some Nonparametric Problems; the fit, Minka (2000).
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if not len(histograms) == len(sources) == len(first) == len(second):
        raise ValueError(f"{len(histograms)} histograms, {len(sources)} sources and {len(first)} rates differ")
    values, weights, correct = (np.zeros((len(first), 0)) for _ in range(3))
    for source in sorted(set(sources)):
        rows = [row for row, name in enumerate(sources) if name == source]
        levels, flags, table = _source_weights([histograms[row] for row in rows], bins)
        if (lacking := len(levels) - values.shape[1]) > 0:
            values, weights, correct = (np.pad(array, ((0, 0), (0, lacking))) for array in (values, weights, correct))
        values[rows, : len(levels)], correct[rows, : len(levels)], weights[rows, : len(levels)] = levels, flags, table
    return RewardPosterior(first, second, values, weights, correct.astype(bool))


def _source_weights(histograms: Sequence[Histogram], bins: int) -> tuple[Floats, Floats, Floats]:
    """The values of a source, (V,), which of them are correct, (V,), and the weights of its problems, (n, V)."""
    centres = merge_values(histograms, bins)
    levels = sorted(set(centres.values()))
    column = {level: place for place, level in enumerate(levels)}
    counts = np.zeros((len(histograms), len(levels)))
    for row, histogram in enumerate(histograms):
        for reward, is_correct, n in histogram:
            counts[row, column[centres[reward, bool(is_correct)]]] += n
    flags = np.array([is_correct for _, is_correct in levels], dtype=bool)
    weights = np.zeros_like(counts)
    for class_flags in (flags, ~flags):
        share = _mean_shares(counts[:, class_flags])
        weights[:, class_flags] = fit_strength(counts[:, class_flags], share) * share + counts[:, class_flags]
    return np.array([value for value, _ in levels]), flags.astype(np.float64), weights


def merge_values(
    histograms: Sequence[Histogram], bins: int = MOST_BINS
) -> dict[tuple[float, bool], tuple[float, bool]]:
    """Each (reward, correct) with the bin that it falls in, as (its mean reward, correct): at most `bins` bins.

    >>> merge_values([[(0.0, False, 2), (0.5, False, 1), (1.0, True, 1)]])
    {(0.0, False): (0.0, False), (0.5, False): (0.5, False), (1.0, True): (1.0, True)}
    """
    counts = Counter[tuple[float, bool]]()
    for histogram in histograms:
        for reward, is_correct, n in histogram:
            counts[float(reward), bool(is_correct)] += n
    rewards = [reward for reward, _ in counts]
    centres: dict[tuple[float, bool], tuple[float, bool]] = {}
    classes = {flag: sorted(reward for reward, own in counts if own is flag) for flag in (False, True)}
    room = _room(len(classes[False]), len(classes[True]), bins)
    for flag, own in classes.items():
        if not own:
            edge = max([1.0, *rewards]) if flag else min([0.0, *rewards])
            centres[edge, flag] = (edge, flag)
            continue
        weights = [counts[reward, flag] for reward in own]
        for members, centre in _merge_nearest(own, weights, room[flag]):
            centres |= {(reward, flag): (centre, flag) for reward in members}
    return centres


def _room(wrong: int, right: int, bins: int) -> dict[bool, int]:
    """How many bins each class gets: all that it needs, or a share of them in proportion, and at least one."""
    if wrong + right <= bins:
        return {False: max(wrong, 1), True: max(right, 1)}
    of_right = min(max(1, round(bins * right / (wrong + right))), bins - 1)
    return {False: bins - of_right, True: of_right}


def _merge_nearest(rewards: Sequence[float], weights: Sequence[int], most: int) -> list[tuple[list[float], float]]:
    """Neighbours merged until `most` bins are left, those whose union adds the least squared error first (Ward)."""
    size = -(-len(rewards) // FIRST_CUT)
    groups = [list(rewards[start : start + size]) for start in range(0, len(rewards), size)]
    sums = [float(sum(weights[start : start + size])) for start in range(0, len(rewards), size)]
    weight_of = dict(zip(rewards, weights, strict=True))
    means = [sum(weight_of[r] * r for r in group) / total for group, total in zip(groups, sums, strict=True)]
    while len(groups) > most:
        s, m = np.array(sums), np.array(means)
        at = int(np.argmin(s[:-1] * s[1:] / (s[:-1] + s[1:]) * np.diff(m) ** 2))
        means[at] = (sums[at] * means[at] + sums[at + 1] * means[at + 1]) / (sums[at] + sums[at + 1])
        sums[at] += sums[at + 1]
        groups[at] += groups[at + 1]
        del groups[at + 1], sums[at + 1], means[at + 1]
    return [
        (group, group[0] if len(group) == 1 else round(mean, 12)) for group, mean in zip(groups, means, strict=True)
    ]


def _mean_shares(counts: Floats) -> Floats:
    """The mean over problems of each value's share, so that a problem of many attempts weighs as one of few."""
    totals = counts.sum(1, keepdims=True)
    histograms = counts[totals[:, 0] > 0] / totals[totals[:, 0] > 0]
    return np.asarray(histograms.mean(0)) if len(histograms) else np.full(counts.shape[1], 1 / counts.shape[1])


def fit_strength(counts: Floats, share: Floats) -> float:
    """The weight of the source's histogram, in attempts, under which the problems' counts are most likely.

    Problems that are alike give a large one, and problems with rewards of their own a small one. Shapes: counts (n, V),
    share (V,).
    """
    n = counts.sum(1)
    counts, n = counts[n > 0], n[n > 0]
    base = STRENGTHS[:, None, None] * share  # (k, 1, V)
    likelihood = (special.gammaln(base + counts) - special.gammaln(base)).sum((1, 2))
    likelihood -= (special.gammaln(STRENGTHS[:, None] + n) - special.gammaln(STRENGTHS[:, None])).sum(1)
    penalty = (np.log(STRENGTHS) - np.log(STRENGTH_CENTRE)) ** 2 / (2 * STRENGTH_LOG_SD**2)
    return float(STRENGTHS[np.argmax(likelihood - penalty)])
