"""What a run prints at its end, and what a dry run prints before."""

import shlex
from typing import Any

from rich.console import Console

from assay.cli.console import ConsoleReporter, page
from assay.cli.runner import emit
from assay.cli.tables import table

SHOWN = 12  # lessons
OUTCOMES = ("correct", "wrong", "truncated", "error")


def machine(context: Any, outcomes: Any) -> dict[str, Any]:
    """The summary as one JSON document."""
    from assay.pipelines.analysis.summary import summary
    from assay.pipelines.context.first_attempts import shares

    stages = {
        each.stage: {
            "in": each.rows_in,
            "out": each.rows_out,
            "nothing_to_do": each.reused,
            "partly": each.partly,
            **each.detail,
        }
        for each in outcomes
    }
    first = context.first_attempts
    told = {"first_attempts": shares(first.counts, first.examples)} if first.counts else {}
    return {
        "nothing_to_do": all(each.reused for each in outcomes),
        "stages": stages,
        **told,
        **summary(context, outcomes),
    }


def human(context: Any, outcomes: Any, config: str) -> None:
    """Kept and dropped and why, difficulty by source, the curriculum, queries to try, where everything lies."""
    from assay.pipelines.analysis.summary import BINS, summary

    made, console = summary(context, outcomes), page()
    if all(each.reused for each in outcomes):
        console.print("nothing to do: every stage is in the lake", style="bold")
    stages = [
        (each.stage, each.rows_in, each.rows_out, "done before" if each.reused else f"{each.seconds:.1f} s")
        for each in outcomes
    ]
    console.print(table("stages", ("stage", "in", "out", "time"), stages))
    if made["dropped"]:
        console.print(
            table(
                "\ndropped, and why",
                ("stage", "reason", "rows", "example"),
                [tuple(row.values()) for row in made["dropped"]],
            )
        )
    if made["noticed"]:
        console.print(
            table(
                "\nnoticed, and kept",
                ("stage", "reason", "problems", "example"),
                [tuple(row.values()) for row in made["noticed"]],
            )
        )
    rows = [
        (
            each["source"],
            each["kept"],
            "/".join(str(each[name]) for name in OUTCOMES),
            each["mean"],
            *(each["histogram"][name] for name in BINS),
        )
        for each in made.get("difficulty", ())
    ]
    title = f"\ndifficulty for {made['policy']}: attempts ({', '.join(OUTCOMES)}), then problems by share solved"
    if rows:
        console.print(table(title, ("source", "kept", "attempts", "mean", *BINS), rows))
    _disputed(console, made.get("disputed"))
    _curriculum(console, made.get("curriculum", []))
    _farewell(console, made, config)


def _disputed(console: Console, found: dict[str, Any] | None) -> None:
    """Problems that only the lenient reading solves, with examples; nothing where there is none."""
    if not found or not found["problems"]:
        return
    rows = [
        (each["problem_id"], each["gold"], each["answer"], f"{each['n_correct_lenient']}/{each['n']}", each["reason"])
        for each in found["examples"]
    ]
    title = f"\n{found['problems']} disputed problems: solved in no attempt strictly, in some leniently (so not hard; look at their golds)"
    console.print(table(title, ("problem", "gold", "an answer", "leniently right", "how it was judged"), rows))


def _curriculum(console: Console, lessons: list[dict[str, Any]]) -> None:
    rows = [
        (each["position"], each["source"], *_measured(each), " ".join(each["prompt"].split()))
        for each in lessons[:SHOWN]
    ]
    if not lessons:
        return
    more = f" (the first {SHOWN} of {len(lessons)})" if len(lessons) > SHOWN else ""
    console.print(table(f"\ncurriculum{more}", ("place", "source", "solved", "mean", "95% interval", "prompt"), rows))


def _measured(lesson: dict[str, Any]) -> tuple[str, str, str]:
    if lesson["mean"] is None:
        return "-", "-", "unscored"
    answered = lesson["correct"] + lesson["wrong"] + lesson["truncated"]
    return f"{lesson['correct']}/{answered}", f"{lesson['mean']:.2f}", f"[{lesson['low']:.2f}, {lesson['high']:.2f}]"


def _farewell(console: Console, made: dict[str, Any], config: str) -> None:
    spent, lake = made["spent"], made["lake"]
    console.print(
        f"\nspent now: {spent['tokens']} tokens generated in {spent['samples']} attempts, {spent['seconds']} s",
        markup=False,
    )
    console.print("two queries to try:", markup=False)
    for query in QUERIES:
        console.print(f'  curate sql --lake {shlex.quote(lake)} "{query}"', markup=False, soft_wrap=True)
    catalogue = "" if lake.startswith("s3://") else ", views for other tools in assay.duckdb"
    console.print(f"lake: {lake} (Parquet in tables/{catalogue})", markup=False, soft_wrap=True)
    following = (
        f"next: train run {config}"
        if made.get("curriculum")
        else "the curriculum is empty: nothing to train on; the table of drops says why"
    )
    console.print(following, markup=False, soft_wrap=True)


QUERIES = (
    "SELECT source, count(*) AS problems, avg(mean) AS solved FROM pass_rates JOIN problems p ON p.id = problem_id GROUP BY source",
    "SELECT extracted, outcome, left(text, 60) AS said FROM verdicts v JOIN completions t ON t.id = v.rollout_id WHERE outcome <> 'correct' LIMIT 5",
)


def forecast(context: Any, pilot: int, voice: ConsoleReporter, as_json: bool) -> None:
    """The work that is left, stage by stage; with a pilot, an 80% interval of tokens and time."""
    from assay.pipelines.analysis.cost_estimate import forecast as look
    from assay.pipelines.context.first_attempts import sentences

    made = look(context, pilot)
    if as_json:
        emit(made)
        return
    rows = [
        (each["stage"], each["state"], ", ".join(f"{count} {unit}" for unit, count in each["left"].items()))
        for each in made["stages"]
    ]
    console = page()
    console.print(table("work before it starts", ("stage", "state", "left"), rows))
    for name in ("tokens", "seconds"):
        low, high = made[name] or (None, None)
        told = (
            "unknown (--pilot N measures it)"
            if low is None
            else f"{low:.0f} to {high:.0f} (80% interval from {made['pilot']} problems)"
        )
        console.print(f"{name}: {told}", markup=False)
    if made["outcomes"]:
        console.print("\n".join(sentences(made["outcomes"], "the pilot")), markup=False, soft_wrap=True)
    console.print(f"disk: {_disk(made['disk'])}", markup=False)
    if made["disk"]["short"]:
        voice.warn(
            f"the disk is short: {_size(made['disk']['bytes'])} are expected, {_size(made['disk']['free'])} are free"
        )


def _disk(disk: dict[str, Any]) -> str:
    if disk["bytes"] is None:
        return f"unknown until split is done; {_size(disk['free'])} free"
    basis = (
        f"by {disk['attempts']} stored attempts" if disk["attempts"] else "at most, if every attempt reaches the cap"
    )
    least = f"{_size(disk['bytes_min'])} to " if disk["bytes_min"] < disk["bytes"] else ""
    return f"{least}{_size(disk['bytes'])} more ({basis}); {_size(disk['free'])} free"


def _size(count: float) -> str:
    """Bytes for people.

    >>> _size(999), _size(5 << 20)
    ('999 B', '5.0 MiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
