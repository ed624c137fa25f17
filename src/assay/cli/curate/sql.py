"""`curate sql`: one SELECT over the lake's views."""

import math
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from assay.cli.narrator import Voice, page, table
from assay.cli.runner import LakeDir, emit, exits
from assay.core.errors import LakeError


class Format(StrEnum):
    """How the answer is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


Query = Annotated[str, typer.Argument(metavar="QUERY", help="One SELECT; SHOW TABLES lists what there is.", show_default=False)]
Shape = Annotated[Format, typer.Option("--format", help="parquet goes to stdout as bytes: redirect it into a file.")]


def sql(query: Query, lake: LakeDir = ".assay/lake", shape: Shape = Format.TABLE) -> None:
    """Answer a question from the Parquet, read-only."""
    voice = Voice()
    with exits(voice):
        from assay.stores import answers
        from assay.stores.lake import Lake

        with Lake(lake, create=False) as opened:
            answer = opened.ask(query)
            if opened.moved():
                voice.say(_rewritten(opened))
        if shape is Format.TABLE:
            rows = list(zip(*(each.to_pylist() for each in answer.columns)))  # by place: two columns may share a name
            console = page()
            console.print(table("", answer.column_names, rows), f"{len(rows)} rows", sep="\n")
        elif shape is Format.JSON:
            emit([{name: _plain(value) for name, value in row.items()} for row in answer.to_pylist()])
        else:
            data = answers.csv(answer) if shape is Format.CSV else answers.parquet(answer)
            sys.stdout.buffer.write(data)


def _rewritten(lake: Any) -> str:
    """The catalogue's paths put right where the disk lets us; the answer does not depend on it."""
    try:
        lake.catalogue()
    except LakeError as error:
        return f"the lake has moved, and the paths in {lake.root / 'assay.duckdb'} stay those of its old place: {error}"
    return f"the lake has moved: the paths in {lake.root / 'assay.duckdb'} are rewritten"


def _plain(value: Any) -> Any:
    """A value as JSON can hold it: NaN and the infinities as text, inside lists and structs too."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return {name: _plain(each) for name, each in value.items()} if isinstance(value, dict) else value
