"""How often a verifier errs, estimated from answers that a person marked, and the pass rate corrected for it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]
GRID = 101  # quantiles of each unknown; all combinations count equally


class Estimate(NamedTuple):
    """A value and its interval."""

    value: float
    low: float
    high: float


class VerifierAudit(NamedTuple):
    """Soundness = P(rejected | wrong), completeness = P(accepted | right); 1 = never errs."""

    soundness: Estimate
    completeness: Estimate


def audit(accepted: tuple[int, int], rejected: tuple[int, int], share: float, *, level: float = 0.95) -> VerifierAudit:
    """Soundness and completeness follow from marked answers by Bayes' rule.

    `accepted` and `rejected` are (right, wrong) counts among marked answers, `share` is the share of all answers that
    the verifier accepts. With a = P(right | accepted) and b = P(right | rejected): completeness = a share / (a share +
    b (1 - share)), soundness = (1 - b)(1 - share) / ((1 - b)(1 - share) + (1 - a) share). Values are taken at the
    marked fractions. Intervals cut equal tails off the Jeffreys posteriors of a and b; they reach 1 if no error of the
    kind was marked, 0 if nothing else was. A side without marked answers keeps its prior.

    Raises:
        ValueError: a negative count, a share outside (0, 1), a level outside (0, 1).

    >>> estimate = audit((48, 2), (5, 45), 0.5)
    >>> round(estimate.soundness.value, 3), round(estimate.completeness.value, 3)
    (0.957, 0.906)
    """
    if min(*accepted, *rejected) < 0 or not 0 < share < 1 or not 0 < level < 1:
        raise ValueError(
            f"accepted {accepted}, rejected {rejected}, share {share}, level {level}: "
            "counts >= 0, the others inside (0, 1)"
        )
    a, b = _quantiles(*accepted)[:, None], _quantiles(*rejected)[None, :]
    values = _soundness_completeness(_fraction(*accepted), _fraction(*rejected), share)
    grids = _soundness_completeness(a, b, share)
    soundness, completeness = (
        Estimate(float(value), *_interval_of(grid, level)) for value, grid in zip(values, grids, strict=True)
    )
    return VerifierAudit(
        _extend_to_ends(soundness, low=not rejected[1], high=not accepted[1]),
        _extend_to_ends(completeness, low=not accepted[0], high=not rejected[0]),
    )


class MarkedSample(NamedTuple):
    """What a person marked of a verifier's answers: (right, wrong) counts of either side, and the share accepted."""

    accepted: tuple[int, int]
    rejected: tuple[int, int]
    share: float  # of all answers that the verifier accepts  # (0, 1)

    def point(self) -> tuple[float, float]:
        """Soundness and completeness at the marked fractions."""
        estimate = audit(*self)
        return estimate.soundness.value, estimate.completeness.value


def error_rates(sample: MarkedSample, *, points: int = 7) -> tuple[Floats, Floats]:
    """Soundness and completeness over a grid of their posterior, (points^2,) each, all combinations equally likely."""
    a, b = (_quantiles(*side, points) for side in (sample.accepted, sample.rejected))
    soundness, completeness = _soundness_completeness(a[:, None], b[None, :], sample.share)
    return soundness.ravel(), completeness.ravel()


def rogan_gladen(observed: ArrayLike, soundness: float, completeness: float) -> Floats:
    """The true pass rate is (observed - (1 - soundness)) / (completeness + soundness - 1), clamped to [0, 1].

    Raises:
        ValueError: soundness + completeness <= 1: such a verdict carries no information.

    Source: Rogan and Gladen (1978), Estimating prevalence from the results of a screening test.

    >>> rogan_gladen([0.0, 0.05, 0.5, 1.0], 0.95, 0.9).round(3)
    array([0.   , 0.   , 0.529, 1.   ])
    """
    gain = completeness + soundness - 1
    if gain <= 0:
        raise ValueError(
            f"soundness {soundness:g} and completeness {completeness:g} sum to at most 1: the verdicts carry no "
            "information"
        )
    return np.asarray(np.clip((np.asarray(observed, dtype=np.float64) - (1 - soundness)) / gain, 0.0, 1.0))


def corrected_rate(
    correct: int, wrong: int, accepted: tuple[int, int], rejected: tuple[int, int], share: float, *, level: float = 0.95
) -> Estimate:
    """The corrected pass rate of one problem or many; its interval holds the uncertainty of attempts and audit.

    If the audit leaves open whether the verifier carries any information, the interval is [0, 1].

    Raises:
        ValueError: as `audit` and `rogan_gladen`; no attempt.
    """
    if correct + wrong < 1:
        raise ValueError("there are no attempts, so there is no rate to correct")
    point = audit(accepted, rejected, share, level=level)
    value = float(rogan_gladen(correct / (correct + wrong), point.soundness.value, point.completeness.value))
    a, b = _quantiles(*accepted)[::4, None, None], _quantiles(*rejected)[None, ::4, None]
    soundness, completeness = _soundness_completeness(a, b, share)
    gain = soundness + completeness - 1
    rates = (_quantiles(correct, wrong)[None, None, :] - (1 - soundness)) / np.where(gain > 0, gain, np.nan)
    low, high = (0.0, 1.0) if np.mean(gain <= 0) > 1 - level else _interval_of(np.clip(rates, 0.0, 1.0), level)
    return Estimate(value, min(low, value), max(high, value))


def _extend_to_ends(estimate: Estimate, *, low: bool, high: bool) -> Estimate:
    return Estimate(estimate.value, 0.0 if low else estimate.low, 1.0 if high else estimate.high)


def _soundness_completeness(a: Floats | float, b: Floats | float, share: float) -> tuple[Floats, Floats]:
    right_accepted, right_rejected = np.asarray(a) * share, np.asarray(b) * (1 - share)
    wrong_accepted, wrong_rejected = (1 - np.asarray(a)) * share, (1 - np.asarray(b)) * (1 - share)
    return _fraction_of(wrong_rejected, wrong_accepted), _fraction_of(right_accepted, right_rejected)


def _fraction_of(part: Floats, rest: Floats) -> Floats:
    whole = part + rest
    return np.asarray(np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 1.0))  # nothing to err on: no error


def _quantiles(right: int, wrong: int, points: int = GRID) -> Floats:
    """Midpoint quantiles of the Jeffreys posterior, (points,)."""
    return np.asarray(special.betaincinv(right + 0.5, wrong + 0.5, (np.arange(points) + 0.5) / points))


def _fraction(right: int, wrong: int) -> float:
    return (right + 0.5) / (right + wrong + 1) if right + wrong == 0 else right / (right + wrong)


def _interval_of(grid: Floats, level: float) -> tuple[float, float]:
    tail = (1 - level) / 2
    low, high = np.nanquantile(grid, [tail, 1 - tail])
    return float(low), float(high)
