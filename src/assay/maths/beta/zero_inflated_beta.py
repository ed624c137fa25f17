"""What is believed of pass rates: a Beta with point masses at 0 and at 1, fitted to a pool, and what attempts turn it into.

A pool holds problems that no attempt will ever solve, and problems that every attempt solves. One Beta for all of it bends towards both ends to
hold them and then expects too little of the rest; the point masses keep them apart. Shapes: n problems; a prior's fields are (1,) or (n,).
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from assay.maths.beta.lbfgs import minimum
from assay.maths.rl.group_signal import expected_signal

Floats = NDArray[np.float64]

WIDTH = (
    1.5  # standard deviation of log a and log b about log .7 before any evidence: keeps a fit to few problems finite
)
CENTRE = float(np.log(0.7))
SURE_MOST = 1 - 1e-12  # of the two point masses together, after any evidence
SOLVABLE = 12.0  # pseudo-problems in the Beta part and one at each end, for a pool of few problems ...
ENDS = 0.1  # pseudo-problems at each end
FADING = 50.0  # ... and a share FADING / (FADING + n) of them in a pool of n: many problems speak for themselves
STARTS = (0.03, 0.4, 0.85)  # masses at 0 and at 1 from which the fit begins; its likelihood has several tops


@dataclass(frozen=True, slots=True)
class ZeroInflatedBeta:
    """With chance `zero` the rate is 0, with chance `one` it is 1; otherwise it is Beta(a, b)."""

    a: Floats  # (n,), > 0
    b: Floats  # (n,), > 0
    zero: Floats  # (n,)  # [0, 1)
    one: Floats  # (n,)  # [0, 1), zero + one < 1

    @classmethod
    def of(cls, a: ArrayLike, b: ArrayLike, zero: ArrayLike = 0.0, one: ArrayLike = 0.0) -> "ZeroInflatedBeta":
        """The belief with its four fields of one shape.

        Raises:
            ValueError: a or b is not above 0, a mass is negative, or the masses leave nothing for the Beta.
        """
        fields = np.broadcast_arrays(
            *(np.atleast_1d(np.asarray(field, dtype=np.float64)) for field in (a, b, zero, one))
        )
        first, second, never, always = fields
        if not (
            (first > 0).all()
            and (second > 0).all()
            and (never >= 0).all()
            and (always >= 0).all()
            and (never + always < 1).all()
        ):
            raise ValueError(
                f"Beta({first.min():g}, {second.min():g}) with {never.max():g} at 0 and {always.max():g} at 1 is no belief"
            )
        return cls(first, second, never, always)

    @property
    def between(self) -> Floats:
        """The chance that the rate is neither 0 nor 1.  # (0, 1]"""
        return np.asarray(1 - self.zero - self.one)

    def after(self, correct: ArrayLike, wrong: ArrayLike) -> "ZeroInflatedBeta":
        """The belief after these attempts; one success rules out the mass at 0, one failure that at 1."""
        right, failed = np.asarray(correct, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
        log_beta = special.betaln(self.a + right, self.b + failed) - special.betaln(
            self.a, self.b
        )  # chance of the outcomes in their order
        never = np.where(right > 0, 0.0, self.zero)
        always = np.where(failed > 0, 0.0, self.one)
        total = never + always + self.between * np.exp(log_beta)
        shrink = np.where(
            never + always >= SURE_MOST * total, SURE_MOST * total / np.maximum(never + always, 1e-300), 1.0
        )
        total = np.maximum(total, 1e-300)
        return ZeroInflatedBeta.of(self.a + right, self.b + failed, never * shrink / total, always * shrink / total)

    def at(self, rows: ArrayLike) -> "ZeroInflatedBeta":
        """The belief of these problems; a prior of shape (1,) is that of each."""
        places = np.asarray(rows)
        if len(self.a) == 1:
            places = np.zeros(int(places.sum()) if places.dtype == bool else len(places), dtype=np.int64)
        return ZeroInflatedBeta(self.a[places], self.b[places], self.zero[places], self.one[places])

    def mean(self) -> Floats:
        """The expected rate.  # [0, 1]"""
        return np.asarray(self.between * self.a / (self.a + self.b) + self.one)

    def signal(self, group_size: int) -> Floats:
        """The expected group signal, E[1 - p^G - (1 - p)^G].  # [0, 1]"""
        return np.asarray(self.between * expected_signal(self.a, self.b, group_size))

    def inside(self, low: float, high: float) -> Floats:
        """The chance that the rate lies in [low, high].  # [0, 1]"""
        beta = special.betainc(self.a, self.b, high) - special.betainc(self.a, self.b, low)
        return np.asarray(self.between * beta + self.zero * (low <= 0) + self.one * (high >= 1))

    def quantile(self, share: float) -> Floats:
        """The rate below which this share of belief lies; 0 or 1 where a point mass alone holds it."""
        rest = np.clip((share - self.zero) / self.between, 0.0, 1.0)
        inner = special.betaincinv(self.a, self.b, rest)
        return np.asarray(np.where(share > 1 - self.one, 1.0, inner))

    def interval(self, correct: ArrayLike, wrong: ArrayLike, *, level: float = 0.95) -> tuple[Floats, Floats]:
        """The ends that cut (1 - level) / 2 of belief off each side: low is 0 where nothing was solved, high 1 where nothing failed.

        The rate that the Beta alone expects is always inside: however sure a point mass, a problem is written off to neither [0, 0] nor [1, 1].
        """
        tail, centre = (1 - level) / 2, self.a / (self.a + self.b)
        low = np.where(np.asarray(correct) == 0, 0.0, np.minimum(self.quantile(tail), centre))
        high = np.where(np.asarray(wrong) == 0, 1.0, np.maximum(self.quantile(1 - tail), centre))
        return low, high

    def words(self, n: int) -> list[str]:
        """The belief of each of n problems as words, to four digits: `a=0.5 b=1 zero=0.05 one=0.01`."""
        rows = zip(self.a, self.b, self.zero, self.one, strict=True)
        texts = [f"a={a:.4g} b={b:.4g} zero={zero:.4g} one={one:.4g}" for a, b, zero, one in rows]
        return texts * n if len(texts) == 1 else texts

    def matched(self) -> tuple[Floats, Floats]:
        """Parameters of the Beta with the same mean and variance, for readers that know no point mass; a and b themselves where there is none."""
        first, total = self.mean(), self.a + self.b
        second = self.between * self.a * (self.a + 1) / (total * (total + 1)) + self.one
        spread = np.maximum(second - first**2, 1e-300)
        strength = np.maximum(first * (1 - first) / spread - 1, 1e-12)
        plain = (self.zero == 0) & (self.one == 0)
        lower, upper = np.maximum(first * strength, 1e-300), np.maximum((1 - first) * strength, 1e-300)
        return np.where(plain, self.a, lower), np.where(plain, self.b, upper)


def fitted(correct: ArrayLike, wrong: ArrayLike) -> ZeroInflatedBeta:
    """The belief that makes a pool's counts most likely: empirical Bayes by marginal likelihood, weakly held back from extremes.

    The likelihood of counts has several tops, most of all where nearly every problem is hopeless, so the climb begins in six places and the
    highest top is kept. Attempts may have been stopped by any rule that looked at outcomes alone: the likelihood of the counts is the same.
    Without a graded attempt the result is what is believed beforehand, about Beta(.7, .7) with little at either end. The pull towards little
    at the ends is worth `SOLVABLE` problems where there are few, and fades with the pool's size. Shapes: correct (n,), wrong (n,) ->
    fields (1,).

    Raises:
        ValueError: shapes differ.

    Source: Morris (1983), Parametric Empirical Bayes Inference, with the zero-and-one-inflated beta-binomial as the marginal.
    """
    right, failed = np.asarray(correct, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
    if right.shape != failed.shape:
        raise ValueError(f"{right.shape} counts of right attempts for {failed.shape} of wrong ones")
    pairs, many = np.unique(np.stack([right, failed]), axis=1, return_counts=True)
    objective = _Objective(pairs[0], pairs[1], many.astype(np.float64))
    tops = [objective.climb(never, always) for never, always in product(STARTS, STARTS) if never + always < 1]
    return _unpacked(min(tops, key=lambda x: objective(x)[0]))


def pseudo_solvable(problems: float) -> float:
    """Problems that the Dirichlet prior of (Beta part, mass at 0, mass at 1) counts in its Beta part, beside one at each end.

    >>> pseudo_solvable(0), round(pseudo_solvable(10_000), 2)
    (12.0, 1.05)
    """
    return 1 + (SOLVABLE - 1) * FADING / (FADING + problems)


def log_marginal(belief: ZeroInflatedBeta, correct: ArrayLike, wrong: ArrayLike) -> Floats:
    """The log chance of each problem's outcomes in their order under the belief, (n,)."""
    return np.asarray(np.logaddexp.reduce(_log_parts(belief, correct, wrong), axis=0))


def _log_parts(belief: ZeroInflatedBeta, correct: ArrayLike, wrong: ArrayLike) -> Floats:
    """The log chance of the outcomes with a rate of the Beta, with rate 0, with rate 1, (3, n)."""
    right, failed = np.asarray(correct, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
    beta = (
        np.log(belief.between)
        + special.betaln(belief.a + right, belief.b + failed)
        - special.betaln(belief.a, belief.b)
    )
    with np.errstate(divide="ignore"):
        never = np.where(right == 0, np.log(belief.zero), -np.inf)
        always = np.where(failed == 0, np.log(belief.one), -np.inf)
    return np.stack(np.broadcast_arrays(beta, never, always))


@dataclass(frozen=True, slots=True)
class _Objective:
    """Minus the log posterior of (log a, log b, logits of the masses at 0 and 1 against the Beta's), with its gradient."""

    right: Floats  # (m,) distinct counts
    failed: Floats  # (m,)
    many: Floats  # (m,) problems that have them

    def __call__(self, x: Floats) -> tuple[float, Floats]:
        belief, digamma = _unpacked(x), special.digamma
        a, b = np.exp(x[:2])
        parts = _log_parts(belief, self.right, self.failed)  # (3, m)
        marginal = np.logaddexp.reduce(parts, axis=0)  # (m,)
        chance = np.exp(parts - marginal)  # (3, m): of each part, given the counts
        both = digamma(a + b) - digamma(a + b + self.right + self.failed)
        slope = np.stack(
            [
                a * chance[0] * (digamma(a + self.right) - digamma(a) + both),
                b * chance[0] * (digamma(b + self.failed) - digamma(b) + both),
                chance[1] - belief.zero,
                chance[2] - belief.one,
            ]
        )  # (4, m)
        held = self._pull(x, belief)
        return float(held[0] - (self.many * marginal).sum()), held[1] - slope @ self.many

    def climb(self, never: float, always: float) -> Floats:
        """The nearest top from masses at 0 and at 1 and a Beta(.7, .7) between, (4,)."""
        between = 1 - never - always
        start = np.array([CENTRE, CENTRE, np.log(never / between), np.log(always / between)])
        return minimum(self, start, jac=True, bounds=[(-4.0, 5.0), (-4.0, 5.0), (-9.0, 6.0), (-9.0, 6.0)])

    def _pull(self, x: Floats, belief: ZeroInflatedBeta) -> tuple[float, Floats]:
        """What is believed beforehand: log-normal shapes, and a Dirichlet of the three parts whose weight fades with the pool."""
        solvable = pseudo_solvable(float(self.many.sum()))
        zero, one = float(belief.zero[0]), float(belief.one[0])
        shapes = ((x[:2] - CENTRE) ** 2).sum() / (2 * WIDTH**2)
        masses = ENDS * (np.log(zero) + np.log(one)) + solvable * np.log(1 - zero - one)
        total = 2 * ENDS + solvable
        return float(shapes - masses), np.array(
            [*((x[:2] - CENTRE) / WIDTH**2), total * zero - ENDS, total * one - ENDS]
        )


def _unpacked(x: Floats) -> ZeroInflatedBeta:
    parts = special.softmax(np.array([x[2], x[3], 0.0]))
    return ZeroInflatedBeta.of(np.exp(x[0]), np.exp(x[1]), parts[0], parts[1])
