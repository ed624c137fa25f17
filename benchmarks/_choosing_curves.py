"""What `choosing_study` tells of its runs: rollouts until the held-out probability has risen by a target, and how many times fewer an arm needs."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks._choosing_survival import Crossing, compare_arms

TARGETS = (0.05, 0.10)
MARKS = (8_000, 16_000, 24_000, 32_000, 40_000)
USES = (1, 2, 5)  # trainings over which what was paid before training is spread
RATIOS = (1, 2, 4, 9)  # times as long as an update on a rollout that generating it may take
GROUP_ROLLOUTS = 16 * 8  # that an update trains on
BASES = ("uniform", "uniform, 8 groups", "uniform, 32 groups")  # the best of which is uniform at a tuned batch
Run = dict[str, Any]


def isotonic(values: Sequence[float]) -> NDArray[np.float64]:
    """The non-decreasing curve nearest to the values in squares, by pooling neighbours that violate it.

    >>> isotonic([1.0, 3.0, 2.0]).tolist()
    [1.0, 2.5, 2.5]
    """
    blocks: list[list[float]] = []  # mean, count
    for value in values:
        blocks.append([value, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, count = blocks.pop()
            blocks[-1] = [
                (blocks[-1][0] * blocks[-1][1] + mean * count) / (blocks[-1][1] + count),
                blocks[-1][1] + count,
            ]
    return np.repeat([mean for mean, _ in blocks], [int(count) for _, count in blocks])


def paid_at(run: Run, *, uses: int = 1, generation: float | None = None) -> NDArray[np.float64]:
    """What each point of a run had cost, (points,), in rollouts.

    Args:
        run: one finished run.
        uses: trainings over which the rollouts before the first update are spread.
        generation: how many times as long as the update on a rollout generating it takes; then a rollout that is also trained
            on costs 1, and one that is only generated generation / (generation + 1). None: every rollout costs 1.
    """
    points = run["points"]
    paid = np.array([point["rollouts"] for point in points], dtype=float)
    paid = paid - paid[0] * (1 - 1 / uses)
    if generation is None:
        return paid
    trained = np.array([point["step"] for point in points], dtype=float) * run.get("update_rollouts", GROUP_ROLLOUTS)
    return np.asarray((generation * paid + np.minimum(trained, paid)) / (generation + 1))


def crossing(run: Run, target: float, *, uses: int = 1, generation: float | None = None) -> Crossing:
    """Between which costs the isotonic curve has risen by the target: the last point below it and the first at or above it."""
    paid = paid_at(run, uses=uses, generation=generation)
    level = isotonic([point["held_out"] for point in run["points"]]) - run["points"][0]["held_out"]
    reached = np.flatnonzero(level >= target)
    if not len(reached):
        return Crossing(run["arm"], run["seed"], float(paid[-1]), math.inf)
    first = int(reached[0])
    return Crossing(run["arm"], run["seed"], float(paid[max(first - 1, 0)]), float(paid[first]))


def cost_to(run: Run, target: float, *, uses: int = 1) -> float:
    """Rollouts at which the isotonic curve has risen by the target, linear between its points; infinite where it never has.

    Args:
        run: one finished run.
        target: rise of the held-out probability.
        uses: trainings over which the rollouts before the first update are spread.
    """
    paid, points = paid_at(run, uses=uses), run["points"]
    level = isotonic([point["held_out"] for point in points]) - points[0]["held_out"]
    reached = np.flatnonzero(level >= target)
    if not len(reached):
        return math.inf
    after = reached[0]
    if not after or level[after] == level[after - 1]:
        return float(paid[after])
    share = (target - level[after - 1]) / (level[after] - level[after - 1])
    return float(paid[after - 1] + share * (paid[after] - paid[after - 1]))


def contrasts(runs: Sequence[Run], bases: Sequence[str] = BASES) -> dict[str, dict[str, Any]]:
    """Survival regression per target, use and kind of cost: what `compare_arms` returns.

    A cost by generation : update is told for first uses alone, and later uses for arms alone that pay before training.
    """
    pays_before = {run["arm"] for run in runs if run["points"][0]["rollouts"]}
    found = {}
    for target in TARGETS:
        for uses in USES if pays_before else (1,):
            rows = [run for run in runs if uses == 1 or run["arm"] in {*pays_before, *bases}]
            found[f"+{target:g}, use {uses}"] = compare_arms([crossing(run, target, uses=uses) for run in rows], bases)
        for share in RATIOS:
            name = f"+{target:g}, generation : update {share}"
            found[name] = compare_arms([crossing(run, target, generation=share) for run in runs], bases)
    return found


def pass_at_8_against(runs: Sequence[Run], arm: str, base: str = "uniform") -> dict[str, float] | None:
    """Pass@8 at the end, less the base's on the same seeds: mean and Student's 95% interval; None where two seeds are not shared.

    A run ends when its curve has risen far enough, so an arm is compared at its own end with a base that has had more rollouts.
    """
    ends = {
        name: {run["seed"]: run["points"][-1]["pass_at_8"] for run in runs if run["arm"] == name}
        for name in (arm, base)
    }
    gaps = [ends[arm][seed] - ends[base][seed] for seed in sorted(ends[arm].keys() & ends[base].keys())]
    if len(gaps) < 2:
        return None
    half = float(stats.t.ppf(0.975, len(gaps) - 1)) * statistics.stdev(gaps) / len(gaps) ** 0.5
    mean = statistics.mean(gaps)
    return {"seeds": len(gaps), "mean": mean, "low": mean - half, "high": mean + half}


def ratio(runs: Sequence[Run], arm: str, base: str, target: float, *, uses: int = 1) -> dict[str, Any] | None:
    """How many times fewer rollouts an arm needs than the base, geometric mean over paired seeds with Student's 95% interval of the logs.

    A base that never got there counts with the rollouts that it had, so the ratio is then a lower bound; an arm that never got there
    counts with its own, and the ratio is an upper bound where its base did.
    """
    own = {run["seed"]: run for run in runs if run["arm"] == arm}
    other = {run["seed"]: run for run in runs if run["arm"] == base}
    seeds = sorted(own.keys() & other.keys())
    if len(seeds) < 2:
        return None
    logs, censored = [], {"arm": 0, "base": 0}
    for seed in seeds:
        ends = []
        for name, run in (("arm", own[seed]), ("base", other[seed])):
            cost = cost_to(run, target, uses=uses)
            censored[name] += not math.isfinite(cost)
            ends.append(cost if math.isfinite(cost) else run["points"][-1]["rollouts"])
        logs.append(math.log(ends[1] / ends[0]))
    mean, half = (
        statistics.mean(logs),
        float(stats.t.ppf(0.975, len(logs) - 1)) * statistics.stdev(logs) / len(logs) ** 0.5,
    )
    return {
        "seeds": len(seeds),
        "ratio": math.exp(mean),
        "low": math.exp(mean - half),
        "high": math.exp(mean + half),
        "censored": censored,
    }


def held_out_at(run: Run, rollouts: float) -> float:
    """The measured probability at the last point that had cost at most so much, or the first."""
    points = [point for point in run["points"] if point["rollouts"] <= rollouts] or run["points"][:1]
    return float(points[-1]["held_out"])


def report(runs: Sequence[Run], base: str = "uniform") -> dict[str, Any]:
    """The tables of one pool: numbers, and text in Markdown."""
    arms = list(dict.fromkeys(run["arm"] for run in runs))
    rows = {arm: row_of([run for run in runs if run["arm"] == arm]) for arm in arms}
    ratios = {
        arm: {
            f"+{target:g}, use {uses}": ratio(runs, arm, base, target, uses=uses)
            for target in TARGETS
            for uses in (USES if any(run["points"][0]["rollouts"] for run in runs if run["arm"] == arm) else (1,))
        }
        for arm in arms
        if arm != base
    }
    regression = contrasts(runs)
    pass_at_8 = {arm: pass_at_8_against(runs, arm, base) for arm in arms if arm != base}
    text = f"{table(rows)}\n\n{ratio_table(ratios)}\n\n{contrast_table(regression)}"
    return {"rows": rows, "ratios": ratios, "contrasts": regression, "pass_at_8": pass_at_8, "text": text}


def row_of(runs: Sequence[Run]) -> dict[str, Any]:
    """Means over the seeds of one arm; a run that has ended early keeps its last value at later marks."""
    costs = {f"{target:g}": [cost_to(run, target) for run in runs] for target in TARGETS}
    return {
        "seeds": len(runs),
        "start": statistics.mean(run["points"][0]["held_out"] for run in runs),
        "at": {str(mark): statistics.mean(held_out_at(run, mark) for run in runs) for mark in MARKS},
        "median_rollouts": {target: statistics.median(values) for target, values in costs.items()},
        "reached": {target: sum(math.isfinite(value) for value in values) for target, values in costs.items()},
        "alive": statistics.mean(run["alive_fraction"] for run in runs),
        "mixed": statistics.mean(run["mixed"] / run["groups"] for run in runs),
        "pass_at_8": statistics.mean(run["points"][-1]["pass_at_8"] for run in runs),
        "entropy": statistics.mean(run["points"][-1]["entropy"] for run in runs),
        "cpu_seconds": statistics.mean(run["cpu_seconds"] for run in runs),
    }


def table(rows: dict[str, Any]) -> str:
    """Markdown, one row per arm."""
    head = ["arm", "seeds", "start", *(f"{mark // 1000}k" for mark in MARKS)]
    head += [f"rollouts to +{target:g} (reached)" for target in TARGETS] + [
        "alive",
        "mixed",
        "pass@8 at the end",
        "entropy",
        "CPU s",
    ]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for arm, row in rows.items():
        cells = [arm, str(row["seeds"]), f"{row['start']:.3f}", *(f"{row['at'][str(mark)]:.3f}" for mark in MARKS)]
        cells += [f"{row['median_rollouts'][f'{t:g}']:,.0f} ({row['reached'][f'{t:g}']})" for t in TARGETS]
        cells += [f"{row['alive']:.0%}", f"{row['mixed']:.0%}", f"{row['pass_at_8']:.3f}", f"{row['entropy']:.2f}"]
        lines.append("| " + " | ".join([*cells, f"{row['cpu_seconds']:.0f}"]) + " |")
    return "\n".join(lines)


def ratio_table(ratios: dict[str, Any]) -> str:
    """Markdown, one row per contrast with the base."""
    lines = [
        "| times fewer rollouts than uniform | target | seeds | ratio [95%] | never reached: arm, uniform |",
        "|---|---|---|---|---|",
    ]
    for arm, targets in ratios.items():
        for target, found in targets.items():
            if found:
                missing = found["censored"]
                interval = f"{found['ratio']:.2f} [{found['low']:.2f}, {found['high']:.2f}]"
                lines.append(
                    f"| {arm} | {target} | {found['seeds']} | {interval} | {missing['arm']}, {missing['base']} |"
                )
    return "\n".join(lines)


def contrast_table(found: dict[str, dict[str, Any]]) -> str:
    """Markdown, one row per contrast and kind of cost."""
    lines = [
        "| survival regression: times fewer rollouts | cost | ratio [95%] | p by Holm | censored: arm, base |",
        "|---|---|---|---|---|",
    ]
    for cost, rows in found.items():
        for name, row in rows.items():
            told = {"none": "-", "lower": f"> {row['low']:.2f}", "upper": f"< {row['high']:.2f}"}.get(
                row["bound"], f"{row['ratio']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
            )
            more = ", more seeds" if row["more_seeds"] else ""
            p = f"{row['holm']:.3f}" if "holm" in row else ""
            shares = f"{row['censored']['arm']:.0%}, {row['censored']['base']:.0%}"
            lines.append(f"| {name} | {cost} | {told}{more} | {p} | {shares} |")
    return "\n".join(lines)
