"""What is believed of pass rates: a Beta with a point mass at 0, fitted to a pool, and what attempts turn it into.

A pool holds problems that no attempt will ever solve. One Beta for all of it bends towards 0 to hold them and then expects too little of the
rest; the point mass keeps them apart. Shapes: n problems; a prior's fields are (1,) or (n,).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from assay.maths.minimum import minimum
from assay.maths.signal import expected_signal

Floats = NDArray[np.float64]

WIDTH = 1.5  # standard deviation of log a and log b about log .7 before any evidence: keeps a fit to few problems finite
CENTRE = float(np.log(0.7))
UNSOLVABLE = (1.0, 12.0)  # Beta prior of the share of unsolvable problems: few, unless the pool says otherwise


@dataclass(frozen=True, slots=True)
class Belief:
    """With chance `zero` the rate is 0; otherwise it is Beta(a, b)."""

    a: Floats  # (n,), > 0
    b: Floats  # (n,), > 0
    zero: Floats  # (n,)  # [0, 1)

    @classmethod
    def of(cls, a: ArrayLike, b: ArrayLike, zero: ArrayLike = 0.0) -> "Belief":
        """The belief with its three fields of one shape.

        Raises:
            ValueError: a or b is not above 0, or zero is outside [0, 1).
        """
        first, second, mass = np.broadcast_arrays(*(np.atleast_1d(np.asarray(each, dtype=np.float64)) for each in (a, b, zero)))
        if not ((first > 0).all() and (second > 0).all() and (mass >= 0).all() and (mass < 1).all()):
            raise ValueError(f"Beta({first.min():g}, {second.min():g}) with {mass.max():g} at 0 is no belief")
        return cls(first, second, mass)

    def after(self, correct: ArrayLike, wrong: ArrayLike) -> "Belief":
        """The belief after these attempts; one success rules the point mass out."""
        right, failed = np.asarray(correct, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
        unsolved = np.exp(special.betaln(self.a, self.b + failed) - special.betaln(self.a, self.b))  # chance of `wrong` failures in a row
        mass = np.where(right > 0, 0.0, self.zero / (self.zero + (1 - self.zero) * unsolved))
        return Belief.of(self.a + right, self.b + failed, np.minimum(mass, 1 - 1e-12))

    def at(self, rows: ArrayLike) -> "Belief":
        """The belief of these problems; a prior of shape (1,) is that of each."""
        places = np.asarray(rows)
        if len(self.a) == 1:
            places = np.zeros(int(places.sum()) if places.dtype == bool else len(places), dtype=np.int64)
        return Belief(self.a[places], self.b[places], self.zero[places])

    def mean(self) -> Floats:
        """The expected rate.  # [0, 1]"""
        return np.asarray((1 - self.zero) * self.a / (self.a + self.b))

    def signal(self, group_size: int) -> Floats:
        """The expected group signal, E[1 - p^G - (1 - p)^G].  # [0, 1]"""
        return np.asarray((1 - self.zero) * expected_signal(self.a, self.b, group_size))

    def inside(self, low: float, high: float) -> Floats:
        """The chance that the rate lies in [low, high].  # [0, 1]"""
        return np.asarray((1 - self.zero) * (special.betainc(self.a, self.b, high) - special.betainc(self.a, self.b, low)) + self.zero * (low <= 0))

    def quantile(self, share: float) -> Floats:
        """The rate below which this share of belief lies; 0 where the point mass alone holds it."""
        rest = np.clip((share - self.zero) / (1 - self.zero), 0.0, 1.0)
        return np.asarray(special.betaincinv(self.a, self.b, rest))

    def interval(self, correct: ArrayLike, wrong: ArrayLike, *, level: float = 0.95) -> tuple[Floats, Floats]:
        """The ends that cut (1 - level) / 2 of belief off each side: low is 0 where nothing was solved, high 1 where nothing failed.

        High never lies below the rate expected of a solvable problem: however sure the point mass, a problem is not written off to [0, 0].
        """
        tail = (1 - level) / 2
        low = np.where(np.asarray(correct) == 0, 0.0, self.quantile(tail))
        high = np.maximum(self.quantile(1 - tail), self.a / (self.a + self.b))
        return low, np.where(np.asarray(wrong) == 0, 1.0, high)

    def words(self, n: int) -> list[str]:
        """The belief of each of n problems as words, to four digits: `a=0.5 b=1 zero=0.05`."""
        told = [f"a={a:.4g} b={b:.4g} zero={zero:.4g}" for a, b, zero in zip(self.a, self.b, self.zero, strict=True)]
        return told * n if len(told) == 1 else told

    def matched(self) -> tuple[Floats, Floats]:
        """Parameters of the Beta with the same mean and variance, for readers that know no point mass; a and b themselves where there is none."""
        first, total = self.mean(), self.a + self.b
        second = (1 - self.zero) * self.a * (self.a + 1) / (total * (total + 1))
        spread = np.maximum(second - first**2, 1e-300)
        strength = np.maximum(first * (1 - first) / spread - 1, 1e-12)
        none = self.zero == 0
        return np.where(none, self.a, first * strength), np.where(none, self.b, (1 - first) * strength)


def fitted(correct: ArrayLike, wrong: ArrayLike) -> Belief:
    """The belief that makes a pool's counts most likely: empirical Bayes by marginal likelihood, weakly held back from extremes.

    Attempts may have been stopped by any rule that looked at outcomes alone: the likelihood of the counts is the same. Without a graded attempt
    the result is what is believed beforehand, about Beta(.7, .7) with little at 0. Shapes: correct (n,), wrong (n,) -> fields (1,).

    Raises:
        ValueError: shapes differ.

    Source: Morris (1983), Parametric Empirical Bayes Inference, with the zero-inflated beta-binomial as the marginal.
    """
    right, failed = np.asarray(correct, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
    if right.shape != failed.shape:
        raise ValueError(f"{right.shape} counts of right attempts for {failed.shape} of wrong ones")
    pairs, many = np.unique(np.stack([right, failed]), axis=1, return_counts=True)
    a, b, zero = _climb(pairs[0], pairs[1], many.astype(np.float64))
    return Belief.of(a, b, zero)


def log_marginal(belief: Belief, correct: ArrayLike, wrong: ArrayLike) -> Floats:
    """The log chance of each problem's outcomes in their order under the belief, (n,)."""
    right, failed = np.asarray(correct, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
    solvable = np.log1p(-belief.zero) + special.betaln(belief.a + right, belief.b + failed) - special.betaln(belief.a, belief.b)
    with np.errstate(divide="ignore"):
        never = np.where(right == 0, np.log(belief.zero), -np.inf)
    return np.asarray(np.logaddexp(solvable, never))


def _climb(right: Floats, failed: Floats, many: Floats) -> Floats:
    digamma = special.digamma

    def loss(x: Floats) -> tuple[float, Floats]:
        a, b, zero = _unpacked(x)
        told = log_marginal(Belief.of(a, b, zero), right, failed)
        solvable = np.exp(
            np.log1p(-zero) + special.betaln(a + right, b + failed) - special.betaln(a, b) - told
        )  # chance that it is, given the counts
        both = digamma(a + b) - digamma(a + b + right + failed)
        slope = np.stack(
            [
                a * solvable * (digamma(a + right) - digamma(a) + both),
                b * solvable * (digamma(b + failed) - digamma(b) + both),
                (1 - solvable) * (1 - zero) - solvable * zero,
            ]
        )
        held = ((x[:2] - CENTRE) ** 2).sum() / (2 * WIDTH**2) - UNSOLVABLE[0] * np.log(zero) - UNSOLVABLE[1] * np.log1p(-zero)
        pull = np.array([*((x[:2] - CENTRE) / WIDTH**2), UNSOLVABLE[1] * zero - UNSOLVABLE[0] * (1 - zero)])
        return float(held - (many * told).sum()), pull - slope @ many

    return _unpacked(minimum(loss, np.array([CENTRE, CENTRE, -3.0]), jac=True, bounds=[(-4.0, 5.0), (-4.0, 5.0), (-9.0, 4.0)]))


def _unpacked(x: Floats) -> Floats:
    return np.array([np.exp(x[0]), np.exp(x[1]), special.expit(x[2])])
