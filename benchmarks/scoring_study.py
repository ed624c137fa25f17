"""What adaptive scoring saves, and whether its posteriors mean what they say: simulated pools, and a replay of recorded rollouts.

Pools of 1,000 problems: `thinklite`, Beta(.82, .39) with 6.5% unsolvable (the fit to ThinkLite-VL's survival curve); `hard`, Beta(.3, 1.5);
`ushape`, Beta(.25, .25); `replay`, the 360 x 64 recorded rollouts of the tiny model, their order shuffled by the seed. On `replay` these rollouts
are also the truth, so that n = 64 makes no mistake there; on `held_out` the truth is 256 others, of another seed (`tiny_held_out.csv`:
examples/recordings/tiny.toml with seed 1 and score.n 256). Answers of a simulated problem take 400 (1 + 1.5 (1 - p)) tokens on average, spread
by .3 in log between problems, and wrong ones 1.3 times as many: hard problems run longer. The value of a selection is the sum of its true group
signals, 1 - p^G - (1 - p)^G, of recorded problems without bias. The design's constants were chosen on seeds 0 to 19; later ones are reported.

Plain designs: the same n for all, and two stages (n1 for all, then n2 for a share of the pool whose expected signal is nearest to the cut, or for
twice the budget from the top), each ranked under Jeffreys' prior and under a prior fitted to the pool. At a value, their cost is read off the upper
concave envelope over all of them, so mixtures count too and the best always counts. Intervals are 95%, Student's t over a jackknife of the seeds.
"""

import argparse
import csv
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from assay.maths.beta.two_betas import RatePrior, fit_rate_prior
from assay.maths.beta.zero_inflated_beta import ZeroInflatedBeta
from assay.maths.rl.group_signal import group_signal, observed_signal
from assay.scorers.pass_rate.allocation import Allocation, FitPrior, Goal, run_allocation
from benchmarks.claims import RESULTS, Claim, hardware, publish

MOST, PROBLEMS, FIRST, SEEDS, QUICK = 64, 1000, 100, 20, 5
FIXED = (4, 8, 16, 24, 32, 64)
STAGES = [(first, then, near) for first in (2, 4, 8) for then in (16, 32, 64) for near in (0.1, 0.25, 0.5, "top")]
BUDGETS = (0.05, 0.1, 0.2, 0.3, 0.5)
COMPARED = (0.05, 0.2, 0.5)  # with every plain design
ALLOWED = {0.05: 0.2, 0.1: 0.2, 0.2: 0.33, 0.3: 0.33, 0.5: 0.4}  # share of fixed n = 64's rollouts
GROUPS = (8, 16)
BANDS = ((0.2, 0.8), (0.1, 0.9), (0.25, 0.75), (0.05, 0.5))
POOLS = ("thinklite", "hard", "ushape", "replay", "held_out")
HELD_OUT = Path(__file__).with_name("tiny_held_out.csv")
DESIGN = Allocation()
JEFFREYS = ZeroInflatedBeta.of(0.5, 0.5)


@dataclass(frozen=True)
class Drawn:
    """One seed of a pool: outcomes of 64 attempts at each problem, summed up from the first, and the tokens likewise."""

    right: np.ndarray  # (n, 65)
    tokens: np.ndarray  # (n, 65)
    rate: np.ndarray  # (n,) true rates; of recorded problems the share of the attempts that are the truth
    attempts: np.ndarray | None = None  # (n,) that these shares are of; None = the rates are known
    priors: dict[int, RatePrior] = field(default_factory=dict)

    def prior(self, name: str, n: int) -> RatePrior:
        """Jeffreys', or the one fitted to the first n attempts at each, once."""
        if name == "jeffreys":
            return JEFFREYS
        if n not in self.priors:
            self.priors[n] = fit_rate_prior(self.right[:, n], n - self.right[:, n])
        return self.priors[n]

    def value(self, group_size: int) -> np.ndarray:
        """The true group signal of each, (n,)."""
        if self.attempts is None:
            return group_signal(self.rate, group_size)
        return observed_signal(np.rint(self.rate * self.attempts).astype(np.int64), self.attempts, group_size)


def draw(name: str, seed: int) -> Drawn:
    """The pool of one seed."""
    rng = np.random.default_rng([seed, POOLS.index(name)])
    if name in ("replay", "held_out"):
        ids, won, took = recorded()
        order = rng.permuted(np.tile(np.arange(MOST), (len(won), 1)), axis=1)
        won, took = np.take_along_axis(won, order, 1), np.take_along_axis(took, order, 1)
        solved, attempts = (won.sum(axis=1), np.full(len(won), MOST)) if name == "replay" else held_out(ids)
        return Drawn(summed(won), summed(took), solved / attempts, attempts)
    rate = rates(name, PROBLEMS, rng)
    won = rng.random((PROBLEMS, MOST)) < rate[:, None]
    mean = 400 * (1 + 1.5 * (1 - rate)) * np.exp(rng.normal(scale=0.3, size=PROBLEMS))
    took = rng.gamma(4.0, mean[:, None] / 4, size=won.shape) * np.where(won, 1.0, 1.3)
    return Drawn(summed(won), summed(np.rint(took)), rate)


def rates(name: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """True pass rates."""
    a, b, never = {"thinklite": (0.82, 0.39, 0.065), "hard": (0.3, 1.5, 0.0), "ushape": (0.25, 0.25, 0.0)}[name]
    return np.where(rng.random(n) < never, 0.0, rng.beta(a, b, n))


def recorded() -> tuple[list[str], np.ndarray, np.ndarray]:
    """Problems of the bundled recording, and outcomes and tokens of their attempts, (360, 64) each."""
    import pyarrow.parquet as parquet

    table = parquet.read_table(
        str(files("assay") / "data" / "recordings" / "tiny.parquet"),
        columns=["problem_id", "sample", "tokens", "outcome"],
    )
    rows = table.sort_by([("problem_id", "ascending"), ("sample", "ascending")])
    won = np.array([outcome == "correct" for outcome in rows["outcome"].to_pylist()], dtype=np.int64)
    return rows["problem_id"].to_pylist()[::MOST], won.reshape(-1, MOST), rows["tokens"].to_numpy().reshape(-1, MOST)


def held_out(ids: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """How many of how many other attempts at each of these problems were right, (360,) each."""
    with HELD_OUT.open(newline="") as lines:
        told = {row["problem_id"]: (int(row["solved"]), int(row["attempts"])) for row in csv.DictReader(lines)}
    solved, attempts = np.array([told[id_] for id_ in ids]).T
    return solved, attempts


def summed(each: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros((len(each), 1), np.int64), np.cumsum(each, axis=1, dtype=np.int64)], axis=1)


def best(right: np.ndarray, tried: np.ndarray, budget: int, group_size: int, prior: RatePrior) -> np.ndarray:
    """The rows that are selected on this evidence."""
    signal = prior.posterior(right, tried - right).signal(group_size)
    return np.argsort(-np.round(signal, 12), kind="stable")[:budget]


def plain(drawn: Drawn, budget: int, group_size: int, value: np.ndarray) -> dict[str, tuple[float, float]]:
    """{design: (tokens, value of its selection)} of every plain design."""
    everyone, told = np.arange(len(value)), {}
    for name in ("jeffreys", "fitted"):
        for n in FIXED:
            kept = best(drawn.right[:, n], np.full(len(value), n), budget, group_size, drawn.prior(name, n))
            told[f"fixed {n} {name}"] = float(drawn.tokens[:, n].sum()), float(value[kept].sum())
        for first, then, near in STAGES:
            tried, prior = np.full(len(value), first), drawn.prior(name, first)
            tried[second(drawn.right[:, first], first, budget, group_size, near, prior)] = then
            kept = best(drawn.right[everyone, tried], tried, budget, group_size, prior)
            told[f"{first} then {then} {near} {name}"] = (
                float(drawn.tokens[everyone, tried].sum()),
                float(value[kept].sum()),
            )
    return told


def second(
    right: np.ndarray, first: int, budget: int, group_size: int, near: float | str, prior: RatePrior
) -> np.ndarray:
    """Whom the second stage tops up."""
    ranked = best(right, np.full(len(right), first), len(right), group_size, prior)
    if near == "top":
        return ranked[: 2 * budget]
    half = round(len(right) * float(near)) // 2
    start = min(max(0, budget - half), len(right) - 2 * half)
    return ranked[start : start + 2 * half]


def asker(drawn: Drawn, hear: Callable[[np.ndarray], None] = lambda tried: None) -> Callable[..., Any]:
    """Complete waves out of the drawn attempts; `hear` is told of everyone's attempts before each."""
    tried = np.zeros(len(drawn.rate), np.int64)

    def ask(rows: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, ...]:
        hear(tried)
        tried[rows] = wanted
        right = drawn.right[rows, wanted]
        return rows, right, wanted - right, wanted, drawn.tokens[rows, wanted]

    return ask


def fit(evidence: Any, rows: np.ndarray) -> RatePrior:
    return fit_rate_prior(evidence.correct, evidence.wrong)


def ours(drawn: Drawn, budget: int, group_size: int, value: np.ndarray, prior_of: FitPrior = fit) -> dict[str, Any]:
    """Tokens, value and rollouts where it stops by itself, and tokens and value after each wave before."""
    everyone, curve, priors = np.arange(len(value)), list[tuple[float, float]](), list[RatePrior]()

    def fit_kept(evidence: Any, rows: np.ndarray) -> RatePrior:
        priors.append(prior_of(evidence, rows))
        return priors[-1]

    def hear(tried: np.ndarray) -> None:
        if priors:
            kept = best(drawn.right[everyone, tried], tried, budget, group_size, priors[-1])
            curve.append((float(drawn.tokens[everyone, tried].sum()), float(value[kept].sum())))

    seen, prior, _ = run_allocation(len(value), DESIGN, Goal(budget, group_size), asker(drawn, hear), fit_kept)
    kept = best(seen.correct, seen.attempts, budget, group_size, prior)
    stopped = float(seen.tokens.sum()), float(value[kept].sum()), float(seen.attempts.sum())
    return {
        "stopped": stopped,
        "curve": [*curve, stopped[:2]],
        "uniform": uniform(drawn, stopped[0], budget, group_size, value),
    }


def uniform(drawn: Drawn, tokens: float, budget: int, group_size: int, value: np.ndarray) -> float:
    """The value that equal attempts for all bring at the same cost, the last attempt going to as many as it lasts for; the better of two priors."""
    total = drawn.tokens.sum(axis=0)
    n = int(np.searchsorted(total, tokens, side="right")) - 1
    tried = np.full(len(value), n)
    if n < MOST:
        tried[: int(len(value) * (tokens - total[n]) / (total[n + 1] - total[n]))] += 1
    rows = np.arange(len(value))
    return max(
        float(value[best(drawn.right[rows, tried], tried, budget, group_size, drawn.prior(name, n))].sum())
        for name in ("jeffreys", "fitted")
    )


def envelope(points: np.ndarray, at: float) -> float:
    """The least tokens at which the upper concave envelope of (tokens, value) reaches a value; the dearest design's where none does."""
    order = points[np.lexsort((-points[:, 1], points[:, 0]))]
    hull: list[np.ndarray] = []
    for point in order:
        while len(hull) > 1 and above(hull[-2], hull[-1], point):
            hull.pop()
        if not hull or point[1] > hull[-1][1]:
            hull.append(point)
    tokens, value = np.array(hull).T
    return float(np.interp(at, value, tokens))


def above(first: np.ndarray, middle: np.ndarray, last: np.ndarray) -> bool:
    """Whether the middle point lies on or under the line from the first to the last."""
    return bool((middle[0] - first[0]) * (last[1] - first[1]) >= (middle[1] - first[1]) * (last[0] - first[0]))


def reached(curve: np.ndarray, at: float) -> float:
    """Tokens at which the mean curve first reaches a value."""
    tokens, value = curve[:, 0], np.maximum.accumulate(curve[:, 1])
    return float(np.interp(at, value, tokens)) if value[-1] >= at else float("nan")


def gridded(curve: list[tuple[float, float]], scale: float) -> np.ndarray:
    """A curve at even shares of the tokens of n = 64, (181, 2): seeds end waves at different tokens, and stay where they stopped."""
    given = np.array(curve)
    grid = np.linspace(0, 0.45, 181)
    return np.stack([grid, np.interp(grid, given[:, 0] / scale, given[:, 1], left=0.0)], axis=1)


def cell(name: str, share: float, group_size: int, drawn_by_seed: list[Drawn]) -> dict[str, Any]:
    """One pool, budget and group size: everything that is claimed of it."""
    rows = []
    compared = share in COMPARED
    for drawn in drawn_by_seed:
        value = drawn.value(group_size)
        budget, scale = round(share * len(value)), float(drawn.tokens[:, -1].sum())
        made = ours(drawn, budget, group_size, value)
        full = float(
            value[
                best(drawn.right[:, MOST], np.full(len(value), MOST), budget, group_size, drawn.prior("fitted", MOST))
            ].sum()
        )
        others = plain(drawn, budget, group_size, value) if compared else {}
        rows.append((made, others, scale, full, MOST * len(value), gridded(made["curve"], scale) if compared else None))
    ratio = np.array([made["stopped"][1] / full for made, _, _, full, _, _ in rows])
    rollouts = np.array([made["stopped"][2] / whole for made, _, _, _, whole, _ in rows])
    lead = np.array([(made["stopped"][1] - made["uniform"]) / full for made, _, _, full, _, _ in rows])
    saved = {level: jackknife(rows, level) if compared else None for level in ("stopped", "fixed 16")}
    return {
        "pool": name,
        "budget": share,
        "G": group_size,
        "ratio": ratio.mean(),
        "least": ratio.min(),
        "rollouts": rollouts.mean(),
        "lead": lead.mean(),
    } | {f"saved at {level}": told for level, told in saved.items()}


def jackknife(rows: list[Any], level: str) -> list[float] | None:
    """The share of tokens saved at a level, and the ends of its interval; None where a run stopped before it got there."""
    count = len(rows)
    whole = saving(rows, level)
    parts = np.array([saving(rows[:i] + rows[i + 1 :], level) for i in range(count)])
    if not np.isfinite([whole, *parts]).all():
        return None  # ours stopped before that level
    pseudo = count * whole - (count - 1) * parts
    half = stats.t.ppf(0.975, count - 1) * pseudo.std(ddof=1) / count**0.5
    return [whole, float(whole - half), float(whole + half)]


def saving(rows: list[Any], level: str) -> float:
    """1 - our tokens / theirs, both as shares of the tokens of n = 64, on means over seeds."""
    names = rows[0][1].keys()
    points = np.array(
        [np.mean([[row[1][name][0] / row[2], row[1][name][1]] for row in rows], axis=0) for name in names]
    )
    if level == "stopped":
        mine, at = np.mean([[row[0]["stopped"][0] / row[2], row[0]["stopped"][1]] for row in rows], axis=0)
        return float(1 - mine / envelope(points, at))
    at = max(point[1] for name, point in zip(names, points, strict=True) if name.startswith(f"{level} "))
    return 1 - reached(np.mean([row[5] for row in rows], axis=0), at) / envelope(points, at)


def band(name: str, low: float, high: float, drawn_by_seed: list[Drawn]) -> dict[str, Any]:
    """Wrong sides of a band beside those of n = 64, in points, and the share of its rollouts."""
    extra, full, used = [], [], []
    for drawn in drawn_by_seed:
        truth = (drawn.rate >= low) & (drawn.rate <= high)
        seen, prior, _ = run_allocation(len(truth), DESIGN, Goal(0, 8, low, high), asker(drawn), fit)
        mine = (prior.posterior(seen.correct, seen.wrong).inside(low, high) > 0.5) != truth
        right = drawn.right[:, -1]
        theirs = min(
            ((b.posterior(right, MOST - right).inside(low, high) > 0.5) != truth).mean()
            for b in (fit_rate_prior(right, MOST - right), ZeroInflatedBeta.of(0.5, 0.5))
        )
        (
            extra.append(100 * (mine.mean() - theirs)),
            full.append(100 * theirs),
            used.append(seen.attempts.sum() / (MOST * len(truth))),
        )
    half = stats.t.ppf(0.975, len(extra) - 1) * np.std(extra, ddof=1) / len(extra) ** 0.5
    return {
        "pool": name,
        "band": [low, high],
        "extra": float(np.mean(extra)),
        "half": float(half),
        "errors": np.mean(full),
        "rollouts": np.mean(used),
    }


def coverage(name: str, how: str, drawn_by_seed: list[Drawn]) -> dict[str, Any]:
    """Covered shares of 95% intervals over a pool and by bins of the true rate; `how` is a prior with n = 8 or 64, or `stopped`, fitted."""
    inside, true = [], []
    for drawn in drawn_by_seed:
        if how == "stopped":
            seen, prior, _ = run_allocation(
                len(drawn.rate), DESIGN, Goal(round(0.2 * len(drawn.rate)), 8), asker(drawn), fit
            )
            right, wrong = seen.correct, seen.wrong
        else:
            named, n = how.split()
            right = drawn.right[:, int(n)]
            wrong = int(n) - right
            prior = ZeroInflatedBeta.of(0.5, 0.5) if named == "jeffreys" else fit_rate_prior(right, wrong)
        low, high = prior.posterior(right, wrong).interval(right, wrong)
        inside.append((low <= drawn.rate) & (drawn.rate <= high)), true.append(drawn.rate)
    covered, rate = np.concatenate(inside), np.concatenate(true)
    edges = (0.0, 1e-9, 0.05, 0.2, 0.5, 0.8, 0.95, 1.0)
    bins = [
        float(covered[(rate >= a) & (rate < b if b < 1 else rate <= b)].mean())
        for a, b in pairwise(edges)
        if ((rate >= a) & (rate < b)).any()
    ]
    return {"pool": name, "how": how, "covered": float(covered.mean()), "bins": bins}


def main() -> None:
    """Runs the study and prints its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} seeds")
    parser.add_argument(
        "--only", choices=POOLS, action="append", help="one pool; results of earlier runs are kept for the others"
    )
    given = parser.parse_args()
    seeds, began = QUICK if given.quick else SEEDS, time.monotonic()
    where = RESULTS / "scoring_study_cells.json"
    pools = given.only or POOLS
    found = [of_pool(name, seeds) for name in pools]
    old = json.loads(where.read_text()) if where.exists() and given.only else {"cells": [], "bands": [], "coverage": []}
    cells, bands, covered = (
        kept(old[key], pools) + [row for each in found for row in each[key]] for key in ("cells", "bands", "coverage")
    )
    where.write_text(
        json.dumps(
            {"hardware": hardware(), "seeds": seeds, "cells": cells, "bands": bands, "coverage": covered}, indent=1
        )
        + "\n"
    )
    show(cells, bands, covered)
    publish("scoring_study", claims(cells, bands, covered))
    print(f"{seeds} seeds, {time.monotonic() - began:.0f} s")


def of_pool(name: str, seeds: int) -> dict[str, list[dict[str, Any]]]:
    """Everything about one pool; bands and coverage need known rates."""
    seen = [draw(name, seed) for seed in range(FIRST, FIRST + seeds)]
    cells = [cell(name, share, size, seen) for share in BUDGETS for size in GROUPS]
    if seen[0].attempts is not None:
        return {"cells": cells, "bands": [], "coverage": []}
    covered = [coverage(name, how, seen) for how in ("jeffreys 8", "jeffreys 64", "fitted 8", "fitted 64", "stopped")]
    return {"cells": cells, "bands": [band(name, *each, seen) for each in BANDS], "coverage": covered}


def kept(rows: list[dict[str, Any]], anew: Any) -> list[dict[str, Any]]:
    return [row for row in rows if row["pool"] not in anew]


def show(cells: list[dict[str, Any]], bands: list[dict[str, Any]], covered: list[dict[str, Any]]) -> None:
    """Markdown tables of everything."""
    levels = [key for key in cells[0] if key.startswith("saved")]
    print(
        f"| pool | budget | G | of n = 64's signal | least seed | rollouts | over uniform | {' | '.join(levels)} |\n|{'---|' * (7 + len(levels))}"
    )
    for row in cells:
        saved = " | ".join(
            f"{row[level][0]:.0%} [{row[level][1]:.0%}, {row[level][2]:.0%}]" if row[level] else "" for level in levels
        )
        first = f"{row['pool']} | {row['budget']:.0%} | {row['G']} | {row['ratio']:.4f} | {row['least']:.4f} | {row['rollouts']:.3f}"
        print(f"| {first} | {row['lead']:+.3f} | {saved} |")
    print("\n| pool | band | errors of n = 64, % | ours beyond, points | rollouts |\n|---|---|---|---|---|")
    for row in bands:
        print(
            f"| {row['pool']} | {row['band']} | {row['errors']:.2f} | {row['extra']:+.2f} ± {row['half']:.2f} | {row['rollouts']:.3f} |"
        )
    print(
        "\n| pool | intervals | covered | by bins of the true rate: 0, to .05, .2, .5, .8, .95, 1 |\n|---|---|---|---|"
    )
    for row in covered:
        print(
            f"| {row['pool']} | {row['how']} | {row['covered']:.3f} | {' '.join(f'{each:.2f}' for each in row['bins'])} |"
        )


def claims(cells: list[dict[str, Any]], bands: list[dict[str, Any]], covered: list[dict[str, Any]]) -> list[Claim]:
    """The bars."""
    asked = [row for row in cells if row["budget"] in COMPARED]
    stopped = [row for row in cells if row["budget"] != 0.2]
    saved = [row["saved at stopped"] for row in asked]
    over = max(row["rollouts"] / ALLOWED[row["budget"]] for row in stopped)
    mean, least, low = (
        np.mean([each[0] for each in saved]),
        min(each[0] for each in saved),
        min(each[1] for each in saved),
    )
    told = [
        (
            "tokens saved at equal true signal against the best plain design, mean over cells",
            mean,
            0.3,
            ">= 0.3",
            mean >= 0.3,
        ),
        ("the same, the worst cell", least, 0.3, ">= 0.3", least >= 0.3),
        ("lower end of its interval, the worst cell", low, 0.0, "> 0", low > 0),
        (
            "share of n = 64's signal, mean of the worst cell",
            min(row["ratio"] for row in stopped),
            0.99,
            ">= 0.99",
            None,
        ),
        ("share of n = 64's signal, the worst seed", min(row["least"] for row in stopped), 0.98, ">= 0.98", None),
        ("rollouts over those allowed, the worst cell", over, 1.0, "<= 1", over <= 1),
        (
            "lead over equal attempts at equal cost, the worst cell",
            min(row["lead"] for row in cells),
            0.0,
            "> 0",
            min(row["lead"] for row in cells) > 0,
        ),
    ]
    if bands:
        worst, most = max(row["extra"] for row in bands), max(row["rollouts"] for row in bands)
        told.append(
            (
                "band decisions: errors beyond those of n = 64, points, the worst cell",
                worst,
                0.5,
                "<= 0.5",
                worst <= 0.5,
            )
        )
        told.append(("band decisions: share of n = 64's rollouts, the worst cell", most, 0.55, "<= 0.55", most <= 0.55))
    if covered:
        ends = [row["covered"] for row in covered]
        told.append(("coverage of 95% intervals over a pool, the least", min(ends), 0.94, ">= 0.94", min(ends) >= 0.94))
        told.append(("coverage of 95% intervals over a pool, the most", max(ends), 0.98, "<= 0.98", max(ends) <= 0.98))
    return [
        Claim(
            words,
            float(ours_),
            bar,
            float(ours_) / bar if bar else float(ours_),
            text,
            bool(ours_ >= bar if holds is None else holds),
            "share",
        )
        for words, ours_, bar, text, holds in told
    ]


if __name__ == "__main__":
    main()
