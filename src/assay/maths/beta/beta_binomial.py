"""What further attempts can be expected to tell: posteriors after m more attempts, and the worth of making them.

Shapes: n problems; after m more attempts each has m + 1 futures, one for every number of successes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from assay.maths.beta.zero_inflated_beta import ZeroInflatedBeta

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Futures:
    """The beta-binomial futures of n problems, up to `reach` further attempts each."""

    belief: ZeroInflatedBeta  # (n,)
    right: Floats  # log-gamma of a + j, (n, reach + G + 1)
    wrong: Floats  # log-gamma of b + j
    both: Floats  # log-gamma of a + b + j
    group_size: int

    @classmethod
    def of(cls, belief: ZeroInflatedBeta, reach: int, group_size: int) -> "Futures":
        """The tables from which every future up to `reach` attempts ahead is read."""
        steps = np.arange(reach + group_size + 1)
        a, b = belief.a[:, None], belief.b[:, None]
        right, wrong, both = (np.asarray(special.gammaln(each + steps)) for each in (a, b, a + b))
        return cls(belief, right, wrong, both, group_size)

    def chance(self, more: int) -> Floats:
        """The chance of k = 0..more successes in `more` further attempts, (n, more + 1), rows of sum 1."""
        k = np.arange(more + 1)
        ways = special.gammaln(more + 1) - special.gammaln(k + 1) - special.gammaln(more - k + 1)
        log = ways + self.right[:, k] + self.wrong[:, more - k] - self.both[:, [more]]
        found = self.belief.between[:, None] * np.exp(log - self.right[:, [0]] - self.wrong[:, [0]] + self.both[:, [0]])
        found[:, 0] += self.belief.zero
        found[:, more] += self.belief.one
        return np.asarray(found)

    def signal(self, more: int) -> Floats:
        """The expected group signal that each of these futures would leave, (n, more + 1)."""
        k, size = np.arange(more + 1), self.group_size
        longer = self.both[:, [more]] - self.both[:, [more + size]]
        alike = np.exp(self.right[:, k + size] - self.right[:, k] + longer) + np.exp(
            self.wrong[:, more - k + size] - self.wrong[:, more - k] + longer
        )
        never, always = self._masses(more)
        return np.asarray(np.clip(1 - alike, 0.0, 1.0) * (1 - never - always))

    def inside(self, more: int, low: float, high: float) -> Floats:
        """The chance that the rate lies in [low, high] in each of these futures, (n, more + 1)."""
        k = np.arange(more + 1)
        a, b = self.belief.a[:, None] + k, self.belief.b[:, None] + more - k
        found = special.betainc(a, b, high) - special.betainc(a, b, low)
        never, always = self._masses(more)
        return np.asarray((1 - never - always) * found + never * (low <= 0) + always * (high >= 1))

    def _masses(self, more: int) -> tuple[Floats, Floats]:
        """The point masses at 0 and at 1 in each of these futures, (n, more + 1) each: only failures leave the first, only successes the second."""
        zero, one, between = self.belief.zero, self.belief.one, self.belief.between
        failing = np.exp(self.wrong[:, more] - self.wrong[:, 0] - self.both[:, more] + self.both[:, 0])
        solving = np.exp(self.right[:, more] - self.right[:, 0] - self.both[:, more] + self.both[:, 0])
        never, always = np.zeros((2, len(zero), more + 1))
        if not more:
            never[:, 0], always[:, 0] = zero, one
        else:
            never[:, 0] = zero / (zero + between * failing)
            always[:, more] = one / (one + between * solving)
        return never, always


def crossing_gain(futures: Futures, more: int, bar: float, now: Floats) -> Floats:
    """What `more` attempts at one problem are worth against a bar: E[max(later signal, bar)] - max(signal now, bar), (n,), >= 0.

    A problem far below the bar that cannot reach it, or far above it that cannot fall, gains nothing. The one-problem knowledge gradient, Frazier,
    Powell and Dayanik (2008); several attempts at once are looked ahead, because one alone often crosses nothing.
    """
    return gain_of(futures.chance(more), futures.signal(more), bar, now)


def gain_of(chance: Floats, later: Floats, bar: float, now: Floats) -> Floats:
    """The same from futures that are known: their chances and signals, (n, m + 1) each."""
    expected = (chance * np.maximum(later, bar)).sum(axis=1)
    return np.asarray(np.maximum(expected - np.maximum(now, bar), 0.0))


def settling_gain(futures: Futures, more: int, low: float, high: float) -> Floats:
    """How much `more` attempts can be expected to lower the chance of taking a problem for the wrong side of [low, high], (n,), >= 0.

    The side is the likelier one, now and later; what no attempt would turn over gains nothing. Raiffa and Schlaifer (1961), Applied
    Statistical Decision Theory: the expected value of sample information, with a loss of 1 for the wrong side.
    """
    inside = futures.inside(more, low, high)
    later = (futures.chance(more) * np.minimum(inside, 1 - inside)).sum(axis=1)
    return np.asarray(np.maximum(unsure(futures.belief, low, high) - later, 0.0))


def unsure(belief: ZeroInflatedBeta, low: float, high: float) -> Floats:
    """The chance that a problem is not on the likelier side of [low, high], (n,).  # [0, .5]"""
    inside = belief.inside(low, high)
    return np.asarray(np.minimum(inside, 1 - inside))


def top_value(signal: Floats, chance: Floats, places: float) -> float:
    """The expected sum of the best `places` among many problems whose later signals are known only in chance.

    In the limit of many problems, where the bar that is drawn through all futures is certain. Shapes: signal and chance of one shape,
    chances of one problem of sum 1, or of its multiplicity.

    >>> top_value(np.array([[0.0, 1.0], [0.4, 0.6]]), np.array([[0.5, 0.5], [0.5, 0.5]]), 1)
    0.8
    """
    order = np.argsort(-signal, axis=None, kind="stable")
    mass, worth = chance.ravel()[order], signal.ravel()[order]
    before = np.cumsum(mass) - mass
    return float((worth * np.clip(places - before, 0.0, mass)).sum())
