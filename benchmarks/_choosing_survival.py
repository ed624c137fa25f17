"""How many times fewer rollouts an arm needs: log-normal survival regression over interval-censored crossings, with a block per seed.

A run is measured every few updates, so all that is known of its crossing is between which two points it lies; a run that never got there, or later
than the limit, is right-censored. log T = arm + seed + noise is fitted by maximum likelihood over all arms at once, so that seeds which are lucky for
every arm do not count as noise. Contrasts get Student's intervals, p-values are Holm's over all of them. Where over a quarter of an arm's or its
base's runs are censored, a bound is told and no estimate.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

Floats = NDArray[np.float64]
MANY = 0.25  # share of censored runs above which there is only a bound
SPAN = 3.0  # medians of the base after which a run counts as censored
WIDE = 2.0  # high end over low end from which more seeds are worth running
LEAST_WIDTH = 1e-9  # of an interval of logs: a crossing that is known exactly


@dataclass(frozen=True)
class Crossing:
    """What is known of one run's cost until its target: between low and high; high is infinite where it was not reached."""

    arm: str
    seed: int
    low: float
    high: float

    @property
    def censored(self) -> bool:
        """Whether the target was not reached."""
        return not math.isfinite(self.high)


@dataclass(frozen=True)
class Fit:
    """Maximum likelihood: the mean log cost of each arm and its covariance, for contrasts with Student's t."""

    arms: tuple[str, ...]
    effect: Floats  # (k,) log cost, in the mean over seeds
    covariance: Floats  # (k, k), with the residual variance per degree of freedom
    freedom: int


def limit_crossings(rows: Sequence[Crossing], base: str) -> list[Crossing]:
    """The crossings, those later than `SPAN` medians of the base censored there; all as they are where the base's median is not known."""
    middle = float(np.median([row.high for row in rows if row.arm == base]))
    limit = SPAN * middle
    if not math.isfinite(limit):
        return list(rows)
    return [row if row.high <= limit else Crossing(row.arm, row.seed, min(row.low, limit), math.inf) for row in rows]


def fit_lognormal(rows: Sequence[Crossing]) -> Fit:
    """Fit log T = arm + seed + noise; an arm without any crossing, or a seed of one arm alone, tells nothing and is left out.

    Raises:
        ValueError: fewer runs are left than there are coefficients.
    """
    reached = {row.arm for row in rows if not row.censored}
    rows = [row for row in rows if row.arm in reached]
    arms, seeds = sorted(reached), sorted({row.seed for row in rows})
    free = len(rows) - len(arms) - len(seeds) + 1
    if free < 1:
        raise ValueError(f"{len(rows)} runs of {len(arms)} arms and {len(seeds)} seeds leave no degree of freedom")
    design = np.zeros((len(rows), len(arms) + len(seeds) - 1))
    for place, row in enumerate(rows):
        design[place, arms.index(row.arm)] = 1
        blocks = np.full(
            len(seeds), -1 / len(seeds)
        )  # effects of seeds sum to 0, so that an arm's is in the mean over seeds
        blocks[seeds.index(row.seed)] += 1
        design[place, len(arms) :] = blocks[:-1] - blocks[-1]
    low = np.log([max(row.low, 1.0) for row in rows])
    high = np.log([row.high for row in rows])
    start = np.append(
        np.linalg.lstsq(design, np.where(np.isfinite(high), (low + high) / 2, low), rcond=None)[0], np.log(0.3)
    )
    best = optimize.minimize(
        lambda x: _loss(x, design, low, high),
        start,
        jac="3-point",
        method="BFGS",
        options={"gtol": 1e-6, "maxiter": 2000},
    )
    covariance = np.linalg.pinv(_hessian(best.x, design, low, high))[: len(arms), : len(arms)]
    return Fit(tuple(arms), best.x[: len(arms)], covariance * len(rows) / free, free)


def contrast(fit: Fit, arm: str, base: str) -> dict[str, float]:
    """How many times fewer rollouts the arm needs than the base: ratio, its 95% interval and the p-value of no difference."""
    own, other = fit.arms.index(arm), fit.arms.index(base)
    log_ratio = float(fit.effect[other] - fit.effect[own])
    variance = fit.covariance[own, own] + fit.covariance[other, other] - 2 * fit.covariance[own, other]
    error = max(float(variance), 0.0) ** 0.5
    half = float(stats.t.ppf(0.975, fit.freedom)) * error
    p = float(2 * stats.t.sf(abs(log_ratio) / error, fit.freedom)) if error else float(log_ratio == 0)
    return {"ratio": math.exp(log_ratio), "low": math.exp(log_ratio - half), "high": math.exp(log_ratio + half), "p": p}


def holm(values: Sequence[float]) -> list[float]:
    """P-values adjusted by Holm's step-down, in the given order.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted, highest = [0.0] * len(values), 0.0
    for place, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        highest = max(highest, min(1.0, (len(values) - place) * values[index]))
        adjusted[index] = highest
    return adjusted


def compare_arms(rows: Sequence[Crossing], bases: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Compare every arm with every base: an estimate, or a bound where too many runs are censored.

    Args:
        rows: one per run, of one target.
        bases: the arms to compare with; those that have no run are left out.

    Returns:
        By "arm against base": {ratio, low, high, p, holm, censored: {arm, base}, bound: "" or "lower" or "upper" or "none",
        more_seeds: whether the interval is so wide that more are worth running}.
    """
    names = list(dict.fromkeys(row.arm for row in rows))
    bases = [base for base in bases if base in names]
    limited = limit_crossings(rows, bases[0]) if bases else []
    shares = {name: float(np.mean([row.censored for row in limited if row.arm == name])) for name in names if limited}
    try:
        fit = fit_lognormal(limited) if bases else None
    except ValueError:
        fit = None
    results: dict[str, dict[str, Any]] = {}
    for arm, base in product(names, bases):
        if arm == base or (arm in bases and bases.index(arm) < bases.index(base)):
            continue
        many = (shares[arm] > MANY, shares[base] > MANY)
        found = _bound(limited, arm, base, many) if any(many) or fit is None else contrast(fit, arm, base)
        kind = {
            (False, False): "" if fit else "none",
            (False, True): "lower",
            (True, False): "upper",
            (True, True): "none",
        }[many]
        censored = {"arm": shares[arm], "base": shares[base]}
        more = not kind and found["high"] > WIDE * found["low"]
        results[f"{arm} against {base}"] = {**found, "censored": censored, "bound": kind, "more_seeds": more}
    tested = [name for name, found in results.items() if not found["bound"]]
    for name, value in zip(tested, holm([results[name]["p"] for name in tested]), strict=True):
        results[name]["holm"] = value
    return results


def _bound(rows: Sequence[Crossing], arm: str, base: str, many: tuple[bool, bool]) -> dict[str, float]:
    """The one end that censored runs leave: each counts with what it had paid, which is less than its cost; paired by seed."""
    ends: Mapping[str, dict[int, float]] = {
        name: {row.seed: row.low if row.censored else (row.low + row.high) / 2 for row in rows if row.arm == name}
        for name in (arm, base)
    }
    logs = [math.log(ends[base][seed] / ends[arm][seed]) for seed in ends[arm].keys() & ends[base].keys()]
    if len(logs) < 2 or many[0] == many[1]:
        return {"ratio": math.nan, "low": 0.0, "high": math.inf, "p": math.nan}
    half = float(stats.t.ppf(0.95, len(logs) - 1)) * float(np.std(logs, ddof=1)) / len(logs) ** 0.5  # one end only
    mean = float(np.mean(logs))
    low, high = (math.exp(mean - half), math.inf) if many[1] else (0.0, math.exp(mean + half))
    return {"ratio": math.exp(mean), "low": low, "high": high, "p": math.nan}


def _loss(x: Floats, design: Floats, low: Floats, high: Floats) -> float:
    """Minus the log likelihood; the last entry of x is the log of the noise's standard deviation."""
    mean, log_sd = design @ x[:-1], float(np.clip(x[-1], -12, 6))
    sd = math.exp(log_sd)
    exact = high - low < LEAST_WIDTH
    a, b = (low - mean) / sd, (high - mean) / sd
    swap = a + b > 0  # of two tails take the smaller numbers, which are exact
    first, second = np.where(swap, -b, a), np.where(swap, -a, b)  # first < second, mostly below 0
    upper, lower = special.log_ndtr(second), special.log_ndtr(first)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = upper + np.log1p(-np.exp(np.minimum(lower - upper, 0.0)))
        density = -0.5 * a**2 - 0.5 * math.log(2 * math.pi) - log_sd
    value = np.where(exact, density, np.where(np.isfinite(high), between, special.log_ndtr(-a)))
    return float(-np.maximum(value, -1e6).sum()) + 1e-9 * float(x @ x)


def _hessian(x: Floats, design: Floats, low: Floats, high: Floats) -> Floats:
    """Second differences of `_loss`."""
    step, n = 1e-4, len(x)
    unit, result = np.eye(n) * step, np.zeros((n, n))
    for i in range(n):
        for j in range(i, n):
            value = sum(
                s * t * _loss(x + s * unit[i] + t * unit[j], design, low, high) for s in (1, -1) for t in (1, -1)
            )
            result[i, j] = result[j, i] = value / (4 * step**2)
    return result
