"""Draws of a pool's pass rates from their joint posterior, with the prior's own doubt in them.

From a few attempts a problem that is never solved looks like one that is rarely solved, and a prior that was fitted to
its highest likelihood settles the question without a doubt. Here the classes never, sometimes and always solved, the
shape of the Beta between and the lengths of answers in each class are drawn together, by Gibbs sampling: how long the
answers to a problem are tells its class where the classes differ in length, and nothing where they do not. Shapes: n
problems.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from assay.maths.beta.zero_inflated_beta import LOG_SHAPE_CENTRE, Floats, ZeroInflatedBeta

Ints = NDArray[np.int64]
NEVER, SOMETIMES, ALWAYS = range(3)
LOGIT_MEANS = np.linspace(-5.0, 5.0, 31)  # of the Betas that are tried
LOG_STRENGTHS = np.linspace(-1.0, 4.6, 15)  # log (a + b)
SHAPE_SD = 3.0  # of the prior of log a and log b: twice that of a fit, which must settle on one shape
SHARES = np.array([0.3, 1.0, 0.2])  # Dirichlet prior of the classes: either end may well be empty
LENGTH_WEIGHT = 1.0  # problems' worth of the pool's mean log length in that of each class ...
SPREAD_WEIGHT = 2.0  # ... and of its variance
SOURCE_WEIGHT = 2.0  # problems' worth of the pool's shares of the classes in those of a source with few attempted ones
LEAST_SPREAD = 0.05  # standard deviation of log lengths; equal lengths are told apart by no less


@dataclass(frozen=True, slots=True)
class RateDraw:
    """One state of the pool that the counts leave possible."""

    kind: Ints  # (n,) NEVER, SOMETIMES or ALWAYS
    rate: Floats  # (n,)
    prior: ZeroInflatedBeta  # (1,)

    def new_problems(self, size: int, rng: np.random.Generator) -> tuple[Ints, Floats]:
        """Classes and rates of so many problems of the pool without attempts, (size,) each."""
        never, always = float(self.prior.zero[0]), float(self.prior.one[0])
        kind = rng.choice(3, size, p=[never, 1 - never - always, always])
        between = rng.beta(self.prior.a[0], self.prior.b[0], size)
        return kind, np.select([kind == NEVER, kind == ALWAYS], [0.0, 1.0], between)

    def of_source(self, kind: ArrayLike, rng: np.random.Generator) -> "RateDraw":
        """The state for a part of the pool: the shares of the classes are drawn anew, from the pool's as
        `SOURCE_WEIGHT` problems and the classes of the part's own ones, (m,); the shape between 0 and 1 stays the
        pool's.
        """
        never, always = float(self.prior.zero[0]), float(self.prior.one[0])
        counts = np.bincount(np.asarray(kind, dtype=np.int64), minlength=3)
        weights = SOURCE_WEIGHT * np.array([never, 1 - never - always, always]) + counts
        shares = np.clip(rng.dirichlet(np.maximum(weights, 1e-6)), 1e-9, None)
        never, _, always = shares / shares.sum()
        return replace(self, prior=ZeroInflatedBeta.of(self.prior.a, self.prior.b, never, always))


class RateChain:
    """A Gibbs chain over the classes and rates of n attempted problems.

    Args:
        correct: right attempts, (n,).
        wrong: wrong ones, (n,).
        length: mean length of a problem's answers, (n,), above 0.
        seed: of all draws.

    Source: Diebolt and Robert (1994), Estimation of Finite Mixture Distributions through Bayesian Sampling; the Beta's
    shape is drawn on a grid ("griddy Gibbs", Ritter and Tanner 1992).
    """

    def __init__(
        self, correct: ArrayLike, wrong: ArrayLike, length: ArrayLike, seed: int | tuple[int, ...] = 0
    ) -> None:
        self.correct, self.wrong = np.asarray(correct, dtype=np.int64), np.asarray(wrong, dtype=np.int64)
        self.rng = np.random.default_rng(seed)
        mean, strength = (grid.ravel() for grid in np.meshgrid(special.expit(LOGIT_MEANS), np.exp(LOG_STRENGTHS)))
        self.shapes = np.stack([mean * strength, (1 - mean) * strength])  # (2, grid)
        self.log_prior = -((np.log(self.shapes) - LOG_SHAPE_CENTRE) ** 2).sum(0) / (2 * SHAPE_SD**2)  # (grid,)
        pairs, place = np.unique(np.stack([self.correct, self.wrong]), axis=1, return_inverse=True)
        self.place = place.ravel()  # (n,) of a problem's counts
        a, b = self.shapes[:, :, None]
        self.log_counts = special.betaln(a + pairs[0], b + pairs[1]) - special.betaln(a, b)  # (grid, pairs)
        impossible = np.array([self.correct > 0, np.zeros(len(self.correct), dtype=bool), self.wrong > 0])
        self.possible = np.where(impossible, -np.inf, 0.0)  # (3, n) log
        self.log_length = np.log(np.maximum(np.asarray(length, dtype=np.float64), 1e-9))
        self.shares = SHARES / SHARES.sum()
        self.kind = np.select([self.correct == 0, self.wrong == 0], [NEVER, ALWAYS], SOMETIMES)
        self.shape = 0

    def draw(self, sweeps: int) -> RateDraw:
        """The state after so many more sweeps."""
        for _ in range(sweeps):
            self._sweep()
        a, b = self.shapes[:, self.shape]
        between = self.rng.beta(a + self.correct, b + self.wrong)
        rate = np.select([self.kind == NEVER, self.kind == ALWAYS], [0.0, 1.0], between)
        never, _, always = self.shares
        return RateDraw(self.kind.copy(), rate, ZeroInflatedBeta.of(a, b, never, always))

    def _sweep(self) -> None:
        living = np.bincount(self.place[self.kind == SOMETIMES], minlength=self.log_counts.shape[1])
        self.shape = self._choose(self.log_prior + self.log_counts @ living)
        self.shares = np.clip(self.rng.dirichlet(SHARES + np.bincount(self.kind, minlength=3)), 1e-9, None)
        self.shares /= self.shares.sum()
        chance = np.log(self.shares)[:, None] + self.possible + self._log_lengths()
        chance[SOMETIMES] += self.log_counts[self.shape][self.place]
        self.kind = np.argmax(chance + self.rng.gumbel(size=chance.shape), axis=0)

    def _choose(self, log_weight: Floats) -> int:
        return int(np.argmax(log_weight + self.rng.gumbel(size=log_weight.shape)))

    def _log_lengths(self) -> Floats:
        """The log density of each problem's log length in each class, whose mean and spread are drawn first, (3, n)."""
        x = self.log_length
        centre, spread = float(x.mean()), max(float(x.std()), LEAST_SPREAD)
        rows = []
        for kind in range(3):
            own = x[self.kind == kind]
            weight = len(own) + LENGTH_WEIGHT
            mean = (own.sum() + LENGTH_WEIGHT * centre) / weight
            squares = ((own - mean) ** 2).sum() + LENGTH_WEIGHT * (centre - mean) ** 2 + SPREAD_WEIGHT * spread**2
            variance = max(squares / self.rng.chisquare(len(own) + SPREAD_WEIGHT), LEAST_SPREAD**2)
            middle = self.rng.normal(mean, (variance / weight) ** 0.5)
            rows.append(-((x - middle) ** 2) / (2 * variance) - 0.5 * np.log(variance))
        return np.stack(rows)
