"""`curate sql`: one SELECT over the lake's views."""

import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter, page
from assay.cli.runner import AnyLake, emit, exits
from assay.cli.tables import table
from assay.core.display import escape_controls
from assay.core.errors import LakeError


class Format(StrEnum):
    """How the answer is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


Query = Annotated[
    str, typer.Argument(metavar="QUERY", help="One SELECT; SHOW TABLES lists what there is.", show_default=False)
]
Shape = Annotated[Format, typer.Option("--format", help="parquet goes to stdout as bytes: redirect it into a file.")]


def sql(query: Query, lake: AnyLake = ".assay/lake", shape: Shape = Format.TABLE) -> None:
    """Answer a question from the Parquet, read-only."""
    voice = ConsoleReporter()
    with exits(voice):
        from assay.stores import query_results
        from assay.stores.lake import Lake

        with Lake(lake, create=False) as opened:
            answer = opened.ask(query)
            if opened.moved():
                voice.say(_rewritten(opened))
        if shape is Format.TABLE:
            rows = list(
                zip(*(map(query_results.value_of, column.to_pylist()) for column in answer.columns))
            )  # by place: two may share a name
            shown = table("", answer.column_names, rows, fraction=_fraction, missing="NULL")
            page().print(shown, f"{len(rows)} row{'s' * (len(rows) != 1)}", sep="\n")
        elif shape is Format.JSON:
            emit(query_results.plain(answer))
        else:
            data = query_results.csv(answer) if shape is Format.CSV else query_results.parquet(answer)
            on_screen = shape is Format.CSV and sys.stdout.isatty()
            sys.stdout.buffer.write(
                escape_controls(data.decode("utf-8", "replace").replace("\r\n", "\n")).encode() if on_screen else data
            )


def _rewritten(lake: Any) -> str:
    """The catalogue's paths put right where the disk lets us; the answer does not depend on it."""
    try:
        lake.catalogue()
    except LakeError as error:
        return f"the lake has moved, and the paths in {lake.root / 'assay.duckdb'} stay those of its old place: {error}"
    return f"the lake has moved: the paths in {lake.root / 'assay.duckdb'} are rewritten"


def _fraction(value: float) -> str:
    """Six figures of a number of everyday size, all of any other.

    >>> _fraction(0.5408333), _fraction(1764158707.5)
    ('0.540833', '1764158707.5')
    """
    return f"{value:.6g}" if value == 0 or 1e-4 <= abs(value) < 1e6 else str(value)
