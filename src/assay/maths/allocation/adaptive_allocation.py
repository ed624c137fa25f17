"""Who is attempted next, and when to stop: decisions that are functions of complete waves of evidence and of nothing else.

Two aims. `top_wave` asks which problems can still enter or leave the best `budget` by expected group signal; `band_wave` asks which are not yet
surely inside or outside a band of pass rates and could become so. Both weigh tokens, not attempts: hard problems run longer. Shapes: n problems.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.maths.beta.beta_binomial import Futures, crossing_gain, gain_of, settling_gain, top_value, unsure
from assay.maths.beta.zero_inflated_beta import ZeroInflatedBeta

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SHRINK = 2.0  # attempts' worth of the pool's mean tokens that a problem's own mean is drawn towards
NOTHING = 1e-12  # a gain below this is rounding
CHUNK = 8_192  # states whose futures are held at once


@dataclass(frozen=True, slots=True)
class PoolEvidence:
    """What complete waves have told of each problem, (n,) each."""

    correct: Ints
    wrong: Ints  # with cut attempts, where these count as wrong
    tried: Ints  # attempts made, whatever came out
    tokens: Ints  # that they cost together

    @classmethod
    def of(
        cls, correct: ArrayLike, wrong: ArrayLike, tried: ArrayLike | None = None, tokens: ArrayLike | None = None
    ) -> "PoolEvidence":
        """Evidence where every attempt was graded and cost one token, unless told otherwise."""
        right, failed = np.asarray(correct, dtype=np.int64), np.asarray(wrong, dtype=np.int64)
        made = right + failed if tried is None else np.asarray(tried, dtype=np.int64)
        return cls(right, failed, made, made if tokens is None else np.asarray(tokens, dtype=np.int64))

    def price(self) -> Floats:
        """Tokens that one further graded attempt is expected to cost, (n,): the mean of the problems with equal counts, drawn towards the pool's.

        A problem's own tokens are left out of it: an answer's length tells of a difficulty that equal counts do not show, so going
        by it would leave the long ones of a state unattempted, and what is told of their signal would be that of the short ones.
        """
        mean = max(float(self.tokens.sum()) / max(float(self.tried.sum()), 1.0), 1e-9)
        _, state = np.unique(np.stack([self.correct, self.wrong]), axis=1, return_inverse=True)
        tokens, tried = (np.bincount(state.ravel(), weights=column) for column in (self.tokens, self.tried))
        price = (tokens + SHRINK * mean) / (tried + SHRINK)
        return np.asarray(np.maximum(price, 1e-9)[state.ravel()] / self.graded_share())

    def graded_share(self) -> Floats:
        """The share of attempts that end graded, (n,), never 0.  # (0, 1]"""
        return np.asarray((self.correct + self.wrong + 1) / (self.tried + 1))

    def left(self, most: int) -> Ints:
        """Graded attempts that a problem may still get, (n,)."""
        return np.asarray(
            np.floor(np.maximum(most - self.tried, 0) * np.minimum(self.graded_share(), 1.0) + 1e-9), dtype=np.int64
        )


@dataclass(frozen=True, slots=True)
class Wave:
    """The problems that get the next attempts, and what completing everybody could still bring."""

    rows: Ints  # ascending; empty = stop
    value: float  # expected now: the sum of the chosen's signals; for a band the problems decided rightly
    gain: float  # how much more is expected if every problem that is in doubt had `most` attempts


def top_wave(
    evidence: PoolEvidence,
    prior: ZeroInflatedBeta,
    *,
    budget: int,
    group_size: int,
    most: int = 64,
    step: int = 2,
    share: float = 1 / 16,
    gain: float = 0.007,
) -> Wave:
    """The problems whose next attempts are worth most a token; none once completing everybody would gain at most `gain` of the value.

    A problem's worth is what it may gain by crossing the bar between the best `budget` and the rest, looked ahead 1, 3, 9, ... steps and
    to its last attempt, the best of these a token. At most `share` of the pool is in a wave. The gain of completing everybody to `most`
    attempts is the expected top sum over beta-binomial futures less the present one.

    Source: knowledge gradient with several attempts ahead, Frazier and Powell (2010), The economics of information collection; ours in that the bar
    is one for all and the cost is tokens.
    """
    states, row, many = _states(evidence, prior, most)
    outlook = _outlook(states, many, budget, group_size, step)
    signal = outlook.signal[row]
    value, later = float(np.sort(signal)[::-1][:budget].sum()), outlook.later
    if later - value <= gain * value + NOTHING:
        return Wave(np.empty(0, np.int64), value, max(later - value, 0.0))
    worth = outlook.worth[row] / evidence.price()
    worth[evidence.left(most) < 1] = 0.0
    order = np.argsort(-worth, kind="stable")[: max(1, round(len(worth) * share))]
    return Wave(np.sort(order[worth[order] > 0]), value, later - value)


def band_wave(
    evidence: PoolEvidence, prior: ZeroInflatedBeta, *, low: float, high: float, delta: float = 0.004, most: int = 64
) -> Wave:
    """The wave holds every problem whose chance of the wrong side of [low, high] is expected to sink by over delta with all attempts left.

    So a problem is settled once that chance is at most delta, and also where it lies so near an edge that completing it would tell no more. Over a
    pool the errors beyond those of `most` attempts each are at most a share of delta in expectation, if the prior is right. delta = 0 goes on
    while any attempt could tell something, .5 stops after the first wave. Looking after every wave costs no validity: a posterior means the
    same under any stopping rule that saw only outcomes.
    """
    states, row, _ = _states(evidence, prior, most)
    doubt = unsure(states.belief, low, high)
    gain, near = np.zeros(len(doubt)), np.flatnonzero(doubt > delta)  # no more can be gained than is in doubt
    gain[near] = _by_left(states.at(near), 0, lambda futures, rows, left: settling_gain(futures, left, low, high))
    unsettled = gain[row] > delta + NOTHING
    return Wave(np.flatnonzero(unsettled), float((1 - doubt)[row].sum()), float(gain[row].sum()))


def contenders(
    evidence: PoolEvidence, prior: ZeroInflatedBeta, *, budget: int, group_size: int, share: float, most: int
) -> Ints:
    """The `share` of the pool, ascending, for which `most` attempts are worth most against the bar: those near the cut that may cross it."""
    states, row, _ = _states(evidence, prior, most)
    signal = states.belief.signal(group_size)
    bar = _bar(signal[row], budget)
    worth = _by_left(states, group_size, lambda futures, rows, left: crossing_gain(futures, left, bar, signal[rows]))[
        row
    ]
    order = np.argsort(-worth, kind="stable")[: int(np.ceil(len(worth) * share))]
    return np.sort(order[worth[order] > NOTHING])


@dataclass(frozen=True, slots=True)
class _States:
    """Distinct states: problems of one prior, equal counts and equal attempts left have one future."""

    belief: ZeroInflatedBeta  # (s,)
    left: Ints  # (s,)

    def at(self, rows: Ints) -> "_States":
        return _States(self.belief.at(rows), self.left[rows])


@dataclass(frozen=True, slots=True)
class _Outlook:
    signal: Floats  # (s,) now
    worth: Floats  # (s,) the best gain an attempt
    later: float  # the expected top sum once everybody is complete


def _states(evidence: PoolEvidence, prior: ZeroInflatedBeta, most: int) -> tuple[_States, Ints, Floats]:
    """The states, (s,), each problem's state, (n,), and how many problems are in each, (s,)."""
    left = evidence.left(most)
    if len(prior.a) > 1:
        belief = prior.after(evidence.correct, evidence.wrong)
        return _States(belief, left), np.arange(len(left)), np.ones(len(left))
    rows = np.stack([evidence.correct, evidence.wrong, left])
    found, row, many = np.unique(rows, axis=1, return_inverse=True, return_counts=True)
    return _States(prior.after(found[0], found[1]), found[2]), row.ravel(), many.astype(np.float64)


def _outlook(states: _States, many: Floats, budget: int, group_size: int, step: int) -> _Outlook:
    signal = states.belief.signal(group_size)
    row = np.repeat(np.arange(len(signal)), many.astype(np.int64))
    bar = _bar(signal[row], budget)
    worth, values, chances = np.zeros(len(signal)), [], []
    for rows, left, futures in _groups(states, group_size):
        chance, later = futures.chance(left), futures.signal(left)
        values.append(later.ravel())
        chances.append((chance * many[rows, None]).ravel())
        if left:
            worth[rows] = gain_of(chance, later, bar, signal[rows]) / left
        for ahead in _horizons(step, left):
            worth[rows] = np.maximum(worth[rows], crossing_gain(futures, ahead, bar, signal[rows]) / ahead)
    total = top_value(np.concatenate(values), np.concatenate(chances), budget) if values else 0.0
    return _Outlook(signal, worth, total)


def _bar(signal: Floats, budget: int) -> float:
    """Half-way between the last that is chosen and the first that is not."""
    if budget >= len(signal):
        return 0.0
    ranked = np.sort(signal)[::-1]
    return float((ranked[max(budget - 1, 0)] + ranked[budget]) / 2)


def _groups(states: _States, group_size: int) -> Iterator[tuple[Ints, int, Futures]]:
    """States with equally many attempts left, and their futures; at most CHUNK at a time."""
    for left in np.unique(states.left):
        rows = np.flatnonzero(states.left == left)
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            yield (
                part,
                int(left),
                Futures.of(states.belief.at(part) if len(states.left) > 1 else states.belief, int(left), group_size),
            )


def _by_left(states: _States, group_size: int, of: Callable[[Futures, Ints, int], Floats]) -> Floats:
    found = np.zeros(len(states.left))
    for rows, left, futures in _groups(states, group_size):
        found[rows] = of(futures, rows, left)
    return found


def _horizons(step: int, left: int) -> list[int]:
    """step, 3 step, 9 step, ... below what is left."""
    return [step * 3**power for power in range(20) if step * 3**power < left]
