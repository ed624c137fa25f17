"""`train eval` and `train compare`: what trainings gained on held-out problems."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import (
    DONE,
    AsJson,
    ConfigPath,
    LakeDir,
    Sets,
    load_config,
    print_json,
    report_errors,
    run_with_context,
)
from assay.cli.tables import build_table
from assay.core.errors import ConfigError

Samples = Annotated[int, typer.Option("--samples", help="Attempts per held-out problem, if none are stored.", min=1)]
ConfigPaths = Annotated[
    list[Path],
    typer.Argument(
        metavar="CONFIG CONFIG...", help="Configs whose trainings are done, with the same held-out problems."
    ),
]
Kind = Annotated[str, typer.Option("--kind", metavar="KIND", help="Kind of training: grpo, sft, dpo or kto.")]


def evaluate(
    path: ConfigPath,
    lake: LakeDir = "",
    sets: Sets = [],
    samples: Samples = 8,
    kind: Kind = "grpo",
    as_json: AsJson = False,
) -> None:
    """Show held-out pass@1 and pass@k before, during and after a training, and how many trained problems
    are still solved 10% to 90% of the time."""
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config, stage = load_config(path, lake, sets), _stage_of(kind)
    run_with_context(
        config, "train eval", lambda context: _evaluate(context, samples, kind, as_json), reporter, upto=stage
    )


def _stage_of(kind: str) -> str:
    """Return the name of the stage that makes trainings of a kind."""
    from assay.pipelines.stages import KINDS

    if kind not in KINDS:
        raise ConfigError(f"--kind {kind!r} must be one of {', '.join(KINDS)}")
    return KINDS[kind].name


def _evaluate(context: Any, samples: int, kind: str, as_json: bool) -> int:
    from assay.pipelines.loop.evaluate import evaluate as measure_held_out

    result = measure_held_out(context, samples=samples, kind=kind)
    if as_json:
        print_json(replace_nan(result))
        return DONE
    console = open_console()
    rows = [
        (
            row["policy"],
            row["problems"],
            format_interval(row["pass_at_1"]),
            row["k"],
            format_interval(row["pass_at_k"]),
            format_interval(row["difference"]),
            *([format_interval(row["corrected"])] if row["corrected"] else []),
        )
        for row in result["points"]
    ]
    errors = ("pass@1 without verifier errors",) if any(row["corrected"] for row in result["points"]) else ()
    head = ("policy", "problems", "pass@1", "k", "pass@k", "pass@1 - first", *errors)
    console.print(build_table("held out", head, rows))
    if kind != "grpo":  # which attempts no training problems
        return DONE
    frontier = result["frontier"]
    places = f"{frontier['stayed']} still are, {frontier['above']} lie above, {frontier['below']} below"
    console.print(
        f"frontier: of {frontier['before']} trained problems that were solved 10% to 90% of the time, {places}",
        markup=False,
        soft_wrap=True,
    )
    return DONE


def compare(
    paths: ConfigPaths,
    lake: LakeDir = "",
    sets: Sets = [],
    samples: Samples = 8,
    kind: Kind = "grpo",
    as_json: AsJson = False,
) -> None:
    """Compare the final policies of several trainings on the held-out problems that all of them attempted."""
    reporter = ConsoleReporter()
    with report_errors(reporter):
        configs, stage = [load_config(config, lake, sets) for config in paths], _stage_of(kind)
    counts: list[tuple[str, Any]] = []
    for path, config in zip(paths, configs, strict=True):
        run_with_context(
            config,
            "train compare",
            lambda context, path=path: _count_held_out(context, path, samples, kind, counts),  # type: ignore[misc]
            reporter,
            upto=stage,
        )
    with report_errors(reporter):
        from assay.pipelines.loop.evaluate import compute_points

        rows = compute_points(counts)
        if as_json:
            print_json(replace_nan(rows))
            return
        shown_rows = [
            (
                row["policy"],
                row["problems"],
                format_interval(row["pass_at_1"]),
                row["k"],
                format_interval(row["pass_at_k"]),
                format_interval(row["difference"]),
            )
            for row in rows
        ]
        open_console().print(
            build_table(
                "after the last step", ("config", "problems", "pass@1", "k", "pass@k", "pass@1 - first"), shown_rows
            )
        )


def _count_held_out(context: Any, path: Path, samples: int, kind: str, counts: list[tuple[str, Any]]) -> int:
    from assay.pipelines.loop.evaluate import last_counts

    counts.append((str(path), last_counts(context, samples, kind)))
    return DONE


def format_interval(interval: tuple[float, float, float] | None) -> str:
    """Return a mean with its interval; "-" where there is none.

    >>> format_interval((0.5, 0.25, 0.75)), format_interval(None)
    ('0.500 [0.250, 0.750]', '-')
    """
    return (
        "-"
        if interval is None or math.isnan(interval[0])
        else f"{interval[0]:.3f} [{interval[1]:.3f}, {interval[2]:.3f}]"
    )


def replace_nan(value: Any) -> Any:
    """Return the value with null in the place of every NaN, which JSON lacks."""
    if isinstance(value, dict):
        return {name: replace_nan(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [replace_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
