"""`curate compare`: several selectors on the plan's pool, beside uniform and informative."""

from typing import Annotated, Any

import typer
from rich.console import Console

from assay.cli.console import ConsoleReporter, page
from assay.cli.runner import AsJson, ConfigPath, LakeDir, Sets, emit, exits, load
from assay.cli.tables import table

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SELECTOR]...",
        help='A name, with settings after it: frontier "frontier drift=2 budget=50".',
        show_default=False,
    ),
]

LEGEND = (
    "\nsignal: expected share of groups that are neither all right nor all wrong, averaged over a run that gains `drift` logits",
    "radius, distance: largest and mean way from a problem to a kept one, 0 to 2; tokens: one group of attempts for each kept problem",
)


def compare(
    config: ConfigPath, selectors: Names = None, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False
) -> None:
    """Set selectors side by side on one pool: size, signal, coverage, cost, difficulty, overlap. Writes nothing."""
    voice = ConsoleReporter()
    with exits(voice):
        made = load(config, lake, sets)
        from assay.pipelines.analysis.compare_selectors import compare as side_by_side
        from assay.pipelines.context.run import RunContext
        from assay.stores.lake import Lake

        with Lake(made.lake) as opened, RunContext(made, opened, voice) as context:
            told = side_by_side(context, selectors or [])
        if as_json:
            emit(told)
            return
        _show(page(), told)


def _show(console: Console, told: dict[str, Any]) -> None:
    rows = told["selections"]
    names = [row["selection"] for row in rows]
    signals = list(rows[0]["signal"])
    head = (
        "selection",
        "kept",
        *(f"signal, drift {drift}" if place == 0 else f"drift {drift}" for place, drift in enumerate(signals)),
        "clusters",
        "radius",
        "distance",
        "tokens",
    )
    first = [(*_plain(row, signals),) for row in rows]
    beside = f", {told['unscored']} more unscored" if told["unscored"] else ""
    console.print(table(f"{told['pool']} problems{beside}; groups of {told['group_size']}", head, first))
    bins = list(rows[0]["histogram"])
    shares = [(row["selection"], *(row["histogram"][name] for name in bins)) for row in rows]
    console.print(table("\nkept problems by share solved", ("selection", *bins), shares))
    numbered = [
        (f"{place} {row['selection']}", *(float(row["overlap"][other]) for other in names))
        for place, row in enumerate(rows, 1)
    ]
    console.print(
        table(
            "\noverlap: shared / all of both",
            ("selection", *(str(place) for place in range(1, len(rows) + 1))),
            numbered,
        )
    )
    for line in LEGEND:
        console.print(line, soft_wrap=True)


def _plain(row: dict[str, Any], signals: list[str]) -> tuple[Any, ...]:
    told = [_number(row["signal"][drift]) for drift in signals]
    hit = f"{row['clusters']}/{row['clusters_of']}"
    return row["selection"], row["kept"], *told, hit, _number(row["radius"]), _number(row["distance"]), row["tokens"]


def _number(value: float | None) -> float | str:
    return "-" if value is None else round(value, 3)
