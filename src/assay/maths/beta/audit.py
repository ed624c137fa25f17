"""How far a verifier can be trusted, from answers that a person marked, and what that means for a pass rate."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]
GRID = 101  # quantiles of each unknown; all combinations are weighed equally


class Estimate(NamedTuple):
    """A value and its interval."""

    value: float
    low: float
    high: float


class Audit(NamedTuple):
    """Soundness = P(rejected | wrong), completeness = P(accepted | right); 1 = never errs."""

    soundness: Estimate
    completeness: Estimate


def audit(accepted: tuple[int, int], rejected: tuple[int, int], share: float, *, level: float = 0.95) -> Audit:
    """Soundness and completeness by Bayes' rule, from (right, wrong) among marked accepted answers, the same among rejected ones, and the
    share of all answers that the verifier accepts.

    With a = P(right | accepted) and b = P(right | rejected): completeness = a share / (a share + b (1 - share)), and soundness =
    (1 - b)(1 - share) / ((1 - b)(1 - share) + (1 - a) share). Values are taken at the marked fractions; intervals cut equal tails off the
    Jeffreys posteriors of a and b, and reach 1 where no error of the kind was marked, 0 where nothing else was. Nothing marked on one side leaves
    that side's posterior at its prior.

    Raises:
        ValueError: a negative count, a share outside (0, 1), a level outside (0, 1).

    >>> made = audit((48, 2), (5, 45), 0.5)
    >>> round(made.soundness.value, 3), round(made.completeness.value, 3)
    (0.957, 0.906)
    """
    if min(*accepted, *rejected) < 0 or not 0 < share < 1 or not 0 < level < 1:
        raise ValueError(
            f"accepted {accepted}, rejected {rejected}, share {share}, level {level}: counts >= 0, the others inside (0, 1)"
        )
    a, b = _quantiles(*accepted)[:, None], _quantiles(*rejected)[None, :]
    at = _both(_fraction(*accepted), _fraction(*rejected), share)
    spread = _both(a, b, share)
    sound, complete = (Estimate(float(value), *_ends(grid, level)) for value, grid in zip(at, spread, strict=True))
    return Audit(
        _open(sound, low=not rejected[1], high=not accepted[1]),
        _open(complete, low=not accepted[0], high=not rejected[0]),
    )


def corrected(observed: ArrayLike, soundness: float, completeness: float) -> Floats:
    """The pass rate behind an observed one: p = (observed - (1 - soundness)) / (completeness + soundness - 1), clamped to [0, 1].

    Raises:
        ValueError: soundness + completeness <= 1: such a verifier says nothing.

    Source: Rogan and Gladen (1978), Estimating prevalence from the results of a screening test.

    >>> corrected([0.0, 0.05, 0.5, 1.0], 0.95, 0.9).round(3)
    array([0.   , 0.   , 0.529, 1.   ])
    """
    gain = completeness + soundness - 1
    if gain <= 0:
        raise ValueError(
            f"soundness {soundness:g} and completeness {completeness:g} sum to at most 1: such a verdict says nothing"
        )
    return np.asarray(np.clip((np.asarray(observed, dtype=np.float64) - (1 - soundness)) / gain, 0.0, 1.0))


def corrected_rate(
    correct: int, wrong: int, accepted: tuple[int, int], rejected: tuple[int, int], share: float, *, level: float = 0.95
) -> Estimate:
    """The corrected pass rate of one problem or many, its interval holding both the attempts' doubt and the audit's.

    Where the audit leaves it open whether the verifier says anything, the interval is [0, 1].

    Raises:
        ValueError: as `audit` and `corrected`; no attempt.
    """
    if correct + wrong < 1:
        raise ValueError("no attempt: there is no rate to correct")
    made = audit(accepted, rejected, share, level=level)
    value = float(corrected(correct / (correct + wrong), made.soundness.value, made.completeness.value))
    sound, complete = _both(_quantiles(*accepted)[::4, None, None], _quantiles(*rejected)[None, ::4, None], share)
    gain = sound + complete - 1
    rates = (_quantiles(correct, wrong)[None, None, :] - (1 - sound)) / np.where(gain > 0, gain, np.nan)
    low, high = (0.0, 1.0) if np.mean(gain <= 0) > 1 - level else _ends(np.clip(rates, 0.0, 1.0), level)
    return Estimate(value, min(low, value), max(high, value))


def _open(estimate: Estimate, *, low: bool, high: bool) -> Estimate:
    return Estimate(estimate.value, 0.0 if low else estimate.low, 1.0 if high else estimate.high)


def _both(a: Floats | float, b: Floats | float, share: float) -> tuple[Floats, Floats]:
    right_in, right_out = np.asarray(a) * share, np.asarray(b) * (1 - share)
    wrong_in, wrong_out = (1 - np.asarray(a)) * share, (1 - np.asarray(b)) * (1 - share)
    return _part(wrong_out, wrong_in), _part(right_in, right_out)


def _part(one: Floats, other: Floats) -> Floats:
    whole = one + other
    return np.asarray(np.where(whole > 0, one / np.where(whole > 0, whole, 1.0), 1.0))  # nothing to err on: no error


def _quantiles(right: int, wrong: int) -> Floats:
    """Midpoint quantiles of the Jeffreys posterior, (GRID,)."""
    return np.asarray(special.betaincinv(right + 0.5, wrong + 0.5, (np.arange(GRID) + 0.5) / GRID))


def _fraction(right: int, wrong: int) -> float:
    return (right + 0.5) / (right + wrong + 1) if right + wrong == 0 else right / (right + wrong)


def _ends(grid: Floats, level: float) -> tuple[float, float]:
    tail = (1 - level) / 2
    low, high = np.nanquantile(grid, [tail, 1 - tail])
    return float(low), float(high)
