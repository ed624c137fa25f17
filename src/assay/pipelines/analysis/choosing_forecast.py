"""What a mixed group will cost under each way of choosing, forecast from some attempts at a pool.

Each world is one state that the attempts leave possible: a bootstrap of the attempted problems gives priors per source,
their posteriors a pass rate per problem, and a problem that was never attempted has the rate and the tokens of one of its
source that was. In each world each way trains once, on binomial outcomes. The ends of an interval are quantiles over worlds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from assay.core.parts import build_part
from assay.core.ports import AdaptiveCurriculum
from assay.core.types import Pool
from assay.curricula.online.state import FixedOrder
from assay.maths.beta.two_betas import RatePrior, TwoBetas, fit_rate_prior
from assay.maths.beta.zero_inflated_beta import ZeroInflatedBeta
from assay.pipelines.analysis.simulated_steps import binomial_attempts, simulate_step
from assay.scorers.pass_rate.allocation import WaveCounts
from assay.scorers.pass_rate.enough import EnoughRule, run_enough

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
OWN_PRIOR = 40  # attempted problems from which on a source has a prior of its own
MAX_STEPS = 120  # simulated; a longer run is simulated in small, with as much less of the pool
FITS = 6  # bootstraps of the priors, which worlds take in turns: a fit takes longer than a simulated training
WORTH = 1.1  # times cheaper at the low end; less than this is no reason to choose
LEVEL = 0.8  # of the intervals
USES = (1, 2, 5)  # trainings that share what was paid before them


@dataclass(frozen=True, slots=True)
class PoolAttempts:
    """A pool of n problems and what is known of it."""

    correct: Ints  # (n,)
    wrong: Ints  # (n,), 0 with `correct` = 0: not attempted
    tokens: Floats  # (n,) mean generated tokens of an attempt; NaN where there is none
    source: NDArray[np.str_]  # (n,)

    @property
    def tried(self) -> Ints:
        """Attempts per problem, (n,)."""
        return self.correct + self.wrong


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


@dataclass(frozen=True, slots=True)
class World:
    """One state that the attempts leave possible."""

    rate: Floats  # (n,)
    tokens: Floats  # (n,) of an attempt
    source: NDArray[np.str_]  # (n,)
    stored: Ints  # (n,) attempts that are paid for already
    prior: RatePrior  # of the pool


def forecast_ways(
    attempts: PoolAttempts,
    size: TrainingSize,
    *,
    ways: Sequence[Way] = WAYS,
    budget: int = 0,
    worlds: int = 24,
    drift: float = 0.0,
    seed: int = 0,
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

    Returns:
        {rows: one per way and number of uses: {way, uses, first_tenth, whole: (low, median, high) tokens per mixed group,
        gain: (low, median, high) of how many times cheaper than uniform over the whole run}, best: the cheapest way for one
        use, pays: whether its gain is at least 1.1 at the low end}. A number is infinite where no group is mixed.
    """
    shrink = min(1.0, MAX_STEPS / size.steps)
    small = TrainingSize(min(size.steps, MAX_STEPS), size.groups, size.group_size)
    wanted = max(1, round((budget or len(attempts.correct) / 4) * shrink))
    priors: list[dict[str, RatePrior]] = []
    costs: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for number in range(worlds):
        rng = np.random.default_rng((seed, number))
        if number < FITS:
            priors.append(fit_priors(attempts, rng))
        world = draw_world(attempts, priors[number % len(priors)], rng, shrink)
        for place, way in enumerate(ways):
            run = simulate_way(world, way, small, drift, (seed, number, place), budget=wanted)
            for uses in USES if way.pays_before else (1,):
                costs.setdefault((way.name, uses), []).append(run.cost(uses))
    base = np.array(costs["uniform", 1])  # (worlds, 2)
    rows = [_row(name, uses, np.array(values), base) for (name, uses), values in costs.items()]
    first = [row for row in rows if row["uses"] == 1]
    best = min(first, key=lambda row: row["whole"][1])
    return {"rows": rows, "best": best["way"], "pays": best["way"] != "uniform" and best["gain"][0] >= WORTH}


def fit_priors(attempts: PoolAttempts, rng: np.random.Generator) -> dict[str, RatePrior]:
    """Fit a prior to a bootstrap of each source's attempted problems; one of few has that of all."""
    known = np.flatnonzero(attempts.tried > 0)
    everyone = _fitted(attempts, rng.choice(known, len(known)))
    priors = {}
    for name in np.unique(attempts.source):
        own = known[attempts.source[known] == name]
        whole = len(own) == len(known)
        alone = len(own) >= OWN_PRIOR and not whole
        priors[str(name)] = _fitted(attempts, rng.choice(own, len(own))) if alone else everyone
    return priors


def draw_world(
    attempts: PoolAttempts, priors: Mapping[str, RatePrior], rng: np.random.Generator, shrink: float = 1.0
) -> World:
    """Draw a state of the pool that the attempts leave possible.

    Args:
        attempts: at the pool.
        priors: by source.
        rng: of the draws.
        shrink: the part of the problems that is kept.
    """
    n = len(attempts.correct)
    keep = np.sort(rng.permutation(n)[: max(1, round(n * shrink))])
    rate, tokens = np.full(n, np.nan), attempts.tokens.copy()
    known = np.flatnonzero(attempts.tried > 0)
    for name, prior in priors.items():
        own = known[attempts.source[known] == name]
        rate[own] = draw_rates(prior.posterior(attempts.correct[own], attempts.wrong[own]), rng)
        missing = np.flatnonzero((attempts.source == name) & (attempts.tried == 0))
        if len(own) and len(missing):
            donors = rng.choice(rng.choice(own, len(own)), len(missing))  # of the bootstrap, whose shares vary
            rate[missing], tokens[missing] = rate[donors], tokens[donors]
    rest = np.flatnonzero(np.isnan(rate))  # of sources without any attempt
    if len(rest):
        donors = rng.choice(known, len(rest))
        rate[rest], tokens[rest] = rate[donors], tokens[donors]
    prior = next(
        iter(priors.values())
    )  # what scoring would fit is near it, and fitting it in each world takes too long
    return World(rate[keep], tokens[keep], attempts.source[keep], attempts.tried[keep], prior)


def _fitted(attempts: PoolAttempts, rows: Ints) -> RatePrior:
    return fit_rate_prior(attempts.correct[rows], attempts.wrong[rows])


def draw_rates(belief: RatePrior, rng: np.random.Generator) -> Floats:
    """Draw one rate per problem from its posterior, (n,)."""
    if isinstance(belief, TwoBetas):
        second = rng.random(len(belief)) < belief.weight
        return np.where(second, draw_rates(belief.second, rng), draw_rates(belief.first, rng))
    return _draw_inflated(belief, rng)


def _draw_inflated(belief: ZeroInflatedBeta, rng: np.random.Generator) -> Floats:
    place, between = rng.random(len(belief)), rng.beta(belief.a, belief.b)
    return np.asarray(np.where(place < belief.zero, 0.0, np.where(place > 1 - belief.one, 1.0, between)))


def score_all(world: World, n: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Attempt every problem n times; return the mixed rows, and the attempts of each, (n,)."""
    right = rng.binomial(n, world.rate)
    return np.flatnonzero((right > 0) & (right < n)), np.full(len(right), n)


def score_until_enough(world: World, budget: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Attempt problems until `budget` are mixed; return the mixed rows, and the attempts of each, (n,)."""
    right, tried = np.zeros((2, len(world.rate)), dtype=np.int64)

    def sample(rows: Ints, wanted: Ints) -> WaveCounts:
        right[rows] += rng.binomial(wanted - tried[rows], world.rate[rows])
        tried[rows] = wanted
        return rows, right[rows].copy(), (tried - right)[rows], tried[rows].copy(), tried[rows].copy()

    run_enough(len(right), EnoughRule(budget), sample, lambda evidence, rows: world.prior)
    return np.flatnonzero((right > 0) & (right < tried)), tried


@dataclass(frozen=True, slots=True)
class SimulatedRun:
    """What one way paid and got in one world."""

    before: float  # tokens before training
    tokens: Floats  # (steps,)
    mixed: Floats  # (steps,) groups with right and wrong answers among those trained on

    def cost(self, uses: int) -> tuple[float, float]:
        """Tokens per mixed group over the first tenth of the steps and over all, a share of what came before included."""
        tenth = max(1, len(self.tokens) // 10)
        return self._per_mixed(tenth, uses), self._per_mixed(len(self.tokens), uses)

    def _per_mixed(self, steps: int, uses: int) -> float:
        mixed = float(self.mixed[:steps].sum())
        return (self.before / uses + float(self.tokens[:steps].sum())) / mixed if mixed else float("inf")


def simulate_way(
    world: World, way: Way, size: TrainingSize, drift: float, seed: tuple[int, ...], *, budget: int = 1
) -> SimulatedRun:
    """Train once in a world under a way of choosing, with binomial outcomes; scoring has enough with `budget` problems."""
    rng = np.random.default_rng(seed)
    ids = np.array([f"p{row:08}" for row in range(len(world.rate))])
    rows = np.arange(len(ids))
    before = 0.0
    if way.pays_before:
        kept, tried = score_until_enough(world, budget, rng) if way.enough else score_all(world, way.scored, rng)
        before = float((np.maximum(tried - world.stored, 0) * world.tokens).sum())
        rows = kept if len(kept) else rows
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
            moved = special.logit(np.clip(world.rate, 1e-9, 1 - 1e-9)) + drift * step / size.steps
            current[0] = np.where((world.rate > 0) & (world.rate < 1), special.expit(moved), world.rate)
        paid, _ = simulate_step(course, size.groups, size.group_size, attempt)
        tokens[step] = sum(result.counts.total * world.tokens[place_of[result.problem_id]] for result in paid)
        whole = sum(
            result.counts.total == size.group_size and 0 < result.counts.correct < size.group_size for result in paid
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
    return float(low), float(middle), float(high)
