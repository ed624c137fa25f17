"""`curate analyze selectors`: several selectors on one pool, next to `uniform` and `informative`."""

from typing import Annotated, Any

import typer
from rich.console import Console

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import AsJson, ConfigPath, LakeDir, Sets, load_config, print_json, report_errors
from assay.cli.tables import build_table

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SELECTOR]...",
        help='A name, with settings after it: frontier "frontier expected_improvement=2 budget=50".',
        show_default=False,
    ),
]

LEGEND = (
    "\nsignal: expected share of groups whose rewards differ (all right and all wrong ones do not), or standard "
    "deviation "
    "of their rewards where train.objective divides by none, averaged over a run that gains `drift` logits",
    "radius, distance: largest and mean distance from a problem to the nearest kept one, 0 to 2; tokens: one group "
    "of attempts for "
    "each kept problem",
)


def selectors(
    path: ConfigPath, names: Names = None, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False
) -> None:
    """Compare selectors on one pool: size, signal, coverage, cost, difficulty and overlap. Writes nothing."""
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)
        from assay.pipelines.analysis.compare_selectors import compare_selectors
        from assay.pipelines.context.run import RunContext
        from assay.stores.lake import Lake

        with Lake(config.lake) as opened, RunContext(config, opened, reporter) as context:
            comparison = compare_selectors(context, names or [])
        if as_json:
            print_json(comparison)
            return
        _print_comparison(open_console(), comparison)


def _print_comparison(console: Console, comparison: dict[str, Any]) -> None:
    rows = comparison["selections"]
    names = [row["selection"] for row in rows]
    signals = list(rows[0]["signal"])
    is_graded = any(row["reward"] is not None for row in rows)
    head = (
        "selection",
        "kept",
        *(f"signal, drift {drift}" if place == 0 else f"drift {drift}" for place, drift in enumerate(signals)),
        *(("reward",) if is_graded else ()),
        "clusters",
        "radius",
        "distance",
        "tokens",
    )
    first = [(*_measure_cells(row, signals, is_graded),) for row in rows]
    unscored = f", {comparison['unscored']} more unscored" if comparison["unscored"] else ""
    console.print(
        build_table(f"{comparison['pool']} problems{unscored}; groups of {comparison['group_size']}", head, first)
    )
    bins = list(rows[0]["histogram"])
    shares = [(row["selection"], *(row["histogram"][name] for name in bins)) for row in rows]
    console.print(build_table("\nkept problems by share solved", ("selection", *bins), shares))
    numbered_rows = [
        (f"{place} {row['selection']}", *(float(row["overlap"][other]) for other in names))
        for place, row in enumerate(rows, 1)
    ]
    console.print(
        build_table(
            "\noverlap: shared / all of both",
            ("selection", *(str(place) for place in range(1, len(rows) + 1))),
            numbered_rows,
        )
    )
    for line in LEGEND:
        console.print(line, soft_wrap=True)


def _measure_cells(row: dict[str, Any], signals: list[str], is_graded: bool) -> tuple[Any, ...]:
    shares = [_format_number(row["signal"][drift]) for drift in signals]
    hit = f"{row['clusters']}/{row['clusters_of']}"
    return (
        row["selection"],
        row["kept"],
        *shares,
        *((_format_number(row["reward"]),) if is_graded else ()),
        hit,
        _format_number(row["radius"]),
        _format_number(row["distance"]),
        row["tokens"],
    )


def _format_number(value: float | None) -> float | str:
    return "-" if value is None else round(value, 3)
