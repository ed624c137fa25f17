"""`curate sql`: one SELECT over the lake's views."""

import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import AnyLake, print_json, report_errors
from assay.cli.tables import build_table
from assay.core.display import escape_controls
from assay.core.errors import LakeError


class Format(StrEnum):
    """How the answer is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


Query = Annotated[
    str, typer.Argument(metavar="QUERY", help="One SELECT; SHOW TABLES lists tables and views.", show_default=False)
]
Shape = Annotated[Format, typer.Option("--format", help="Output format; parquet is binary, so redirect it to a file.")]


def sql(query: Query, lake: AnyLake = ".assay/lake", shape: Shape = Format.TABLE) -> None:
    """Run one read-only SQL query on the lake."""
    reporter = ConsoleReporter()
    with report_errors(reporter):
        from assay.stores import query_results
        from assay.stores.lake import Lake

        with Lake(lake, create=False) as opened:
            answer = opened.ask(query)
            if opened.has_moved():
                reporter.say(_rewrite_catalogue(opened))
        if shape is Format.TABLE:
            columns = [map(query_results.to_json_value, column.to_pylist()) for column in answer.columns]
            rows = list(zip(*columns))  # by position: two columns may share a name
            sheet = build_table("", answer.column_names, rows, fraction=_format_fraction, missing="NULL")
            open_console().print(sheet, f"{len(rows)} row{'s' * (len(rows) != 1)}", sep="\n")
        elif shape is Format.JSON:
            print_json(query_results.to_json_rows(answer))
        else:
            data = query_results.encode_csv(answer) if shape is Format.CSV else query_results.encode_parquet(answer)
            on_screen = shape is Format.CSV and sys.stdout.isatty()
            sys.stdout.buffer.write(
                escape_controls(data.decode("utf-8", "replace").replace("\r\n", "\n")).encode() if on_screen else data
            )


def _rewrite_catalogue(lake: Any) -> str:
    """Rewrite the catalogue's paths where the disk allows it, and say so; the answer does not depend on it."""
    try:
        lake.catalogue()
    except LakeError as error:
        return f"the lake was moved, but the paths in {lake.root / 'assay.duckdb'} could not be updated: {error}"
    return f"the lake was moved: the paths in {lake.root / 'assay.duckdb'} are updated"


def _format_fraction(value: float) -> str:
    """Return six figures of a number of everyday size, and all of any other.

    >>> _format_fraction(0.5408333), _format_fraction(1764158707.5)
    ('0.540833', '1764158707.5')
    """
    return f"{value:.6g}" if value == 0 or 1e-4 <= abs(value) < 1e6 else str(value)
