"""Which problems to attempt next, and when to stop: decisions that depend on complete waves of evidence alone.

Two goals. `top_wave` asks which problems can still enter or leave the best `budget` by expected group signal;
`band_wave` asks which problems are not yet surely inside or outside a band of pass rates, and could become so. Both
weigh tokens, not attempts: hard problems have longer answers. Shapes: n problems.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.maths.beta.beta_binomial import (
    AnyFutures,
    crossing_gain,
    expected_top_sum,
    futures_of,
    gain_over_bar,
    settling_gain,
    side_uncertainty,
)
from assay.maths.beta.prior_error import prior_error
from assay.maths.beta.two_betas import RatePrior

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PRICE_SHRINKAGE = 2.0  # the pool's mean tokens count as so many attempts in the price of a problem's next attempt
ROUNDING = 1e-12  # a gain below this is rounding error
CHUNK = 8_192  # states whose futures are in memory at once


@dataclass(frozen=True, slots=True)
class PoolEvidence:
    """Outcomes of complete waves per problem, (n,) each."""

    correct: Ints
    wrong: Ints  # with truncated attempts if these count as wrong
    attempts: Ints  # attempts made, whatever their outcome
    tokens: Ints  # tokens of all attempts

    @classmethod
    def of(
        cls, correct: ArrayLike, wrong: ArrayLike, attempts: ArrayLike | None = None, tokens: ArrayLike | None = None
    ) -> "PoolEvidence":
        """Evidence in which, by default, every attempt was graded and cost one token."""
        n_correct, n_wrong = np.asarray(correct, dtype=np.int64), np.asarray(wrong, dtype=np.int64)
        n_attempts = n_correct + n_wrong if attempts is None else np.asarray(attempts, dtype=np.int64)
        n_tokens = n_attempts if tokens is None else np.asarray(tokens, dtype=np.int64)
        return cls(n_correct, n_wrong, n_attempts, n_tokens)

    def price(self) -> Floats:
        """Expected tokens of one more graded attempt, (n,): the mean over equal counts, shrunk to the pool's.

        A problem's own tokens do not enter by themselves. Answer length says something about difficulty beyond the
        counts, so with prices per problem the long ones of a state would never be attempted, and the signal reported
        for the state would be that of the short ones.
        """
        mean = max(float(self.tokens.sum()) / max(float(self.attempts.sum()), 1.0), 1e-9)
        _, state = np.unique(np.stack([self.correct, self.wrong]), axis=1, return_inverse=True)
        tokens, attempts = (np.bincount(state.ravel(), weights=column) for column in (self.tokens, self.attempts))
        price = (tokens + PRICE_SHRINKAGE * mean) / (attempts + PRICE_SHRINKAGE)
        return np.asarray(np.maximum(price, 1e-9)[state.ravel()] / self.graded_share())

    def graded_share(self) -> Floats:
        """The share of attempts that end graded, (n,), never 0.  # (0, 1]"""
        return np.asarray((self.correct + self.wrong + 1) / (self.attempts + 1))

    def remaining(self, most: int) -> Ints:
        """Graded attempts that a problem can still get, of at most `most`, (n,)."""
        free = np.maximum(most - self.attempts, 0)
        return np.asarray(np.floor(free * np.minimum(self.graded_share(), 1.0) + 1e-9), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Wave:
    """The problems that get the next attempts, and what completing every problem could still bring."""

    rows: Ints  # ascending; empty = stop
    value: float  # expected now: the sum of the chosen problems' signals; for a band, problems on the right side
    gain: float  # how much more is expected if every problem in doubt had `most` attempts


def top_wave(
    evidence: PoolEvidence,
    prior: RatePrior,
    *,
    budget: int,
    group_size: int,
    most: int = 64,
    step: int = 2,
    share: float = 1 / 16,
    gain: float = 0.007,
) -> Wave:
    """The problems whose next attempts are worth most per token.

    The wave is empty once completing every problem would gain at most `gain` x value.     A problem's worth is what it
    may gain by crossing the bar between the best `budget` and the rest, within 1, 3, 9, ... steps and up to its last
    attempt; the best of these per token counts. A wave holds at most `share` of the pool. The gain of completing every
    problem to `most` attempts is the expected top sum over beta-binomial futures minus the present one.

    Source: knowledge gradient with several attempts ahead, Frazier and Powell (2010), The economics of information
    collection; ours in that one bar holds for all and the cost is tokens.
    """
    states, row, multiplicity = _distinct_states(evidence, prior, most)
    outlook = _outlook(states, multiplicity, budget, group_size, step)
    signal = outlook.signal[row]
    value, complete_value = float(np.sort(signal)[::-1][:budget].sum()), outlook.complete_value
    if complete_value - value <= gain * value + ROUNDING:
        return Wave(np.empty(0, np.int64), value, max(complete_value - value, 0.0))
    worth = outlook.worth[row] / evidence.price()
    worth[evidence.remaining(most) < 1] = 0.0
    best = np.argsort(-worth, kind="stable")[: max(1, round(len(worth) * share))]
    return Wave(np.sort(best[worth[best] > 0]), value, complete_value - value)


def rows_to_confirm(
    evidence: PoolEvidence, prior: RatePrior, *, budget: int, group_size: int, most: int, share: float, error: float
) -> Ints:
    """The chosen problems to attempt on because their value is not known well enough, ascending; empty = it is.

    The value of the best `budget` is expected under a prior that was fitted to the same counts. Those are chosen of
    which the fit promises most, so that its errors do not cancel. While its standard error is above `error` x value,
    those of the chosen with the fewest attempts get more, at most `share` of the pool at once; their new attempts
    chose nothing.
    """
    signal = prior.posterior(evidence.correct, evidence.wrong).signal(group_size)
    chosen_rows = np.argsort(-np.round(signal, 12), kind="stable")[:budget]
    free = chosen_rows[evidence.remaining(most)[chosen_rows] > 0]
    if not len(free):
        return free
    doubt = prior_error(prior, evidence.correct, evidence.wrong, lambda belief: belief.signal(group_size), chosen_rows)
    if doubt <= error * signal[chosen_rows].sum():
        return free[:0]
    fewest = np.argsort(evidence.attempts[free], kind="stable")[: max(1, round(len(signal) * share))]
    return np.sort(free[fewest])


def band_wave(
    evidence: PoolEvidence, prior: RatePrior, *, low: float, high: float, delta: float = 0.004, most: int = 64
) -> Wave:
    """The problems whose remaining attempts should lower their chance of the wrong side of [low, high] by over delta.

    So a problem is settled once that chance is at most delta, and also if it lies so near an edge that completing it
    would not help. Over a pool the errors beyond those of `most` attempts each are at most a share of delta in
    expectation, if the prior is right. delta = 0 continues while any attempt could tell something, .5 stops after the
    first wave. Deciding after every wave costs no validity: a posterior means the same under any stopping rule that saw
    only outcomes.
    """
    states, row, _ = _distinct_states(evidence, prior, most)
    doubt = side_uncertainty(states.belief, low, high)
    gain, open_states = np.zeros(len(doubt)), np.flatnonzero(doubt > delta)  # the gain is at most the doubt
    gain[open_states] = _map_futures(
        states.select(open_states), 0, lambda futures, rows, remaining: settling_gain(futures, remaining, low, high)
    )
    unsettled = gain[row] > delta + ROUNDING
    return Wave(np.flatnonzero(unsettled), float((1 - doubt)[row].sum()), float(gain[row].sum()))


def contenders(
    evidence: PoolEvidence, prior: RatePrior, *, budget: int, group_size: int, share: float, most: int
) -> Ints:
    """The `share` of the pool, ascending, whose completion is worth most: problems near the bar that may cross it."""
    states, row, _ = _distinct_states(evidence, prior, most)
    signal = states.belief.signal(group_size)
    bar = _bar(signal[row], budget)
    worth = _map_futures(
        states, group_size, lambda futures, rows, remaining: crossing_gain(futures, remaining, bar, signal[rows])
    )[row]
    best = np.argsort(-worth, kind="stable")[: int(np.ceil(len(worth) * share))]
    return np.sort(best[worth[best] > ROUNDING])


@dataclass(frozen=True, slots=True)
class _States:
    """Distinct states: problems with equal priors, counts and remaining attempts have the same future."""

    belief: RatePrior  # (s,)
    remaining: Ints  # (s,)

    def select(self, rows: Ints) -> "_States":
        return _States(self.belief.select(rows), self.remaining[rows])


@dataclass(frozen=True, slots=True)
class _Outlook:
    signal: Floats  # (s,) now
    worth: Floats  # (s,) the best gain per attempt
    complete_value: float  # the expected top sum once every problem has all its attempts


def _distinct_states(evidence: PoolEvidence, prior: RatePrior, most: int) -> tuple[_States, Ints, Floats]:
    """The states, (s,), each problem's state, (n,), and how many problems are in each state, (s,)."""
    remaining = evidence.remaining(most)
    if len(prior) > 1:
        belief = prior.posterior(evidence.correct, evidence.wrong)
        return _States(belief, remaining), np.arange(len(remaining)), np.ones(len(remaining))
    rows = np.stack([evidence.correct, evidence.wrong, remaining])
    distinct, row, multiplicity = np.unique(rows, axis=1, return_inverse=True, return_counts=True)
    belief = prior.posterior(distinct[0], distinct[1])
    return _States(belief, distinct[2]), row.ravel(), multiplicity.astype(np.float64)


def _outlook(states: _States, multiplicity: Floats, budget: int, group_size: int, step: int) -> _Outlook:
    signal = states.belief.signal(group_size)
    row = np.repeat(np.arange(len(signal)), multiplicity.astype(np.int64))
    bar = _bar(signal[row], budget)
    worth, values, chances = np.zeros(len(signal)), [], []
    for rows, remaining, futures in _futures_by_remaining(states, group_size):
        chance, later = futures.chance(remaining), futures.signal(remaining)
        values.append(later.ravel())
        chances.append((chance * multiplicity[rows, None]).ravel())
        if remaining:
            worth[rows] = gain_over_bar(chance, later, bar, signal[rows]) / remaining
        for horizon in _horizons(step, remaining):
            worth[rows] = np.maximum(worth[rows], crossing_gain(futures, horizon, bar, signal[rows]) / horizon)
    total = expected_top_sum(np.concatenate(values), np.concatenate(chances), budget) if values else 0.0
    return _Outlook(signal, worth, total)


def _bar(signal: Floats, budget: int) -> float:
    """Half-way between the last problem that is chosen and the first that is not."""
    if budget >= len(signal):
        return 0.0
    ranked = np.sort(signal)[::-1]
    return float((ranked[max(budget - 1, 0)] + ranked[budget]) / 2)


def _futures_by_remaining(states: _States, group_size: int) -> Iterator[tuple[Ints, int, AnyFutures]]:
    """States with equally many remaining attempts, and their futures; at most CHUNK at a time."""
    for remaining in np.unique(states.remaining):
        rows = np.flatnonzero(states.remaining == remaining)
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            belief = states.belief.select(part) if len(states.remaining) > 1 else states.belief
            yield part, int(remaining), futures_of(belief, int(remaining), group_size)


def _map_futures(states: _States, group_size: int, function: Callable[[AnyFutures, Ints, int], Floats]) -> Floats:
    values = np.zeros(len(states.remaining))
    for rows, remaining, futures in _futures_by_remaining(states, group_size):
        values[rows] = function(futures, rows, remaining)
    return values


def _horizons(step: int, remaining: int) -> list[int]:
    """step, 3 step, 9 step, ... below the remaining attempts."""
    return [step * 3**power for power in range(20) if step * 3**power < remaining]
