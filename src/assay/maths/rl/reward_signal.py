"""The signal of a group whose rewards are any numbers: the chance that they differ, or how far they are spread.

Objectives that divide advantages by the group's standard deviation (GRPO, DAPO) give every group with unequal rewards a
gradient of the same size, so their signal is P(sd > tau): kind "mixed". Objectives that do not (Dr. GRPO, RLOO) move
the further the rewards lie apart, so theirs is E[sd]: kind "sd". sd is the root mean square of R - mean(R) inside the
group, which divides by G. Shapes: n problems, V reward values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from assay.maths.rl.group_signal import expected_signal, log_rising
from assay.maths.rl.group_signal import reward_signal as share_of_unequal

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]
SignalKind = Literal["mixed", "sd"]

DRAWS = 512  # sampled groups per posterior, the same uniforms for all, a power of 2 for Sobol's sequence
CELLS = 4_000_000  # numbers in memory at a time
ROUNDING = 1e-12  # a standard deviation that is at most this far above tau is equal to it
BELOW_ONE = 1 - 1e-9


@dataclass(frozen=True, slots=True)
class RewardPosterior:
    """An attempt is correct with a chance ~ Beta(a, b); its reward then follows one of two Dirichlets over values.

    One Dirichlet is that of correct attempts and one that of incorrect ones. A value of weight 0 cannot occur, so rows
    of fewer values are padded with these. Every row has a positive weight in both classes.
    """

    a: Floats  # (n,), > 0
    b: Floats  # (n,), > 0
    values: Floats  # (n, V) rewards
    weights: Floats  # (n, V) Dirichlet parameters, >= 0
    correct: Flags  # (n, V) whether an attempt of this value is correct

    @classmethod
    def from_table(cls, a: ArrayLike, b: ArrayLike, table: ArrayLike) -> "RewardPosterior":
        """The posterior from one array, (n, V, 3): of each value the reward, its weight, and 1 where it is correct."""
        cells = np.asarray(table, dtype=np.float64)
        first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
        return cls(first, second, cells[:, :, 0], cells[:, :, 1], cells[:, :, 2] > 0)

    @property
    def table(self) -> Floats:
        """What `from_table` reads, (n, V, 3)."""
        return np.stack([self.values, self.weights, self.correct.astype(np.float64)], axis=2)

    def __len__(self) -> int:
        return len(self.a)

    def select(self, rows: ArrayLike) -> "RewardPosterior":
        """The posteriors of these problems."""
        at = np.asarray(rows)
        return RewardPosterior(self.a[at], self.b[at], self.values[at], self.weights[at], self.correct[at])

    @property
    def is_two_valued(self) -> Flags:
        """Whether correct attempts have one reward and incorrect ones another or the same, (n,)."""
        positive = self.weights > 0
        return np.asarray(((positive & self.correct).sum(1) == 1) & ((positive & ~self.correct).sum(1) == 1))

    def shares(self) -> Floats:
        """The mean share of each value within its class, (n, V)."""
        return self.weights / self._class_weights()

    def chances(self) -> Floats:
        """The chance of each value in the next attempt, (n, V), rows of sum 1."""
        rate = (self.a / (self.a + self.b))[:, None]
        return np.asarray(np.where(self.correct, rate, 1 - rate) * self.shares())

    def _class_weights(self) -> Floats:
        """The sum of the weights of each value's class, (n, V)."""
        of_correct = (self.weights * self.correct).sum(1, keepdims=True)
        of_wrong = (self.weights * ~self.correct).sum(1, keepdims=True)
        return np.asarray(np.where(self.correct, of_correct, of_wrong))

    def mean(self) -> Floats:
        """The expected reward, (n,)."""
        return np.asarray((self.chances() * self.values).sum(1))

    def mean_variance(self) -> Floats:
        """The variance of a problem's mean reward, (n,): how uncertain it is, not how much rewards vary."""
        a, b, total = self.a, self.b, self.a + self.b
        right, wrong = self.a / total, self.b / total
        spread = a * b / (total**2 * (total + 1))  # of the chance of a correct attempt
        moments = []
        for class_flags in (self.correct, ~self.correct):
            weights = self.weights * class_flags
            strength = weights.sum(1)
            share = weights / strength[:, None]
            mean = (share * self.values).sum(1)
            moments.append((mean, ((share * self.values**2).sum(1) - mean**2) / (strength + 1)))
        (m1, v1), (m0, v0) = moments
        squares = (right**2 + spread) * v1 + (wrong**2 + spread) * v0
        return np.asarray(spread * (m1 - m0) ** 2 + squares)


def reward_signal(
    posterior: RewardPosterior, group_size: int, *, kind: SignalKind = "mixed", tau: float = 0.0
) -> Floats:
    """The expected signal of a group of G attempts: P(sd > tau) or, of kind "sd", E[sd], (n,).

    tau is the standard deviation of rewards that the judge itself would give to one answer. P(sd > 0), and both kinds
    for rewards of two values, are closed forms. The rest is the mean over `DRAWS` groups from Polya's urns, which are
    the posterior's predictive distribution, all with the same points of a Sobol sequence: the error is about .01, and
    problems with equal posteriors have equal signals.

    Raises:
        ValueError: G is below 1, or tau is negative.

    Source: Blackwell and MacQueen (1973), Ferguson Distributions via Polya Urn Schemes; GRPO, arXiv:2402.03300; Dr.
    GRPO, arXiv:2503.20783.
    """
    if group_size < 1 or tau < 0:
        raise ValueError(f"a group of {group_size} attempts, tau = {tau}: they must be at least 1 and at least 0")
    if kind == "mixed" and tau == 0:
        return chance_of_unequal(posterior, group_size)
    signal, two = np.zeros(len(posterior)), posterior.is_two_valued
    signal[two] = _two_valued_signal(posterior.select(two), group_size, kind, tau)
    rest = posterior.select(~two)
    keys = np.concatenate([rest.a[:, None], rest.b[:, None], rest.values, rest.weights, rest.correct], axis=1)
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    distinct = rest.select(first)
    step = max(1, CELLS // (DRAWS * 3 * group_size))
    parts = [
        _sampled_signal(distinct.select(np.arange(start, min(start + step, len(first)))), group_size, kind, tau)
        for start in range(0, len(first), step)
    ]
    signal[~two] = np.concatenate([np.empty(0), *parts])[inverse.ravel()]
    return signal


def observed_reward_signal(
    rewards: Sequence[float], group_size: int, *, kind: SignalKind = "mixed", tau: float = 0.0
) -> float:
    """The signal that m attempts show, unbiased; NaN if there are fewer than G.

    P(sd > 0) is over all groups of G among them; the rest over the whole groups in their order.

    >>> round(observed_reward_signal([0.0, 0.5, 0.0, 0.0], 2), 9)
    0.5
    >>> observed_reward_signal([0.0, 0.5, 0.0, 0.0], 2, kind="sd")
    0.125
    """
    values = np.asarray(rewards, dtype=np.float64)
    if len(values) < max(group_size, 1):
        return float("nan")
    if kind == "mixed" and tau == 0:
        return float(share_of_unequal(np.unique(values, return_counts=True)[1], group_size))
    whole = values[: len(values) // group_size * group_size].reshape(-1, group_size).std(axis=1)
    return float(whole.mean() if kind == "sd" else (whole > tau + ROUNDING).mean())


def chance_of_unequal(posterior: RewardPosterior, group_size: int) -> Floats:
    """The chance that G rewards are not all equal, (n,): 1 - sum over values of E[chance of the value^G].

    The chance of a value is that of its class times its share in the class, which are independent, and both are Betas.
    For rewards of two different values it is `expected_signal`; two values of one bin count as equal.
    """
    rate = np.where(posterior.correct, posterior.a[:, None], posterior.b[:, None])
    total = (posterior.a + posterior.b)[:, None]
    moment = _rising(rate, group_size) - _rising(total, group_size)  # log E[class^G]
    share = _rising(posterior.weights, group_size) - _rising(posterior._class_weights(), group_size)
    equal = np.where(posterior.weights > 0, np.exp(moment + share), 0.0)
    return np.asarray(np.clip(1 - _merge_equal(posterior, equal, group_size), 0.0, 1.0))


def deviation_bound(posterior: RewardPosterior, group_size: int) -> Floats:
    """An upper bound of E[sd], (n,): sqrt(P(sd > 0) E[sd^2]), in closed form; near it where mixed groups are alike.

    E[sd^2] is (1 - 1/G) times the half mean square of the difference between two attempts. Source: Cauchy and Schwarz.
    """
    chances = posterior.chances()
    second, mean = (chances * posterior.values**2).sum(1), (chances * posterior.values).sum(1)
    variance = np.maximum(second - mean**2 - posterior.mean_variance(), 0.0)
    squared = (1 - 1 / group_size) * variance
    return np.asarray(np.sqrt(chance_of_unequal(posterior, group_size) * squared))


def deviation(rate: ArrayLike, group_size: int) -> Floats:
    """E[sd] of G rewards of 0 and 1 at a known pass rate p: sum_k C(G, k) p^k (1 - p)^(G - k) sqrt(k (G - k)) / G.

    Shapes: S -> S.  # [0, .5], 0 at p = 0 and 1, most at .5

    >>> deviation([0.0, 0.1, 0.5], 8).round(3).tolist()
    [0.0, 0.209, 0.464]
    """
    from scipy.stats import binom  # importing it takes half a second, and most runs need nothing of it

    p = np.asarray(rate, dtype=np.float64)[..., None]
    k = np.arange(group_size + 1)
    return np.asarray((binom.pmf(k, group_size, p) * _sd_of_counts(group_size)).sum(-1))


def expected_deviation(a: ArrayLike, b: ArrayLike, group_size: int) -> Floats:
    """E[sd] of G rewards of 0 and 1 under p ~ Beta(a, b): the counterpart of `expected_signal`.  # [0, .5]

    The count of correct attempts is beta-binomial. Shapes: a S, b S -> S.

    >>> float(expected_deviation(1, 1, 2).round(6))  # one of three counts is mixed, and its sd is 1 / 2
    0.166667
    """
    return np.asarray((count_chances(a, b, group_size) * _sd_of_counts(group_size)).sum(-1))


def binary_signal(a: ArrayLike, b: ArrayLike, group_size: int, kind: SignalKind = "mixed") -> Floats:
    """The signal of rewards of 0 and 1 under Beta(a, b), in closed form.  # [0, 1]; kind "sd": [0, .5]"""
    return expected_signal(a, b, group_size) if kind == "mixed" else expected_deviation(a, b, group_size)


def _sd_of_counts(group_size: int) -> Floats:
    k = np.arange(group_size + 1)
    return np.asarray(np.sqrt(k * (group_size - k)) / group_size)


def _rising(x: Floats, power: int) -> Floats:
    """`log_rising`, whose value at x = 0 is not used."""
    return log_rising(np.maximum(x, 1e-300), power)


def count_chances(a: ArrayLike, b: ArrayLike, group_size: int) -> Floats:
    """The chance of k = 0..G correct attempts under p ~ Beta(a, b): the beta-binomial, (..., G + 1).

    >>> count_chances(1, 1, 3).round(6).tolist()  # uniform: every count is as likely
    [0.25, 0.25, 0.25, 0.25]
    """
    first, second = np.broadcast_arrays(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64))
    k = np.arange(group_size + 1)
    ways = special.gammaln(group_size + 1) - special.gammaln(k + 1) - special.gammaln(group_size - k + 1)
    logs: list[Floats] = [log_rising(first, n) + log_rising(second, group_size - n) for n in range(group_size + 1)]
    return np.asarray(np.exp(ways + np.stack(logs, axis=-1) - log_rising(first + second, group_size)[..., None]))


def _merge_equal(posterior: RewardPosterior, equal: Floats, group_size: int) -> Floats:
    """The chance that all rewards are equal, (n,): a value of both classes can be drawn from either."""
    total = equal.sum(1)
    right, wrong = posterior.weights * posterior.correct, posterior.weights * ~posterior.correct
    for value in np.unique(posterior.values):
        at = posterior.values == value
        mixed_rows = np.flatnonzero(((right * at).sum(1) > 0) & ((wrong * at).sum(1) > 0))
        if len(mixed_rows):
            total[mixed_rows] += _chance_from_both(posterior.select(mixed_rows), at[mixed_rows], group_size)
    return np.asarray(total)


def _chance_from_both(posterior: RewardPosterior, at: Flags, group_size: int) -> Floats:
    """The chance that G attempts have one value, some of them correct and some not, (n,)."""
    total, classes = np.zeros(len(posterior)), posterior._class_weights()
    share_of = {
        flag: (
            (posterior.weights * at * (posterior.correct == flag)).sum(1),
            (classes * at * (posterior.correct == flag)).max(1),
        )
        for flag in (True, False)
    }
    for k in range(1, group_size):
        ways = special.gammaln(group_size + 1) - special.gammaln(k + 1) - special.gammaln(group_size - k + 1)
        log = ways + log_rising(posterior.a, k) + log_rising(posterior.b, group_size - k)
        log -= log_rising(posterior.a + posterior.b, group_size)
        for count, (weight, class_weight) in ((k, share_of[True]), (group_size - k, share_of[False])):
            log += _rising(weight, count) - _rising(class_weight, count)
        total += np.exp(log)
    return total


def _two_valued_signal(posterior: RewardPosterior, group_size: int, kind: SignalKind, tau: float) -> Floats:
    """Both kinds where a class has one value: sd is |v1 - v0| sqrt(k (G - k)) / G with k correct, (n,)."""
    positive = posterior.weights > 0
    right = np.where(positive & posterior.correct, posterior.values, 0.0).sum(1)
    wrong = np.where(positive & ~posterior.correct, posterior.values, 0.0).sum(1)
    gap = np.abs(right - wrong)
    if kind == "sd":
        return np.asarray(gap * expected_deviation(posterior.a, posterior.b, group_size))
    chance = count_chances(posterior.a, posterior.b, group_size)
    return np.asarray((chance * (gap[:, None] * _sd_of_counts(group_size) > tau)).sum(1))


@cache
def _uniforms(group_size: int) -> Floats:
    """The points that all posteriors share, (DRAWS, G, 2)."""
    from scipy.stats import qmc

    sobol = qmc.Sobol(2 * group_size, scramble=True, seed=20_240)
    return np.asarray(sobol.random(DRAWS)).reshape(DRAWS, group_size, 2)


def _sampled_signal(posterior: RewardPosterior, group_size: int, kind: SignalKind, tau: float) -> Floats:
    columns = draw_attempts(posterior, _uniforms(group_size))  # (n, draws, G)
    rewards = np.take_along_axis(posterior.values[:, None, :], columns, axis=2)
    sd = rewards.std(axis=2)  # (n, draws)
    return np.asarray(sd.mean(1) if kind == "sd" else (sd > tau + ROUNDING).mean(1))


def draw_attempts(posterior: RewardPosterior, uniforms: Floats) -> Ints:
    """Further attempts, one after the other: the columns of their values, (n, draws, attempts).

    Every attempt is drawn from the predictive distribution given those before it, by its two uniforms: whether it is
    correct, and which value of its class it has, a new draw from the Dirichlet's mean or a copy of an earlier attempt
    of the class (Polya's urn). Shapes: uniforms (draws, attempts, 2).
    """
    (draws, attempts, _), n, size = uniforms.shape, len(posterior), posterior.values.shape[1]
    strengths, quantiles = _class_tables(posterior)
    row, draw = np.arange(n)[:, None], np.arange(draws)[None, :]
    urns = np.zeros((n, draws, 2, attempts), dtype=np.int64)  # columns of the attempts so far, by class
    counts = np.zeros((n, draws, 2), dtype=np.int64)
    columns = np.zeros((n, draws, attempts), dtype=np.int64)
    total = (posterior.a + posterior.b)[:, None]
    for place in range(attempts):
        of_class = (uniforms[:, place, 0] < (posterior.a[:, None] + counts[:, :, 1]) / (total + place)).astype(np.int64)
        count, strength = counts[row, draw, of_class], strengths[row, of_class]
        ball = uniforms[:, place, 1] * (strength + count)
        is_new = ball < strength
        table = 2 * row + of_class
        fresh = np.searchsorted(quantiles, table + np.minimum(ball / strength, BELOW_ONE), side="right") - size * table
        earlier = urns[row, draw, of_class, np.where(is_new, 0, ball - strength).astype(np.int64)]
        columns[:, :, place] = np.where(is_new, np.minimum(fresh, size - 1), earlier)
        urns[row, draw, of_class, count] = columns[:, :, place]
        counts[row, draw, of_class] += 1
    return columns


def _class_tables(posterior: RewardPosterior) -> tuple[Floats, Floats]:
    """The strength of each class's Dirichlet, (n, 2), incorrect first, and the cumulative shares of its values.

    The shares of class c of problem i lie at (2 i + c) V and after, each with 2 i + c added, so that all of them
    ascend.
    """
    weights = np.stack([posterior.weights * ~posterior.correct, posterior.weights * posterior.correct], axis=1)
    ends = np.cumsum(weights, axis=2)  # (n, 2, V)
    shares = ends / ends[:, :, -1:]
    return ends[:, :, -1], (shares + np.arange(2 * len(posterior)).reshape(-1, 2)[:, :, None]).ravel()
