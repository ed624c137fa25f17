"""Pass rates behind the verdicts of a verifier that errs, and what resampling until it accepts can reach.

Shapes: n problems, m points of the rate, e combinations of soundness and completeness that count equally.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from assay.maths.beta.audit import Floats, MarkedSample, error_rates
from assay.maths.beta.two_betas import RatePrior

BINS = 200  # of the rate, between the points 0 and 1
CHUNK = 2_048  # problems whose points are in memory at once
MOST_SAMPLES = 1_000  # among which the best number of samples is looked for


@dataclass(frozen=True, slots=True)
class GridPosterior:
    """The rates of n problems as weights of m points."""

    points: Floats  # (m,), from 0 to 1
    weights: Floats  # (n, m), rows of sum 1

    def mean(self) -> Floats:
        """The expected rate, (n,).  # [0, 1]"""
        return np.asarray(self.weights @ self.points)

    def quantile(self, share: float) -> Floats:
        """The point up to which at least this share of the weight lies, (n,)."""
        place = (self.weights.cumsum(axis=1) < share - 1e-12).sum(axis=1)
        return np.asarray(self.points[np.minimum(place, len(self.points) - 1)])

    def none_right(self, k: int) -> Floats:
        """The chance that none of k attempts is right, (n,).  # [0, 1]"""
        return np.asarray(self.weights @ (1 - self.points) ** k)

    def all_right(self, k: int) -> Floats:
        """The chance that all of k attempts are right, (n,).  # [0, 1]"""
        return np.asarray(self.weights @ self.points**k)

    def matching_beta(self) -> tuple[Floats, Floats]:
        """Parameters of the Betas with the same means and variances, (n,) each."""
        mean = np.clip(self.mean(), 1e-9, 1 - 1e-9)
        variance = np.maximum(self.weights @ self.points**2 - self.mean() ** 2, 1e-12)
        strength = np.maximum(mean * (1 - mean) / variance - 1, 1e-6)
        return np.asarray(mean * strength), np.asarray((1 - mean) * strength)


def corrected_posterior(
    correct: ArrayLike, wrong: ArrayLike, prior: RatePrior, sample: MarkedSample, *, of_verdicts: bool
) -> GridPosterior:
    """The posterior of true pass rates given verdicts: a share c p + (1 - s)(1 - p) of attempts is accepted.

    s and c run over their posterior given the marks, so their uncertainty widens the result. With many attempts its
    mean is Rogan and Gladen's estimate, clipped to [0, 1]; with a verifier of no error it is the posterior of the
    verdicts themselves. `of_verdicts` says what the prior is of: the share of accepted attempts, as one that was fitted
    to verdicts, which the same formula turns into a prior of rates; or the rate itself.

    Shapes: correct (n,), wrong (n,), the prior's fields (1,) or (n,).

    Raises:
        ValueError: soundness + completeness <= 1 at the marked fractions: such a verdict says nothing.

    Source: Rogan and Gladen (1978); the posterior as in Joseph, Gyorkos and Coupal (1995), Bayesian Estimation of
    Disease Prevalence.
    """
    n_correct, n_wrong = np.asarray(correct, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
    soundness, completeness = sample.point()
    if soundness + completeness <= 1:
        raise ValueError(f"soundness {soundness:g} and completeness {completeness:g} sum to at most 1")
    points = np.concatenate([[0.0], (np.arange(BINS) + 0.5) / BINS, [1.0]])
    edges = np.concatenate([[0.0], np.arange(1, BINS) / BINS, [1.0]])
    rates = (1 - soundness) + (soundness + completeness - 1) * edges if of_verdicts else edges
    before = _point_weights(prior, rates)
    grid = error_rates(sample)
    weights = [
        _point_posterior(n_correct[part], n_wrong[part], before if len(before) == 1 else before[part], points, grid)
        for part in np.array_split(np.arange(len(n_correct)), max(1, -(-len(n_correct) // CHUNK)))
    ]
    return GridPosterior(points, np.concatenate(weights))


def corrected_interval(
    posterior: GridPosterior, correct: ArrayLike, wrong: ArrayLike, sample: MarkedSample, *, level: float = 0.95
) -> tuple[Floats, Floats]:
    """The ends that cut (1 - level) / 2 of the weight off each side, (n,) each.

    low is 0 where errors of the verifier alone make so many accepted answers with a chance above that, and high 1 where
    they make so many rejected ones: as the end of a plain rate is 0 where nothing was solved.
    """
    k, n = np.asarray(correct, dtype=np.float64), np.asarray(correct) + np.asarray(wrong)
    s, c = (part[:, None] for part in error_rates(sample))
    tail = (1 - level) / 2
    by_errors = special.bdtrc(k - 1, n, np.clip(1 - s, 0, 1)).mean(axis=0)  # P(at least k accepted | rate 0)
    by_misses = special.bdtr(k, n, np.clip(c, 0, 1)).mean(axis=0)  # P(at most k accepted | rate 1)
    low = np.where((k == 0) | (by_errors >= tail), 0.0, posterior.quantile(tail))
    return low, np.where((k == n) | (by_misses >= tail), 1.0, posterior.quantile(1 - tail))


class CorrectedMean(NamedTuple):
    """A mean pass rate behind an observed one, with its interval."""

    value: float
    low: float
    high: float


def corrected_mean(mean: float, low: float, high: float, sample: MarkedSample, *, level: float = 0.95) -> CorrectedMean:
    """The mean rate behind an observed one, (mean - (1 - s)) / (c + s - 1) within [0, 1], and its interval.

    The interval holds the observed one's width, taken as that of a normal distribution with the same ends, and the
    uncertainty of the marks.

    Raises:
        ValueError: soundness + completeness <= 1 at the marked fractions.
    """
    soundness, completeness = sample.point()
    if soundness + completeness <= 1:
        raise ValueError(f"soundness {soundness:g} and completeness {completeness:g} sum to at most 1")
    value = float(np.clip((mean - 1 + soundness) / (soundness + completeness - 1), 0, 1))
    shares = special.ndtri((np.arange(99) + 0.5) / 99) / special.ndtri((1 + level) / 2)
    observed = np.clip(np.where(shares < 0, mean + shares * (mean - low), mean + shares * (high - mean)), 0, 1)
    s, c = error_rates(sample, points=25)
    gain = (s + c - 1)[:, None]
    rates = np.where(gain > 0, (observed - (1 - s)[:, None]) / np.where(gain > 0, gain, 1.0), np.nan)
    ends = np.nanquantile(np.clip(rates, 0, 1), [(1 - level) / 2, (1 + level) / 2])
    return CorrectedMean(value, min(value, float(ends[0])), max(value, float(ends[1])))


class Resampling(NamedTuple):
    """What sampling until a verifier accepts brings, at most `best_k` samples per problem."""

    ceiling: float  # the share of right answers among accepted ones, however many samples; NaN if none is accepted
    best_k: int  # 0 = not to answer is best; `MOST_SAMPLES` = more samples always help
    right: float  # the share of problems that get a right answer with best_k samples
    false: float  # the share that get a wrong one


def resampling(points: Floats, weights: Floats, soundness: float, completeness: float, cost: float) -> Resampling:
    """More samples reach harder problems, where more of what is accepted is wrong: so there is a ceiling and a best K.

    Of a problem with rate r an accepted answer is right with chance c r / (c r + (1 - s)(1 - r)), whatever the number
    of samples. Over many problems, weights of sum 1, K is best where right answers less `cost` x wrong ones are most.
    An error-free verifier has ceiling 1 and no best K.

    Source: Inference Scaling fLaws, arXiv:2411.17501.

    >>> resampling(np.array([0.5]), np.array([1.0]), 0.9, 0.9, 1.0).ceiling
    0.9
    """
    right, wrong = completeness * points, (1 - soundness) * (1 - points)  # per sample, accepted
    p_accepted = right + wrong
    share = np.divide(right, p_accepted, out=np.zeros_like(p_accepted), where=p_accepted > 0)
    p_reached = (
        1 - (1 - p_accepted[None, :]) ** np.arange(MOST_SAMPLES + 1)[:, None]
    )  # (K, m): accepted within K samples
    rights, falses = (p_reached * weights * share).sum(axis=1), (p_reached * weights * (1 - share)).sum(axis=1)
    worth = rights - cost * falses
    best = int(np.argmax(worth > worth.max() - 1e-12))
    ever = float(weights[p_accepted > 0].sum())
    ceiling = float((weights * share).sum()) / ever if ever > 0 else float("nan")
    return Resampling(round(ceiling, 12), best, float(rights[best]), float(falses[best]))


def _point_weights(prior: RatePrior, edges: Floats) -> Floats:
    """How much of the prior each point stands for, (1 or n, m): all up to the first edge, bins, all from the last."""
    below = np.stack([prior.inside(0.0, float(edge)) for edge in edges], axis=1)  # (., BINS + 1)
    last = prior.inside(float(edges[-1]), 1.0)[:, None] if edges[-1] < 1 else prior.inside(1.0, 1.0)[:, None]
    until = np.minimum(below, 1 - last)
    return np.asarray(np.maximum(np.concatenate([until[:, :1], np.diff(until, axis=1), last], axis=1), 0.0))


def _point_posterior(
    correct: Floats, wrong: Floats, before: Floats, points: Floats, grid: tuple[Floats, Floats]
) -> Floats:
    logs = np.full((len(correct), len(points)), -np.inf)
    for soundness, completeness in zip(*grid, strict=True):
        p_accepted = np.clip((1 - soundness) + (soundness + completeness - 1) * points, 1e-12, 1 - 1e-12)
        logs = np.logaddexp(logs, np.outer(correct, np.log(p_accepted)) + np.outer(wrong, np.log1p(-p_accepted)))
    weights = np.exp(logs - logs.max(axis=1, keepdims=True)) * before
    total = weights.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0, weights / np.maximum(total, 1e-300), 1 / len(points)))
