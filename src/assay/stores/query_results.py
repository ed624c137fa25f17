"""An answer as plain values for JSON, and as bytes for files and pipes."""

import json
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet


def plain(answer: pa.Table) -> list[dict[str, Any]]:
    """The rows as JSON can hold them; a name that comes again is followed by its number."""
    return [
        {name: value_of(value) for name, value in row.items()}
        for row in answer.rename_columns(names(answer.column_names)).to_pylist()
    ]


def value_of(value: Any) -> Any:
    """A value as JSON can hold it: sums, which DuckDB makes HUGEINT, and decimals as numbers; NaN and the infinities as text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list):
        return [value_of(each) for each in value]
    return {name: value_of(each) for name, each in value.items()} if isinstance(value, dict) else value


def names(given: list[str]) -> list[str]:
    """Each name once.

    >>> names(["n", "n", "n_2", "n"])
    ['n', 'n_3', 'n_2', 'n_4']
    """
    made: list[str] = []
    for name in given:
        number, new = 1, name
        while new in made or (number > 1 and new in given):
            number += 1
            new = f"{name}_{number}"
        made.append(new)
    return made


def csv(answer: pa.Table) -> bytes:
    """Comma-separated, with a header; nested columns as JSON text."""
    columns = [
        pa.array(
            [None if value is None else json.dumps(value_of(value), default=str) for value in column.to_pylist()],
            pa.string(),
        )
        if pa.types.is_nested(column.type)
        else column
        for column in answer.columns
    ]
    sink = pa.BufferOutputStream()
    pa.csv.write_csv(pa.table(columns, names=answer.column_names), sink)
    return bytes(sink.getvalue())


def parquet(answer: pa.Table) -> bytes:
    """One Parquet file."""
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(answer, sink, compression="zstd")
    return bytes(sink.getvalue())
