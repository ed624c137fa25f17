"""Pass rates as two Betas with point masses at 0 and at 1, for pools whose rates lie around two values.

One Beta between two groups of rates, say .05 and .95, expects problems near one half that do not exist. Shapes: n
problems; a prior's fields are (1,) or (n,).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from assay.maths.beta.lbfgs import minimize_lbfgs
from assay.maths.beta.posterior import PRIORS
from assay.maths.beta.zero_inflated_beta import (
    ENDS,
    LOG_SHAPE_CENTRE,
    LOG_SHAPE_SD,
    Floats,
    ZeroInflatedBeta,
    fit_zero_inflated_beta,
    log_marginal,
    pseudo_solvable,
)

NUMBER = re.compile(r"(\w+)=(\S+)")  # in the text of a prior
BISECTIONS = 40  # of a quantile: an error of 2^-40
NARROW = float(np.log(2_000.0))  # log (a + b) of Betas without spread: a standard deviation of at most .011
# Means and strengths (a + b) of the two Betas where a fit starts, and the masses at 0 and at 1.
STARTS = ((0.1, 0.9, 8.0, 0.01), (0.05, 0.6, 20.0, 0.01), (0.4, 0.95, 20.0, 0.01))


@dataclass(frozen=True, slots=True)
class TwoBetas:
    """With chance `weight` the rate is of the second distribution, otherwise of the first."""

    first: ZeroInflatedBeta  # (n,)
    second: ZeroInflatedBeta  # (n,)
    weight: Floats  # (n,)  # [0, 1], of the second

    def __len__(self) -> int:
        return len(self.weight)

    def posterior(self, correct: ArrayLike, wrong: ArrayLike) -> "TwoBetas":
        """The distribution after these attempts: each part's own, weighed by how likely it made them."""
        odds = log_marginal(self.second, correct, wrong) - log_marginal(self.first, correct, wrong)
        weight = special.expit(special.logit(self.weight) + odds)
        return TwoBetas(self.first.posterior(correct, wrong), self.second.posterior(correct, wrong), weight)

    def select(self, rows: ArrayLike) -> "TwoBetas":
        """The distributions of these problems; a prior of shape (1,) counts for each of them."""
        places = np.asarray(rows)
        if len(self) == 1:
            places = np.zeros(int(places.sum()) if places.dtype == bool else len(places), dtype=np.int64)
        return TwoBetas(self.first.select(places), self.second.select(places), self.weight[places])

    def mean(self) -> Floats:
        """The expected rate.  # [0, 1]"""
        return self._mix(self.first.mean(), self.second.mean())

    def signal(self, group_size: int) -> Floats:
        """The expected group signal, E[1 - p^G - (1 - p)^G].  # [0, 1]"""
        return self._mix(self.first.signal(group_size), self.second.signal(group_size))

    def inside(self, low: float | Floats, high: float | Floats) -> Floats:
        """The chance that the rate lies in [low, high].  # [0, 1]"""
        return self._mix(self.first.inside(low, high), self.second.inside(low, high))

    def quantile(self, share: float) -> Floats:
        """The rate below which this share of the mass lies; 0 or 1 if a point mass alone holds it."""
        low, high = np.zeros(len(self)), np.ones(len(self))
        at_zero = self.inside(0.0, low) >= share
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            below = self.inside(0.0, middle) < share
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.where(at_zero, 0.0, high.round(10))

    def interval(self, correct: ArrayLike, wrong: ArrayLike, *, level: float = 0.95) -> tuple[Floats, Floats]:
        """The ends that cut (1 - level) / 2 of the mass off each side; low is 0 if nothing was solved, high 1 if
        nothing failed.

        The rate that the two Betas alone expect is always inside, as with one.
        """
        tail = (1 - level) / 2
        of_first, of_second = (part.a / (part.a + part.b) for part in (self.first, self.second))
        inner, outer = (1 - self.weight) * self.first.between, self.weight * self.second.between
        centre = (inner * of_first + outer * of_second) / np.maximum(inner + outer, 1e-300)
        low = np.where(np.asarray(correct) == 0, 0.0, np.minimum(self.quantile(tail), centre))
        high = np.where(np.asarray(wrong) == 0, 1.0, np.maximum(self.quantile(1 - tail), centre))
        return low, high

    def sample(self, size: int, rng: np.random.Generator) -> Floats:
        """Rates of this many problems of a pool with this prior, (size,)."""
        from_second = rng.random(size) < self.weight[0]
        return np.where(from_second, self.second.sample(size, rng), self.first.sample(size, rng))

    def describe(self, n: int) -> list[str]:
        """The parameters of each of n problems as text: the first part's, then `weight2=.4 a2=3 b2=50`."""
        rows = zip(self.weight, self.second.a, self.second.b, strict=True)
        beside = [f" weight2={weight:.4g} a2={a:.4g} b2={b:.4g}" for weight, a, b in rows]
        texts = [text + more for text, more in zip(self.first.describe(len(self)), beside, strict=True)]
        return texts * n if len(texts) == 1 else texts

    def none_right(self, k: int) -> Floats:
        """The chance that none of k attempts is right, E[(1 - p)^k].  # [0, 1]"""
        return self._mix(self.first.none_right(k), self.second.none_right(k))

    def all_right(self, k: int) -> Floats:
        """The chance that all of k attempts are right, E[p^k].  # [0, 1]"""
        return self._mix(self.first.all_right(k), self.second.all_right(k))

    def matching_beta(self) -> tuple[Floats, Floats]:
        """Parameters of the Beta with the same mean and variance."""
        mean, moment = self.mean(), self._mix(self.first.second_moment(), self.second.second_moment())
        strength = np.maximum(mean * (1 - mean) / np.maximum(moment - mean**2, 1e-300) - 1, 1e-12)
        return np.maximum(mean * strength, 1e-300), np.maximum((1 - mean) * strength, 1e-300)

    def _mix(self, first: Floats, second: Floats) -> Floats:
        return np.asarray((1 - self.weight) * first + self.weight * second)


RatePrior = ZeroInflatedBeta | TwoBetas


def fit_rate_prior(correct: ArrayLike, wrong: ArrayLike) -> RatePrior:
    """The fit of one Beta with point masses, or of two where the counts ask for a second.

    Two are taken if they raise the log likelihood by more than their further parameters are worth, 3 / 2 log(n)
    (Schwarz's criterion). So pools that one Beta describes keep it, and pools of few problems too. Where the counts
    show no spread around the two means, by the same criterion, the two Betas are narrow (a + b = 2,000): a pool of two
    rates is not expected to hold better problems than these.

    Shapes: correct (n,), wrong (n,) -> fields (1,).

    Raises:
        ValueError: shapes differ.

    Source: Schwarz (1978), Estimating the dimension of a model.
    """
    n_correct, n_wrong = np.asarray(correct, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
    if n_correct.shape != n_wrong.shape:
        raise ValueError(f"{n_correct.shape} counts of right attempts for {n_wrong.shape} of wrong ones")
    pairs, multiplicity = np.unique(np.stack([n_correct, n_wrong]), axis=1, return_counts=True)
    return _fit_distinct_counts(pairs.tobytes(), multiplicity.astype(np.int64).tobytes())


@lru_cache(maxsize=256)  # a race that is gone on with, or planned again, meets the counts of its waves again
def _fit_distinct_counts(distinct: bytes, problems: bytes) -> RatePrior:
    """The fit of m distinct counts, (2, m) float64, and of how many problems have each, (m,) int64."""
    multiplicity = np.frombuffer(problems, dtype=np.int64)
    pairs = np.frombuffer(distinct).reshape(2, -1)
    single = fit_zero_inflated_beta(*np.repeat(pairs, multiplicity, axis=1))
    is_mixed = (pairs > 0).all(axis=0)
    if not pairs.sum(axis=0)[is_mixed].max(initial=0) > 2:
        return single  # numbers of successes in two attempts have two degrees of freedom: one Beta tells everything
    objective = TwoBetasObjective(pairs[0], pairs[1], multiplicity.astype(np.float64))
    worth = np.log(multiplicity.sum()) / 2
    wide = min((objective.minimize(start) for start in STARTS), key=lambda x: objective(x)[0])
    fit = objective.misfit(unpack_two_betas(wide))
    if objective.misfit(single) - fit <= 3 * worth:
        return single
    narrow = objective.minimize_narrow(wide)
    return unpack_two_betas(narrow if objective.misfit(unpack_two_betas(narrow)) - fit <= 2 * worth else wide)


def parse_rate_priors(texts: Sequence[str]) -> RatePrior:
    """The priors that `describe` wrote, or that are named, one per text, (n,).

    Raises:
        ValueError: a text is neither.

    >>> parse_rate_priors(["jeffreys", "fitted a=2 b=1 zero=0.5 one=0"]).mean().round(3).tolist()
    [0.5, 0.333]
    """
    rows = [_parse_prior(text) for text in texts]
    a, b, zero, one, weight, a2, b2 = np.array(rows, dtype=np.float64).reshape(-1, 7).T
    first = ZeroInflatedBeta.of(a, b, zero, one)
    return TwoBetas(first, ZeroInflatedBeta.of(a2, b2), weight) if weight.any() else first


def _parse_prior(text: str) -> tuple[float, ...]:
    if text in PRIORS:
        return (*PRIORS[text], 0.0, 0.0, 0.0, 1.0, 1.0)
    values = dict(NUMBER.findall(text))
    if not {"a", "b"} <= values.keys():
        raise ValueError(f"prior {text!r} has no parameters a and b")
    beside = ((name, default) for name, default in (("zero", 0), ("one", 0), ("weight2", 0), ("a2", 1), ("b2", 1)))
    return (float(values["a"]), float(values["b"]), *(float(values.get(name, default)) for name, default in beside))


def unpack_two_betas(x: Floats) -> TwoBetas:
    """(log a, log b, logits of the masses at 0 and 1, log a2, log b2, logit of the second's share of the Betas)."""
    zero, one, between = special.softmax(np.array([x[2], x[3], 0.0]))
    second = between * special.expit(x[6])
    rest = 1 - second
    first = ZeroInflatedBeta.of(np.exp(x[0]), np.exp(x[1]), zero / rest, one / rest)
    return TwoBetas(first, ZeroInflatedBeta.of(np.exp(x[4]), np.exp(x[5])), np.array([second]))


def widen(x: Floats) -> Floats:
    """The seven parameters of two narrow Betas, from (logit of the mean, masses' logits, second's logit, share)."""
    shapes = [NARROW + np.log(special.expit(side * x[place])) for place in (0, 3) for side in (1, -1)]
    return np.array([*shapes[:2], x[1], x[2], *shapes[2:], x[4]])


@dataclass(frozen=True, slots=True)
class TwoBetasObjective:
    """Minus the log posterior of the seven parameters of `unpack_two_betas`, with its gradient."""

    correct: Floats  # (m,) distinct counts
    wrong: Floats  # (m,)
    multiplicity: Floats  # (m,) problems with these counts

    def __call__(self, x: Floats, *, with_shapes: bool = True) -> tuple[float, Floats]:
        zero, one, between = special.softmax(np.array([x[2], x[3], 0.0]))
        share = special.expit(x[6])
        with np.errstate(divide="ignore"):
            parts = np.stack(
                [
                    np.log(between * (1 - share)) + self._log_beta(x[0], x[1]),
                    np.where(self.correct == 0, np.log(zero), -np.inf),
                    np.where(self.wrong == 0, np.log(one), -np.inf),
                    np.log(between * share) + self._log_beta(x[4], x[5]),
                ]
            )  # (4, m)
        marginal = np.logaddexp.reduce(parts, axis=0)  # (m,)
        chance = np.exp(parts - marginal)  # (4, m): of each part, given the counts
        slope = np.stack(
            [
                *(chance[0] * row for row in self._beta_slopes(x[0], x[1])),
                chance[1] - zero,
                chance[2] - one,
                *(chance[3] * row for row in self._beta_slopes(x[4], x[5])),
                chance[3] - share * (chance[0] + chance[3]),
            ]
        )  # (7, m)
        penalty, penalty_slope = self._penalty(x, float(zero), float(one), float(share), with_shapes)
        return float(penalty - (self.multiplicity * marginal).sum()), penalty_slope - slope @ self.multiplicity

    def minimize(self, start: tuple[float, float, float, float]) -> Floats:
        """The nearest minimum from two Betas of these means and this strength, and these masses, (7,)."""
        low, high, strength, mass = start
        ends = np.log(mass / (1 - 2 * mass))
        shapes = [np.log(strength * share) for mean in (low, high) for share in (mean, 1 - mean)]
        bounds = [(-4.0, 5.0)] * 2 + [(-9.0, 6.0)] * 2 + [(-4.0, 5.0)] * 2 + [(-6.0, 6.0)]
        return minimize_lbfgs(self, np.array([*shapes[:2], ends, ends, *shapes[2:], 0.0]), jac=True, bounds=bounds)

    def minimize_narrow(self, wide: Floats) -> Floats:
        """The minimum over two narrow Betas from the means of two wide ones, (7,)."""
        start = np.array([wide[0] - wide[1], wide[2], wide[3], wide[4] - wide[5], wide[6]])
        bounds = [(-6.0, 6.0), (-9.0, 6.0), (-9.0, 6.0), (-6.0, 6.0), (-6.0, 6.0)]
        return widen(minimize_lbfgs(self.narrow, np.clip(start, *np.array(bounds).T), jac=True, bounds=bounds))

    def narrow(self, x: Floats) -> tuple[float, Floats]:
        """The objective of two narrow Betas by the five parameters of `widen`, with its gradient."""
        value, slope = self(widen(x), with_shapes=False)
        first, second = special.expit(x[0]), special.expit(x[3])
        means = [slope[at] * (1 - mean) - slope[at + 1] * mean for at, mean in ((0, first), (4, second))]
        return value, np.array([means[0], slope[2], slope[3], means[1], slope[6]])

    def misfit(self, prior: RatePrior) -> float:
        """Minus the log likelihood, with what the hyperprior says of the masses and nothing of the shapes."""
        parts = (prior, None) if isinstance(prior, ZeroInflatedBeta) else (prior.first, prior.second)
        share = 0.0 if isinstance(prior, ZeroInflatedBeta) else float(prior.weight[0])
        zero, one = ((1 - share) * float(mass[0]) for mass in (parts[0].zero, parts[0].one))
        marginal = log_marginal(parts[0], self.correct, self.wrong)
        if parts[1] is not None:
            other = log_marginal(parts[1], self.correct, self.wrong)
            marginal = np.logaddexp(np.log1p(-share) + marginal, np.log(share) + other)
        return float(-(self.multiplicity * marginal).sum() - self._log_masses(zero, one))

    def _log_beta(self, log_a: float, log_b: float) -> Floats:
        a, b = np.exp(log_a), np.exp(log_b)
        return np.asarray(special.betaln(a + self.correct, b + self.wrong) - special.betaln(a, b))

    def _beta_slopes(self, log_a: float, log_b: float) -> tuple[Floats, Floats]:
        """The derivatives of `_log_beta` by log a and log b, (m,) each."""
        a, b, digamma = np.exp(log_a), np.exp(log_b), special.digamma
        common = digamma(a + b) - digamma(a + b + self.correct + self.wrong)
        of_a, of_b = digamma(a + self.correct) - digamma(a), digamma(b + self.wrong) - digamma(b)
        return a * (of_a + common), b * (of_b + common)

    def _log_masses(self, zero: float, one: float) -> float:
        solvable = pseudo_solvable(float(self.multiplicity.sum()))
        return float(ENDS * (np.log(zero) + np.log(one)) + solvable * np.log(1 - zero - one))

    def _penalty(self, x: Floats, zero: float, one: float, share: float, with_shapes: bool) -> tuple[float, Floats]:
        """The hyperprior of one Beta, the same for the second's shape, and a weak pull of its share off 0 and 1."""
        total = 2 * ENDS + pseudo_solvable(float(self.multiplicity.sum()))
        shapes = with_shapes * (x[[0, 1, 4, 5]] - LOG_SHAPE_CENTRE)
        loss = (shapes**2).sum() / (2 * LOG_SHAPE_SD**2) - self._log_masses(zero, one)
        pulls = shapes / LOG_SHAPE_SD**2
        slope = [*pulls[:2], total * zero - ENDS, total * one - ENDS, *pulls[2:], ENDS * (2 * share - 1)]
        return float(loss - ENDS * (np.log(share) + np.log(1 - share))), np.array(slope)
