"""Pass rates as a Beta with point masses at 0 and at 1: fitted to a pool as its prior, and updated by attempts.

A pool holds problems that no attempt will ever solve, and problems that every attempt solves. A single Beta bends
towards both ends to hold them and then expects too little of the rest; the point masses keep them apart. Shapes: n
problems; a prior's fields are (1,) or (n,).
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from assay.maths.beta.lbfgs import minimize_lbfgs
from assay.maths.rl.group_signal import expected_signal

Floats = NDArray[np.float64]

# Prior of a fit: standard deviation and centre of log a and log b. It keeps fits to few problems finite.
LOG_SHAPE_SD = 1.5
LOG_SHAPE_CENTRE = float(np.log(0.7))
MAX_MASSES = 1 - 1e-12  # of the two point masses together, after any evidence
SOLVABLE = 12.0  # pseudo-problems in the Beta part for a pool of few problems ...
ENDS = 0.1  # ... with this many at each end ...
FADING = 50.0  # ... and a share FADING / (FADING + n) of them in a pool of n, so that many problems outweigh the prior
STARTS = (0.03, 0.4, 0.85)  # masses at 0 and at 1 from which a fit starts; its likelihood has several maxima


@dataclass(frozen=True, slots=True)
class ZeroInflatedBeta:
    """With chance `zero` the rate is 0, with chance `one` it is 1; otherwise it is Beta(a, b)."""

    a: Floats  # (n,), > 0
    b: Floats  # (n,), > 0
    zero: Floats  # (n,)  # [0, 1)
    one: Floats  # (n,)  # [0, 1), zero + one < 1

    @classmethod
    def of(cls, a: ArrayLike, b: ArrayLike, zero: ArrayLike = 0.0, one: ArrayLike = 0.0) -> "ZeroInflatedBeta":
        """The distribution with its four fields broadcast to one shape.

        Raises:
            ValueError: a or b is not above 0, a mass is negative, or the masses leave nothing for the Beta.
        """
        fields = (np.atleast_1d(np.asarray(field, dtype=np.float64)) for field in (a, b, zero, one))
        first, second, never, always = np.broadcast_arrays(*fields)
        is_valid = (first > 0) & (second > 0) & (never >= 0) & (always >= 0) & (never + always < 1)
        if not is_valid.all():
            raise ValueError(
                f"Beta({first.min():g}, {second.min():g}) with {never.max():g} at 0 and {always.max():g} at 1 "
                "is not a distribution"
            )
        return cls(first, second, never, always)

    def __len__(self) -> int:
        return len(self.a)

    @property
    def between(self) -> Floats:
        """The chance that the rate is neither 0 nor 1.  # (0, 1]"""
        return np.asarray(1 - self.zero - self.one)

    def posterior(self, correct: ArrayLike, wrong: ArrayLike) -> "ZeroInflatedBeta":
        """The distribution after these attempts; one success rules out the mass at 0, one failure that at 1."""
        n_correct, n_wrong = np.asarray(correct, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
        a, b = self.a + n_correct, self.b + n_wrong
        log_beta = special.betaln(a, b) - special.betaln(self.a, self.b)  # chance of the outcomes in their order
        never = np.where(n_correct > 0, 0.0, self.zero)
        always = np.where(n_wrong > 0, 0.0, self.one)
        total = never + always + self.between * np.exp(log_beta)
        is_extreme = never + always >= MAX_MASSES * total
        shrink = np.where(is_extreme, MAX_MASSES * total / np.maximum(never + always, 1e-300), 1.0)
        total = np.maximum(total, 1e-300)
        return ZeroInflatedBeta.of(a, b, never * shrink / total, always * shrink / total)

    def select(self, rows: ArrayLike) -> "ZeroInflatedBeta":
        """The distributions of these problems; a prior of shape (1,) counts for each of them."""
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

    def inside(self, low: float | Floats, high: float | Floats) -> Floats:
        """The chance that the rate lies in [low, high].  # [0, 1]"""
        beta = special.betainc(self.a, self.b, high) - special.betainc(self.a, self.b, low)
        return np.asarray(self.between * beta + self.zero * (low <= 0) + self.one * (high >= 1))

    def quantile(self, share: float) -> Floats:
        """The rate below which this share of the mass lies; 0 or 1 if a point mass alone holds it."""
        rest = np.clip((share - self.zero) / self.between, 0.0, 1.0)
        inner = special.betaincinv(self.a, self.b, rest)
        return np.asarray(np.where(share > 1 - self.one, 1.0, inner))

    def interval(self, correct: ArrayLike, wrong: ArrayLike, *, level: float = 0.95) -> tuple[Floats, Floats]:
        """The ends that cut (1 - level) / 2 of the mass off each side; low is 0 if nothing was solved, high 1 if
        nothing failed.

        The rate that the Beta alone expects is always inside: however large a point mass, no problem's interval is [0,
        0] or [1, 1].
        """
        tail, centre = (1 - level) / 2, self.a / (self.a + self.b)
        low = np.where(np.asarray(correct) == 0, 0.0, np.minimum(self.quantile(tail), centre))
        high = np.where(np.asarray(wrong) == 0, 1.0, np.maximum(self.quantile(1 - tail), centre))
        return low, high

    def describe(self, n: int) -> list[str]:
        """The parameters of each of n problems as text, to four digits: `a=0.5 b=1 zero=0.05 one=0.01`."""
        rows = zip(self.a, self.b, self.zero, self.one, strict=True)
        texts = [f"a={a:.4g} b={b:.4g} zero={zero:.4g} one={one:.4g}" for a, b, zero, one in rows]
        return texts * n if len(texts) == 1 else texts

    def sample(self, size: int, rng: np.random.Generator) -> Floats:
        """Rates of this many problems of a pool with this prior, (size,)."""
        place, between = rng.random(size), rng.beta(self.a[0], self.b[0], size)
        return np.where(place < self.zero[0], 0.0, np.where(place > 1 - self.one[0], 1.0, between))

    def none_right(self, k: int) -> Floats:
        """The chance that none of k attempts is right, E[(1 - p)^k].  # [0, 1]"""
        later = np.exp(special.betaln(self.a, self.b + k) - special.betaln(self.a, self.b))
        return np.asarray(self.zero + self.between * later)

    def all_right(self, k: int) -> Floats:
        """The chance that all of k attempts are right, E[p^k].  # [0, 1]"""
        later = np.exp(special.betaln(self.a + k, self.b) - special.betaln(self.a, self.b))
        return np.asarray(self.one + self.between * later)

    def second_moment(self) -> Floats:
        """The expected square of the rate.  # [0, 1]"""
        total = self.a + self.b
        return np.asarray(self.between * self.a * (self.a + 1) / (total * (total + 1)) + self.one)

    def matching_beta(self) -> tuple[Floats, Floats]:
        """Parameters of the Beta with the same mean and variance; a and b themselves without point masses."""
        mean = self.mean()
        variance = np.maximum(self.second_moment() - mean**2, 1e-300)
        strength = np.maximum(mean * (1 - mean) / variance - 1, 1e-12)
        is_plain = (self.zero == 0) & (self.one == 0)
        a, b = np.maximum(mean * strength, 1e-300), np.maximum((1 - mean) * strength, 1e-300)
        return np.where(is_plain, self.a, a), np.where(is_plain, self.b, b)


def fit_zero_inflated_beta(correct: ArrayLike, wrong: ArrayLike) -> ZeroInflatedBeta:
    """The prior under which a pool's counts are most likely: empirical Bayes by marginal likelihood.

    The likelihood has several maxima, above all if nearly every problem is hopeless, so the search starts in six places
    and keeps the highest. Attempts may have been stopped by any rule that looked at outcomes alone: the likelihood of
    the counts is the same. Without a graded attempt the result is the hyperprior's, about Beta(.7, .7) with little mass
    at either end. The pull towards little mass is worth `SOLVABLE` problems in a small pool, and fades with the pool's
    size.

    Shapes: correct (n,), wrong (n,) -> fields (1,).

    Raises:
        ValueError: shapes differ.

    Source: Morris (1983), Parametric Empirical Bayes Inference, with the zero-and-one-inflated beta-binomial as the
    marginal.
    """
    n_correct, n_wrong = np.asarray(correct, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
    if n_correct.shape != n_wrong.shape:
        raise ValueError(f"{n_correct.shape} counts of right attempts for {n_wrong.shape} of wrong ones")
    pairs, multiplicity = np.unique(np.stack([n_correct, n_wrong]), axis=1, return_counts=True)
    objective = BetaObjective(pairs[0], pairs[1], multiplicity.astype(np.float64))
    minima = [objective.minimize(zero, one) for zero, one in product(STARTS, STARTS) if zero + one < 1]
    return unpack_beta(min(minima, key=lambda x: objective(x)[0]))


def pseudo_solvable(problems: float) -> float:
    """Problems that the Dirichlet prior of (Beta part, mass at 0, mass at 1) counts in its Beta part.

    >>> pseudo_solvable(0), round(pseudo_solvable(10_000), 2)
    (12.0, 1.05)
    """
    return 1 + (SOLVABLE - 1) * FADING / (FADING + problems)


def log_marginal(prior: ZeroInflatedBeta, correct: ArrayLike, wrong: ArrayLike) -> Floats:
    """The log chance of each problem's outcomes in their order under the prior, (n,)."""
    return np.asarray(np.logaddexp.reduce(_log_parts(prior, correct, wrong), axis=0))


def _log_parts(prior: ZeroInflatedBeta, correct: ArrayLike, wrong: ArrayLike) -> Floats:
    """The log chance of the outcomes with a rate of the Beta, with rate 0, with rate 1, (3, n)."""
    n_correct, n_wrong = np.asarray(correct, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
    log_beta = special.betaln(prior.a + n_correct, prior.b + n_wrong) - special.betaln(prior.a, prior.b)
    beta = np.log(prior.between) + log_beta
    with np.errstate(divide="ignore"):
        never = np.where(n_correct == 0, np.log(prior.zero), -np.inf)
        always = np.where(n_wrong == 0, np.log(prior.one), -np.inf)
    return np.stack(np.broadcast_arrays(beta, never, always))


@dataclass(frozen=True, slots=True)
class BetaObjective:
    """Minus the log posterior of (log a, log b, logits of the masses against the Beta part), with its gradient."""

    correct: Floats  # (m,) distinct counts
    wrong: Floats  # (m,)
    multiplicity: Floats  # (m,) problems with these counts

    def __call__(self, x: Floats) -> tuple[float, Floats]:
        prior, digamma = unpack_beta(x), special.digamma
        a, b = np.exp(x[:2])
        parts = _log_parts(prior, self.correct, self.wrong)  # (3, m)
        marginal = np.logaddexp.reduce(parts, axis=0)  # (m,)
        chance = np.exp(parts - marginal)  # (3, m): of each part, given the counts
        common = digamma(a + b) - digamma(a + b + self.correct + self.wrong)
        slope = np.stack(
            [
                a * chance[0] * (digamma(a + self.correct) - digamma(a) + common),
                b * chance[0] * (digamma(b + self.wrong) - digamma(b) + common),
                chance[1] - prior.zero,
                chance[2] - prior.one,
            ]
        )  # (4, m)
        penalty, penalty_slope = self._penalty(x, prior)
        return float(penalty - (self.multiplicity * marginal).sum()), penalty_slope - slope @ self.multiplicity

    def minimize(self, zero: float, one: float) -> Floats:
        """The nearest minimum from these masses at 0 and at 1 and a Beta(.7, .7) between, (4,)."""
        between = 1 - zero - one
        start = np.array([LOG_SHAPE_CENTRE, LOG_SHAPE_CENTRE, np.log(zero / between), np.log(one / between)])
        return minimize_lbfgs(self, start, jac=True, bounds=[(-4.0, 5.0), (-4.0, 5.0), (-9.0, 6.0), (-9.0, 6.0)])

    def _penalty(self, x: Floats, prior: ZeroInflatedBeta) -> tuple[float, Floats]:
        """The hyperprior: log-normal shapes, and a Dirichlet of the three parts whose weight fades with the pool."""
        solvable = pseudo_solvable(float(self.multiplicity.sum()))
        zero, one = float(prior.zero[0]), float(prior.one[0])
        shapes = ((x[:2] - LOG_SHAPE_CENTRE) ** 2).sum() / (2 * LOG_SHAPE_SD**2)
        masses = ENDS * (np.log(zero) + np.log(one)) + solvable * np.log(1 - zero - one)
        total = 2 * ENDS + solvable
        return float(shapes - masses), np.array(
            [*((x[:2] - LOG_SHAPE_CENTRE) / LOG_SHAPE_SD**2), total * zero - ENDS, total * one - ENDS]
        )


def unpack_beta(x: Floats) -> ZeroInflatedBeta:
    """The distribution of (log a, log b, logits of the masses against the Beta part)."""
    parts = special.softmax(np.array([x[2], x[3], 0.0]))
    return ZeroInflatedBeta.of(np.exp(x[0]), np.exp(x[1]), parts[0], parts[1])
