"""`curate sql`: one SELECT over the lake's views."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from assay.cli.narrator import Voice, page, table
from assay.cli.runner import LakeDir, emit, exits


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
                opened.catalogue()
                voice.say(f"the lake has moved: the paths in {opened.root / 'assay.duckdb'} are rewritten")
        if shape is Format.TABLE:
            rows = list(zip(*(each.to_pylist() for each in answer.columns)))  # by place: two columns may share a name
            console = page()
            console.print(table("", answer.column_names, rows), f"{len(rows)} rows", sep="\n")
        elif shape is Format.JSON:
            emit(answer.to_pylist())
        else:
            data = answers.csv(answer) if shape is Format.CSV else answers.parquet(answer)
            sys.stdout.buffer.write(data)
