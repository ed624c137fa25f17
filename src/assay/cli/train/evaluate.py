"""`train eval` and `train compare`: what trainings were worth on held-out problems."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter, page
from assay.cli.runner import DONE, AsJson, ConfigPath, LakeDir, Sets, emit, exits, load, with_context
from assay.cli.tables import table

Samples = Annotated[int, typer.Option("--samples", help="Attempts a held-out problem, where none are stored.", min=1)]
Plans = Annotated[
    list[Path],
    typer.Argument(metavar="PLAN PLAN...", help="Plans whose trainings are done, over the same held-out problems."),
]


def evaluate(
    config: ConfigPath, lake: LakeDir = "", sets: Sets = [], samples: Samples = 8, as_json: AsJson = False
) -> None:
    """Show pass@1 and pass@k on held-out problems before, during and after a training, and how far the frontier moved."""
    voice = ConsoleReporter()
    with exits(voice):
        made = load(config, lake, sets)
    with_context(made, "train eval", lambda context: _evaluate(context, samples, as_json), voice, upto="train")


def _evaluate(context: Any, samples: int, as_json: bool) -> int:
    from assay.pipelines.loop.evaluate import evaluate as measured

    told = measured(context, samples=samples)
    if as_json:
        emit(finite(told))
        return DONE
    console = page()
    rows = [
        (
            row["policy"],
            row["problems"],
            ends(row["pass_at_1"]),
            row["k"],
            ends(row["pass_at_k"]),
            ends(row["difference"]),
        )
        for row in told["points"]
    ]
    console.print(table("held out", ("policy", "problems", "pass@1", "k", "pass@k", "pass@1 - first"), rows))
    moved = told["frontier"]
    said = f"{moved['stayed']} still are, {moved['above']} lie above, {moved['below']} below"
    console.print(
        f"frontier: of {moved['before']} trained problems that were solved 10% to 90% of the time, {said}",
        markup=False,
        soft_wrap=True,
    )
    return DONE


def compare(plans: Plans, lake: LakeDir = "", sets: Sets = [], samples: Samples = 8, as_json: AsJson = False) -> None:
    """Set the last policies of several trainings side by side on the held-out problems that all of them attempted."""
    voice = ConsoleReporter()
    with exits(voice):
        made = [load(config, lake, sets) for config in plans]
    counted: list[tuple[str, Any]] = []
    for path, config in zip(plans, made, strict=True):
        with_context(
            config,
            "train compare",
            lambda context, path=path: _count(context, path, samples, counted),  # type: ignore[misc]
            voice,
            upto="train",
        )
    with exits(voice):
        from assay.pipelines.loop.evaluate import points

        rows = points(counted)
        if as_json:
            emit(finite(rows))
            return
        shown = [
            (
                row["policy"],
                row["problems"],
                ends(row["pass_at_1"]),
                row["k"],
                ends(row["pass_at_k"]),
                ends(row["difference"]),
            )
            for row in rows
        ]
        page().print(
            table("after the last step", ("plan", "problems", "pass@1", "k", "pass@k", "pass@1 - first"), shown)
        )


def _count(context: Any, path: Path, samples: int, counted: list[tuple[str, Any]]) -> int:
    from assay.pipelines.loop.evaluate import last_counts

    counted.append((str(path), last_counts(context, samples)))
    return DONE


def ends(interval: tuple[float, float, float] | None) -> str:
    """A mean with its interval; "-" where there is none.

    >>> ends((0.5, 0.25, 0.75)), ends(None)
    ('0.500 [0.250, 0.750]', '-')
    """
    return (
        "-"
        if interval is None or math.isnan(interval[0])
        else f"{interval[0]:.3f} [{interval[1]:.3f}, {interval[2]:.3f}]"
    )


def finite(value: Any) -> Any:
    """The same with null in the place of every NaN, which JSON has not."""
    if isinstance(value, dict):
        return {name: finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value
