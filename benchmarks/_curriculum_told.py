"""What `curriculum_study` says of its runs: accuracy with intervals over seeds, differences on the same seeds, a plot of accuracy against cost."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assay.maths.rl.evaluation import detectable_difference, mean_interval

Runs = Sequence[dict[str, Any]]
CONTRASTS = (  # (arm, what it is compared with) beside every arm with the first
    ("informative", "dynamic"),
    ("informative + dynamic", "dynamic"),
    ("informative + dynamic", "informative"),
)


def of(runs: Runs, arm: str) -> dict[int, dict[str, Any]]:
    """The runs of an arm by seed."""
    return {run["seed"]: run for run in runs if run["arm"] == arm}


def at(run: dict[str, Any], mark: str) -> dict[str, Any]:
    """The point at which a mark was measured."""
    return next(point for point in run["points"] if mark in point["marks"])


def difference(runs: Runs, arm: str, base: str, mark: str, *, level: float = 0.95) -> dict[str, Any]:
    """arm - base at a mark, on the seeds that both have: mean, low, high, the detectable difference, and the number of seeds."""
    first, second = of(runs, base), of(runs, arm)
    seeds = sorted(set(first) & set(second))
    before, after = ([at(each[seed], mark)["accuracy"] for seed in seeds] for each in (first, second))
    mean, low, high = mean_interval(np.subtract(after, before), level=level, bounds=None)
    least = detectable_difference([b - a for a, b in zip(before, after, strict=True)])
    return {"mean": mean, "low": low, "high": high, "detectable": least, "seeds": len(seeds)}


def summary(runs: Runs, arms: Sequence[str], mark: str) -> list[dict[str, Any]]:
    """One row an arm at one mark; the first arm is what the others are compared with."""
    return [row(runs, arm, arms[0], mark, len(arms) - 1) for arm in arms if of(runs, arm)]


def row(runs: Runs, arm: str, base: str, mark: str, contrasts: int) -> dict[str, Any]:
    """An arm's accuracy, its difference to the base with an ordinary and a Bonferroni interval, and what its groups told."""
    own = list(of(runs, arm).values())
    points = [at(run, mark) for run in own]
    mean, low, high = mean_interval([point["accuracy"] for point in points], bounds=None)
    against = difference(runs, arm, base, mark) if arm != base else None
    strict = difference(runs, arm, base, mark, level=1 - 0.05 / contrasts) if arm != base else None
    return {
        "arm": arm,
        "seeds": len(own),
        "accuracy": [mean, low, high],
        "difference": against,
        "beyond_chance": bool(
            strict and strict["low"] * strict["high"] > 0
        ),  # also with the level divided by the number of contrasts
        "signal": statistics.mean(run["groups_mixed"] / run["groups"] for run in own),
        "kept_a_step": statistics.mean(run["kept_a_step"] for run in own),
        "steps": statistics.mean(point["step"] for point in points),
        "seconds": statistics.mean(point["seconds"] for point in points),
        "rollouts": statistics.mean(point["rollouts"] for point in points),
        "seconds_before_training": statistics.mean(run["before_training"]["seconds"] for run in own),
        "problems": statistics.mean(run["problems"] for run in own),
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown."""
    head = (
        "arm",
        "seeds",
        "held-out accuracy [95%]",
        "difference to the first [95%]",
        "detectable",
        "groups with signal",
        "of them trained a step",
    )
    head = (*head, "steps", "seconds", "of them before training", "rollouts")
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for each in rows:
        mean, low, high = each["accuracy"]
        cells = [
            each["arm"],
            str(each["seeds"]),
            f"{mean:.3f} [{low:.3f}, {high:.3f}]",
            *compared(each["difference"], each["beyond_chance"]),
        ]
        cells += [
            f"{each['signal']:.0%}",
            f"{each['kept_a_step']:.1f}",
            f"{each['steps']:.0f}",
            f"{each['seconds']:.1f}",
        ]
        lines.append(
            "| " + " | ".join([*cells, f"{each['seconds_before_training']:.1f}", f"{each['rollouts']:.0f}"]) + " |"
        )
    return "\n".join(lines)


def compared(against: dict[str, Any] | None, beyond: bool) -> list[str]:
    """A difference with its interval, and the detectable one; a star where it holds for all contrasts together."""
    if against is None:
        return ["", ""]
    return [
        f"{against['mean']:+.3f} [{against['low']:+.3f}, {against['high']:+.3f}]{' *' if beyond else ''}",
        f"{against['detectable']:.3f}",
    ]


def told(runs: Runs, arms: Sequence[str], marks: Sequence[str]) -> str:
    """Both accountings, and the contrasts that answer the study's other questions."""
    parts, strict = [], f"* = the interval excludes 0 also at level 1 - .05 / {max(1, len(arms) - 1)}"
    for mark in marks:
        parts.append(f"At {mark} ({strict}):\n\n{table(summary(runs, arms, mark))}")
        rows = [
            (arm, base, difference(runs, arm, base, mark))
            for arm, base in CONTRASTS
            if of(runs, arm) and of(runs, base)
        ]
        parts += [
            f"{arm} - {base}, {found['seeds']} seeds: {', detectable '.join(compared(found, False))}"
            for arm, base, found in rows
        ]
    return "\n\n".join(parts)


def plot(runs: Runs, arms: Sequence[str], marks: Sequence[str], where: Path) -> None:
    """Accuracy against seconds and against rollouts: means over seeds at each mark, with the interval of the last."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    before = statistics.mean(run["points"][0]["accuracy"] for run in runs)  # the same policy in all of them
    figure, panels = pyplot.subplots(1, 2, figsize=(11, 4.6), sharey=True)
    for panel, unit in zip(panels, ("seconds", "rollouts"), strict=True):
        named = sorted((mark for mark in marks if mark.endswith(unit)), key=lambda mark: float(mark.split()[0]))
        for place, arm in enumerate(arms):
            if own := list(of(runs, arm).values()):
                curve(panel, own, arm, unit, named, place=place, before=before)
        panel.set_xlabel(
            {"seconds": "accounted seconds, scoring included", "rollouts": "rollouts, scoring included"}[unit]
        )
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("held-out accuracy")
    panels[1].legend(fontsize=8, loc="lower right")
    figure.tight_layout()
    figure.savefig(where, dpi=110)


def curve(
    panel: Any, own: Sequence[dict[str, Any]], arm: str, unit: str, marks: Sequence[str], *, place: int, before: float
) -> None:
    """One arm: the policy before training once that is paid for, then the mean at each mark; intervals stand side by side."""
    points = [[at(run, mark) for run in own] for mark in marks]
    x = [
        statistics.mean(run["before_training"][unit] for run in own),
        *(statistics.mean(point[unit] for point in each) for each in points),
    ]
    y = [mean_interval([point["accuracy"] for point in each], bounds=None) for each in points]
    style = {"color": "black", "linewidth": 2.0} if place == 0 else {"color": f"C{place}", "linewidth": 1.2}
    panel.plot(x, [before, *(mean for mean, _, _ in y)], marker="o", markersize=3, label=f"{arm} ({len(own)})", **style)
    mean, low, high = y[-1]
    panel.errorbar(
        [x[-1] * (1.01 + 0.012 * place)], [mean], yerr=[[mean - low], [high - mean]], capsize=2, marker=".", **style
    )
