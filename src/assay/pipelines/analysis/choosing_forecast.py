"""What a mixed group will cost under each way of choosing, forecast from some attempts at a pool.

In each of the worlds of `choosing_worlds` each way trains once, on binomial outcomes. The ends of an interval are
quantiles over worlds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from assay.core.parts import build_part
from assay.core.ports import AdaptiveCurriculum
from assay.core.types import Pool
from assay.curricula.online.state import FixedOrder
from assay.pipelines.analysis.choosing_worlds import PoolAttempts, World, draw_worlds
from assay.pipelines.analysis.simulated_steps import binomial_attempts, simulate_step
from assay.scorers.pass_rate.allocation import WaveCounts
from assay.scorers.pass_rate.enough import EnoughRule, run_enough

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
MAX_STEPS = 120
WORTH = 1.1  # times cheaper at the low end; less than this is no reason to choose
LEVEL = 0.8  # of the intervals
WIDEN = 1.25  # times as far from the median, in logs: calibrated on pools of two kinds (docs/log.md)
USES = (1, 2, 5)  # trainings that share what was paid before them


@dataclass(frozen=True, slots=True)
class TrainingSize:
    """How much is trained."""

    steps: int
    groups: int  # problems per step
    group_size: int


@dataclass(frozen=True, slots=True)
class Way:
    """One way of choosing: a curriculum, and attempts at the whole pool before it."""

    name: str
    curriculum: str = "shuffled"
    settings: Mapping[str, Any] = field(default_factory=dict)
    scored: int = 0  # attempts per problem before training; problems that are mixed then are kept
    enough: bool = False  # attempts before training until as many are mixed as will be selected

    @property
    def pays_before(self) -> bool:
        """Whether trainings can share a cost."""
        return bool(self.scored) or self.enough


WAYS = (
    Way("uniform", settings={"epochs": 1}),
    Way("dynamic", "dynamic"),
    Way("pilot groups", "pilot_groups"),
    Way("bins by source", "bins", {"by": ("source",)}),
    Way("posterior without scores", "posterior", {"prior": (0.2, 2.0)}),
    Way("scoring, 4 attempts", settings={"epochs": 1}, scored=4),
    Way("scoring, 8 attempts", settings={"epochs": 1}, scored=8),
    Way("scoring until enough", settings={"epochs": 1}, enough=True),
)


def forecast_ways(
    attempts: PoolAttempts,
    size: TrainingSize,
    *,
    ways: Sequence[Way] = WAYS,
    budget: int = 0,
    worlds: int = 24,
    drift: float = 0.0,
    seed: int = 0,
    max_steps: int = MAX_STEPS,
) -> dict[str, Any]:
    """Forecast the tokens per mixed group under each way.

    Args:
        attempts: at the pool; at least some problems must have any.
        size: of the training.
        ways: of choosing.
        budget: problems that a selection keeps, which is when scoring has enough; 0 = a quarter of the pool.
        worlds: states of the pool that are simulated.
        drift: logits that every rate between 0 and 1 gains over the run.
        seed: of all draws.
        max_steps: that are simulated; a longer run is simulated in small, with as much less of the pool.

    Returns:
        {rows: one per way and number of uses: {way, uses, first_tenth, whole: (low, median, high) tokens per mixed
        group, gain: (low, median, high) of how many times cheaper than uniform over the whole run}, regrets: of one use
        (`expected_regrets`), best: the way of the least one, pays: whether its gain is at least 1.1 at the low end}. A
        number is infinite where no group is mixed.
    """
    shrink = min(1.0, max_steps / size.steps)
    small = TrainingSize(min(size.steps, max_steps), size.groups, size.group_size)
    sample_budget = max(1, round((budget or len(attempts.correct) / 4) * shrink))
    costs: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for number, world in enumerate(islice(draw_worlds(attempts, seed, shrink=shrink), worlds)):
        for place, way in enumerate(ways):
            run = simulate_way(world, way, small, drift, (seed, number, place), budget=sample_budget)
            for uses in USES if way.pays_before else (1,):
                costs.setdefault((way.name, uses), []).append(run.cost(uses))
    base = np.array(costs["uniform", 1])  # (worlds, 2)
    rows = [_row(name, uses, np.array(values), base) for (name, uses), values in costs.items()]
    once = {name: np.array(values)[:, 1] for (name, uses), values in costs.items() if uses == 1}
    regrets = expected_regrets(once)
    best = min(regrets, key=lambda name: (regrets[name], float(np.median(once[name]))))
    gain = next(row["gain"] for row in rows if row["way"] == best)
    return {"rows": rows, "regrets": regrets, "best": best, "pays": best != "uniform" and gain[0] >= WORTH}


def expected_regrets(costs: Mapping[str, Floats]) -> dict[str, float]:
    """How much more each way costs than the cheapest one of a world, as a share, in the mean over worlds.

    Which way is the cheapest is not known before training, so this tells which one to name, and not the median cost: of
    two ways the one whose cost varies more from world to world may have the lower median and lose more where it loses.

    Args:
        costs: by way, (worlds,) each, of the same worlds.

    Returns:
        By way; infinite where it finds no mixed group in a world in which another one does.

    >>> costs = {"steady": np.array([10.0, 10.0, 10.0]), "bold": np.array([9.0, 9.0, 20.0])}
    >>> {name: round(regret, 2) for name, regret in expected_regrets(costs).items()}
    {'steady': 0.07, 'bold': 0.33}
    """
    least = np.min(list(costs.values()), axis=0)
    ratios = {
        name: np.divide(values, least, out=np.ones(len(values)), where=np.isfinite(least))
        for name, values in costs.items()
    }
    return {name: float(ratio.mean() - 1) for name, ratio in ratios.items()}


def score_all(world: World, n: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Bring every problem to n attempts; return the mixed rows, and the attempts of each, (n,)."""
    right = world.right + rng.binomial(np.maximum(n - world.stored, 0), world.rate)
    attempts = np.maximum(world.stored, n)
    return np.flatnonzero((right > 0) & (right < attempts)), attempts


def score_until_enough(world: World, budget: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Attempt problems until `budget` are mixed; return the mixed rows, and the attempts of each, (n,)."""
    right, attempts = np.zeros((2, len(world.rate)), dtype=np.int64)

    def sample(rows: Ints, targets: Ints) -> WaveCounts:
        # all of a problem's are known once it is read
        first_attempts = np.where(attempts[rows] == 0, world.stored[rows], 0)
        before = attempts[rows] + first_attempts
        new_attempts = np.maximum(targets, before)
        right[rows] += np.where(first_attempts > 0, world.right[rows], 0)
        right[rows] += rng.binomial(new_attempts - before, world.rate[rows])
        attempts[rows] = new_attempts
        return rows, right[rows].copy(), (attempts - right)[rows], attempts[rows].copy(), attempts[rows].copy()

    run_enough(len(right), EnoughRule(budget), sample, lambda evidence, rows: world.prior)
    return np.flatnonzero((right > 0) & (right < attempts)), attempts


@dataclass(frozen=True, slots=True)
class SimulatedRun:
    """What one way paid and got in one world."""

    before: float  # tokens before training
    tokens: Floats  # (steps,)
    mixed: Floats  # (steps,) groups with right and wrong answers among those trained on

    def cost(self, uses: int) -> tuple[float, float]:
        """Tokens per mixed group over the first tenth of the steps and over all, with a share of what came before."""
        tenth = max(1, len(self.tokens) // 10)
        return self._per_mixed(tenth, uses), self._per_mixed(len(self.tokens), uses)

    def _per_mixed(self, steps: int, uses: int) -> float:
        mixed = float(self.mixed[:steps].sum())
        return (self.before / uses + float(self.tokens[:steps].sum())) / mixed if mixed else float("inf")


def simulate_way(
    world: World, way: Way, size: TrainingSize, drift: float, seed: tuple[int, ...], *, budget: int = 1
) -> SimulatedRun:
    """Train once in a world under a way of choosing, with binomial outcomes; scoring ends at `budget` problems."""
    rng = np.random.default_rng(seed)
    ids = np.array([f"p{row:08}" for row in range(len(world.rate))])
    rows = np.arange(len(ids))
    before = 0.0
    if way.pays_before:
        mixed_rows, attempts = (
            score_until_enough(world, budget, rng) if way.enough else score_all(world, way.scored, rng)
        )
        before = float((np.maximum(attempts - world.stored, 0) * world.tokens).sum())
        rows = mixed_rows if len(mixed_rows) else rows
    pool = Pool(tuple(ids[rows].tolist()), {"source": world.source[rows]})
    part, chance = build_part("curriculum", way.curriculum, dict(way.settings)), int(rng.integers(2**31))
    course = (
        part.begin(pool, seed=chance)
        if isinstance(part, AdaptiveCurriculum)
        else FixedOrder(part.arrange(pool, np.random.default_rng(chance)).order)
    )
    place_of = {id_: row for row, id_ in enumerate(ids.tolist())}
    current = [world.rate]
    attempt = binomial_attempts(place_of, lambda: current[0], rng)
    tokens, mixed = np.zeros(size.steps), np.zeros(size.steps)
    for step in range(size.steps):
        if drift:
            logits = special.logit(np.clip(world.rate, 1e-9, 1 - 1e-9)) + drift * step / size.steps
            current[0] = np.where((world.rate > 0) & (world.rate < 1), special.expit(logits), world.rate)
        groups, _ = simulate_step(course, size.groups, size.group_size, attempt)
        tokens[step] = sum(result.counts.total * world.tokens[place_of[result.problem_id]] for result in groups)
        whole = sum(
            result.counts.total == size.group_size and 0 < result.counts.correct < size.group_size for result in groups
        )
        mixed[step] = min(whole, size.groups)  # what a refilled step has beyond its groups is not trained on
    return SimulatedRun(before, tokens, mixed)


def _row(name: str, uses: int, values: Floats, base: Floats) -> dict[str, Any]:
    gains = np.divide(base[:, 1], values[:, 1], out=np.ones(len(values)), where=np.isfinite(values[:, 1]))
    return {
        "way": name,
        "uses": uses,
        "first_tenth": _interval(values[:, 0]),
        "whole": _interval(values[:, 1]),
        "gain": _interval(gains),
    }


def _interval(values: Floats) -> tuple[float, float, float]:
    """Low end, median and high end; quantiles that are values, so that an infinite one stays what it is."""
    shares = ((1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2)
    low, middle, high = np.quantile(
        values, shares, method="median_unbiased" if np.isfinite(values).all() else "nearest"
    )
    return widen_end(low, middle), float(middle), widen_end(high, middle)


def widen_end(end: float, middle: float) -> float:
    """Move an end of an interval away from its median by `WIDEN`; an infinite or zero one stays.

    >>> round(widen_end(50.0, 100.0), 1), widen_end(float("inf"), 100.0)
    (42.0, inf)
    """
    if not (np.isfinite(end) and np.isfinite(middle) and end > 0 and middle > 0):
        return float(end)
    return float(middle * (end / middle) ** WIDEN)
