"""Posteriors after m further attempts, by the beta-binomial, and the value of making these attempts.

Shapes: n problems; after m more attempts each has m + 1 futures, one for every number of successes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from assay.maths.beta.two_betas import RatePrior, TwoBetas
from assay.maths.beta.zero_inflated_beta import ZeroInflatedBeta

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Futures:
    """The beta-binomial futures of n problems, up to `horizon` further attempts each."""

    belief: ZeroInflatedBeta  # (n,)
    log_gamma_a: Floats  # log-gamma of a + j, (n, horizon + G + 1)
    log_gamma_b: Floats  # log-gamma of b + j
    log_gamma_sum: Floats  # log-gamma of a + b + j
    group_size: int

    @classmethod
    def of(cls, belief: ZeroInflatedBeta, horizon: int, group_size: int) -> "Futures":
        """The tables of log-gammas that every future up to `horizon` attempts ahead needs."""
        steps = np.arange(horizon + group_size + 1)
        a, b = belief.a[:, None], belief.b[:, None]
        of_a, of_b, of_sum = (np.asarray(special.gammaln(parameter + steps)) for parameter in (a, b, a + b))
        return cls(belief, of_a, of_b, of_sum, group_size)

    def chance(self, more: int) -> Floats:
        """The chance of k = 0..more successes in `more` further attempts, (n, more + 1), rows of sum 1."""
        k = np.arange(more + 1)
        log_ways = special.gammaln(more + 1) - special.gammaln(k + 1) - special.gammaln(more - k + 1)
        log_later = log_ways + self.log_gamma_a[:, k] + self.log_gamma_b[:, more - k] - self.log_gamma_sum[:, [more]]
        log_chance = log_later - self.log_gamma_a[:, [0]] - self.log_gamma_b[:, [0]] + self.log_gamma_sum[:, [0]]
        chance = self.belief.between[:, None] * np.exp(log_chance)
        chance[:, 0] += self.belief.zero
        chance[:, more] += self.belief.one
        return np.asarray(chance)

    def signal(self, more: int) -> Floats:
        """The expected group signal in each of these futures, (n, more + 1)."""
        k, size = np.arange(more + 1), self.group_size
        log_sum = self.log_gamma_sum[:, [more]] - self.log_gamma_sum[:, [more + size]]
        all_right = np.exp(self.log_gamma_a[:, k + size] - self.log_gamma_a[:, k] + log_sum)
        all_wrong = np.exp(self.log_gamma_b[:, more - k + size] - self.log_gamma_b[:, more - k] + log_sum)
        zero, one = self._masses(more)
        return np.asarray(np.clip(1 - (all_right + all_wrong), 0.0, 1.0) * (1 - zero - one))

    def inside(self, more: int, low: float, high: float) -> Floats:
        """The chance that the rate lies in [low, high] in each of these futures, (n, more + 1)."""
        k = np.arange(more + 1)
        a, b = self.belief.a[:, None] + k, self.belief.b[:, None] + more - k
        beta_inside = special.betainc(a, b, high) - special.betainc(a, b, low)
        zero, one = self._masses(more)
        return np.asarray((1 - zero - one) * beta_inside + zero * (low <= 0) + one * (high >= 1))

    def _masses(self, more: int) -> tuple[Floats, Floats]:
        """The point masses at 0 and at 1 in each of these futures, (n, more + 1) each.

        Only failures leave the first, only successes the second.
        """
        log_a, log_b, log_sum = self.log_gamma_a, self.log_gamma_b, self.log_gamma_sum
        between = self.belief.between
        all_fail = np.exp(log_b[:, more] - log_b[:, 0] - log_sum[:, more] + log_sum[:, 0])
        all_succeed = np.exp(log_a[:, more] - log_a[:, 0] - log_sum[:, more] + log_sum[:, 0])
        zero, one = np.zeros((2, len(between), more + 1))
        if not more:
            zero[:, 0], one[:, 0] = self.belief.zero, self.belief.one
        else:
            zero[:, 0] = self.belief.zero / (self.belief.zero + between * all_fail)
            one[:, more] = self.belief.one / (self.belief.one + between * all_succeed)
        return zero, one


@dataclass(frozen=True, slots=True)
class MixtureFutures:
    """The futures of problems whose rates are of two Betas: those of either, weighed by their chances."""

    belief: TwoBetas  # (n,)
    first: Futures
    second: Futures

    def chance(self, more: int) -> Floats:
        """As of `Futures`."""
        first, second = self._chances(more)
        return np.asarray(first + second)

    def signal(self, more: int) -> Floats:
        """As of `Futures`."""
        return self._mix(more, self.first.signal(more), self.second.signal(more))

    def inside(self, more: int, low: float, high: float) -> Floats:
        """As of `Futures`."""
        return self._mix(more, self.first.inside(more, low, high), self.second.inside(more, low, high))

    def _chances(self, more: int) -> tuple[Floats, Floats]:
        """The chances of each future together with the first Beta, and with the second, (n, more + 1) each."""
        weight = self.belief.weight[:, None]
        return (1 - weight) * self.first.chance(more), weight * self.second.chance(more)

    def _mix(self, more: int, of_first: Floats, of_second: Floats) -> Floats:
        first, second = self._chances(more)
        return np.asarray((first * of_first + second * of_second) / np.maximum(first + second, 1e-300))


AnyFutures = Futures | MixtureFutures


def futures_of(belief: RatePrior, horizon: int, group_size: int) -> AnyFutures:
    """The futures up to `horizon` attempts ahead, of one Beta or of two."""
    if isinstance(belief, ZeroInflatedBeta):
        return Futures.of(belief, horizon, group_size)
    parts = (Futures.of(part, horizon, group_size) for part in (belief.first, belief.second))
    return MixtureFutures(belief, *parts)


def crossing_gain(futures: AnyFutures, more: int, bar: float, now: Floats) -> Floats:
    """The value of `more` attempts against a bar: E[max(later signal, bar)] - max(signal now, bar), (n,), >= 0.

    It is 0 for a problem so far below the bar that it cannot reach it, or so far above that it cannot fall below it.

    Source: the one-problem knowledge gradient, Frazier, Powell and Dayanik (2008); several attempts ahead, because a
    single one often cannot cross the bar.
    """
    return gain_over_bar(futures.chance(more), futures.signal(more), bar, now)


def gain_over_bar(chance: Floats, later: Floats, bar: float, now: Floats) -> Floats:
    """As `crossing_gain`, from the chances and signals of the futures, (n, m + 1) each."""
    expected = (chance * np.maximum(later, bar)).sum(axis=1)
    return np.asarray(np.maximum(expected - np.maximum(now, bar), 0.0))


def settling_gain(futures: AnyFutures, more: int, low: float, high: float) -> Floats:
    """The expected drop, after `more` attempts, in the chance of being on the wrong side of [low, high], (n,), >= 0.

    A problem is put on the likelier side, inside or outside, now and later; it is 0 where no attempt could change that.

    Source: Raiffa and Schlaifer (1961), Applied Statistical Decision Theory: the expected value of sample information,
    with a loss of 1 for the wrong side.
    """
    inside = futures.inside(more, low, high)
    later = (futures.chance(more) * np.minimum(inside, 1 - inside)).sum(axis=1)
    return np.asarray(np.maximum(side_uncertainty(futures.belief, low, high) - later, 0.0))


def side_uncertainty(belief: RatePrior, low: float, high: float) -> Floats:
    """The chance that a problem is not on the likelier side of [low, high], (n,).  # [0, .5]"""
    inside = belief.inside(low, high)
    return np.asarray(np.minimum(inside, 1 - inside))


def expected_top_sum(signal: Floats, chance: Floats, places: float) -> float:
    """The expected sum of the `places` best signals among many problems, given the chances of their later signals.

    It is exact in the limit of many problems, in which the bar across all futures is certain. Shapes: signal and chance
    have one shape; the chances of one problem sum to 1, or to its multiplicity.

    >>> expected_top_sum(np.array([[0.0, 1.0], [0.4, 0.6]]), np.array([[0.5, 0.5], [0.5, 0.5]]), 1)
    0.8
    """
    order = np.argsort(-signal, axis=None, kind="stable")
    mass, value = chance.ravel()[order], signal.ravel()[order]
    before = np.cumsum(mass) - mass
    return float((value * np.clip(places - before, 0.0, mass)).sum())
