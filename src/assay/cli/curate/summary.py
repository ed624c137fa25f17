"""Print the results of a run at its end, and the estimate of a dry run."""

import shlex
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import print_json
from assay.cli.tables import build_table, short_path
from assay.pipelines.stages import pool_stages

SHOWN = 12  # places of the curriculum
OUTCOMES = ("correct", "wrong", "truncated", "error")


def summarise(context: Any, outcomes: Any) -> dict[str, Any]:
    """Return the summary of a run as one JSON document.

    Args:
        context: the run.
        outcomes: the result of each stage.
    """
    from assay.pipelines.analysis.summary import collect_summary
    from assay.pipelines.context.first_attempts import outcome_shares

    stages = {
        outcome.stage: {
            "in": outcome.rows_in,
            "out": outcome.rows_out,
            "nothing_to_do": outcome.reused,
            "partly": outcome.partly,
            **outcome.detail,
        }
        for outcome in outcomes
    }
    first = context.first_attempts
    attempts = {"first_attempts": outcome_shares(first.counts, first.examples)} if first.counts else {}
    return {
        "nothing_to_do": all(outcome.reused for outcome in outcomes),
        "stages": stages,
        **attempts,
        **collect_summary(context, outcomes),
    }


def print_summary(context: Any, outcomes: Any, config: str) -> None:
    """Print the results of a run for people.

    Stages, drops with their reasons, difficulty by source, the curriculum, queries to try, and where the lake lies.

    Args:
        context: the run.
        outcomes: the result of each stage.
        config: the config's path with the command line's overrides, for the next command.
    """
    from assay.pipelines.analysis.summary import BINS, collect_summary

    result, console = collect_summary(context, outcomes), open_console()
    if all(row.reused for row in outcomes):
        console.print("nothing to do: every stage is in the lake", style="bold")
    stages = [
        (row.stage, row.rows_in, row.rows_out, "done before" if row.reused else f"{row.seconds:.1f} s")
        for row in outcomes
    ]
    console.print(build_table("stages", ("stage", "in", "out", "time"), stages))
    if result["dropped"]:
        console.print(
            build_table(
                "\ndropped, and why",
                ("stage", "reason", "rows", "example"),
                [tuple(row.values()) for row in result["dropped"]],
            )
        )
    if result["noticed"]:
        console.print(
            build_table(
                "\nnoticed, and kept",
                ("stage", "reason", "problems", "example"),
                [tuple(row.values()) for row in result["noticed"]],
            )
        )
    _print_difficulty(console, result, BINS)
    _print_disputed(console, result.get("disputed"))
    _print_curriculum(console, result.get("curriculum", []))
    _print_end(console, result, config)


def _print_difficulty(console: Console, result: dict[str, Any], bins: Sequence[str]) -> None:
    """Print the scores by source, with the mean reward where rewards are graded."""
    sources = result.get("difficulty", [])
    is_graded = any(row["reward"] is not None for row in sources)
    rows = [
        (
            row["source"],
            row["kept"],
            "/".join(str(row[name]) for name in OUTCOMES),
            row["mean"],
            *((_format_reward(row["reward"]),) if is_graded else ()),
            *(row["histogram"][name] for name in bins),
        )
        for row in sources
    ]
    title = f"\ndifficulty for {result['policy']}: attempts ({', '.join(OUTCOMES)}), then problems by share solved"
    head = ("source", "kept", "attempts", "mean", *(("reward",) if is_graded else ()), *bins)
    if rows:
        console.print(build_table(title, head, rows))


def _format_reward(reward: float | None) -> str:
    return "-" if reward is None else f"{reward:.2f}"


def _print_disputed(console: Console, disputed: dict[str, Any] | None) -> None:
    """Print the problems that only the lenient reading solves, with examples; nothing where there are none."""
    if not disputed or not disputed["problems"]:
        return
    rows = [
        (row["problem_id"], row["gold"], row["answer"], f"{row['n_correct_lenient']}/{row['n']}", row["reason"])
        for row in disputed["examples"]
    ]
    title = (
        f"\n{disputed['problems']} disputed problems: strict grading accepts no attempt, lenient grading accepts some. "
        "Not selected, since the gold answer or the way of grading may be at fault"
    )
    console.print(
        build_table(title, ("problem", "gold answer", "the model's answer", "accepted leniently", "reason"), rows)
    )


def _print_curriculum(console: Console, places: list[dict[str, Any]]) -> None:
    if not places:
        return
    is_graded = any(place["reward"] is not None for place in places)
    rows = [
        (
            place["position"],
            place["source"],
            *_format_score(place),
            *((_format_reward(place["reward"]),) if is_graded else ()),
            " ".join(place["prompt"].split()),
        )
        for place in places[:SHOWN]
    ]
    more = f" (the first {SHOWN} of {len(places)})" if len(places) > SHOWN else ""
    head = ("place", "source", "solved", "mean", "95% interval", *(("reward",) if is_graded else ()), "prompt")
    console.print(build_table(f"\ncurriculum{more}", head, rows))


def _format_score(place: dict[str, Any]) -> tuple[str, str, str]:
    if place["mean"] is None:
        return "-", "-", "unscored"
    n_answers = place["correct"] + place["wrong"] + place["truncated"]
    cut = f", {place['truncated']} truncated" if place["truncated"] else ""
    solved = f"{place['correct']}/{n_answers}{cut}"
    return solved, f"{place['mean']:.2f}", f"[{place['low']:.2f}, {place['high']:.2f}]"


def _print_end(console: Console, result: dict[str, Any], config: str) -> None:
    costs, lake = result["spent"], short_path(result["lake"])
    generated = "tokens of a recording replayed, none generated," if costs["replayed"] else "tokens generated"
    console.print(
        f"\nspent now: {costs['tokens']} {generated} in {costs['samples']} attempts, {costs['seconds']} s",
        markup=False,
    )
    if result["queries"]:
        console.print("two queries to try:", markup=False)
    for query in result["queries"]:
        console.print(f'  curate sql --lake {shlex.quote(lake)} "{query}"', markup=False, soft_wrap=True)
    catalogue = "" if lake.startswith("s3://") else ", views for other tools in assay.duckdb"
    console.print(f"lake: {lake} (Parquet in tables/{catalogue})", markup=False, soft_wrap=True)
    following = (
        f"next: train run {config}{'' if result['has_weights'] else ' --set train.model=FOLDER (of the served weights)'}"
        if result.get("curriculum")
        else "the curriculum is empty, so there is nothing to train on; the table of drops says why"
    )
    console.print(following, markup=False, soft_wrap=True)


def print_estimate(context: Any, pilot: int, reporter: ConsoleReporter, as_json: bool) -> None:
    """Print the work that is left, stage by stage; with a pilot, an 80% interval of tokens and time.

    Args:
        context: an open run.
        pilot: problems that are attempted for the interval; 0 = none.
        reporter: is warned of a full disk.
        as_json: whether the estimate is printed as JSON.
    """
    from assay.pipelines.analysis.cost_estimate import estimate_cost
    from assay.pipelines.context.first_attempts import advise_on_pilot, format_shares

    estimate = estimate_cost(context, pilot)
    if as_json:
        print_json(estimate)
        return
    rows = [
        (row["stage"], row["state"], ", ".join(f"{count} {unit}" for unit, count in row["left"].items()))
        for row in estimate["stages"]
    ]
    console = open_console()
    console.print(build_table("work before it starts", ("stage", "state", "left"), rows))
    for name in ("tokens", "seconds"):
        low, high = estimate[name] or (None, None)
        interval = (
            "unknown (--pilot N measures it)"
            if low is None
            else f"{low:.0f} to {high:.0f} (80% interval from {estimate['pilot']} problems)"
        )
        console.print(f"{name}: {interval}", markup=False)
    if estimate["outcomes"]:
        console.print("\n".join(format_shares(estimate["outcomes"], "the pilot")), markup=False, soft_wrap=True)
        for line in advise_on_pilot(estimate["outcomes"], context.sampler.max_tokens):
            console.print(line, markup=False, soft_wrap=True)
    console.print(f"disk: {_format_disk(estimate['disk'])}", markup=False)
    if estimate["disk"]["short"]:
        reporter.warn(
            f"not enough disk space: {_format_size(estimate['disk']['bytes'])} needed, "
            f"{_format_size(estimate['disk']['free'])} free"
        )


def _format_disk(disk: dict[str, Any]) -> str:
    if disk["bytes"] is None:
        return f"unknown until {pool_stages()[-1]} is done; {_format_size(disk['free'])} free"
    basis = (
        f"estimated from {disk['attempts']} stored attempts"
        if disk["attempts"]
        else "at most, if every attempt reaches the cap"
    )
    least = f"{_format_size(disk['bytes_min'])} to " if disk["bytes_min"] < disk["bytes"] else ""
    return f"{least}{_format_size(disk['bytes'])} more ({basis}); {_format_size(disk['free'])} free"


def _format_size(count: float) -> str:
    """Return a number of bytes with its unit, for people.

    >>> _format_size(999), _format_size(5 << 20)
    ('999 B', '5.0 MiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
