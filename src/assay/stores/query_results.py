"""The answer of a query as plain values for JSON, and as CSV or Parquet bytes for files and pipes."""

import base64
import json
import math
import tempfile
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet


def to_json_rows(answer: pa.Table) -> list[dict[str, Any]]:
    """Return the rows as JSON can hold them; a repeated column name is followed by its number."""
    return [
        {name: to_json_value(value) for name, value in row.items()}
        for row in answer.rename_columns(unique_names(answer.column_names)).to_pylist()
    ]


def to_json_value(value: Any) -> Any:
    """Return a value as JSON can hold it.

    Decimals, and sums, which DuckDB makes HUGEINT, become numbers; NaN and the infinities become text; bytes become
    base64.
    """
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list):
        return [to_json_value(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return {name: to_json_value(item) for name, item in value.items()} if isinstance(value, dict) else value


def unique_names(columns: list[str]) -> list[str]:
    """Return column names of which each occurs once; a repeated one is followed by its number.

    >>> unique_names(["n", "n", "n_2", "n"])
    ['n', 'n_3', 'n_2', 'n_4']
    """
    unique: list[str] = []
    for name in columns:
        number, new = 1, name
        while new in unique or (number > 1 and new in columns):
            number += 1
            new = f"{name}_{number}"
        unique.append(new)
    return unique


def encode_csv(answer: pa.Table) -> bytes:
    """Return the answer as CSV with a header line; nested columns are JSON text, bytes are base64."""
    columns = [
        pa.array([_cell(value) for value in column.to_pylist()], pa.string())
        if pa.types.is_nested(column.type) or pa.types.is_binary(column.type)
        else column
        for column in answer.columns
    ]
    sink = pa.BufferOutputStream()
    pa.csv.write_csv(pa.table(columns, names=answer.column_names), sink)
    return bytes(sink.getvalue())


def _cell(value: Any) -> str | None:
    known = to_json_value(value)
    return known if known is None or isinstance(known, str) else json.dumps(known, default=str)


def encode_parquet(answer: pa.Table) -> bytes:
    """Return the answer as the bytes of a Parquet file."""
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(answer, sink, compression="zstd")
    return bytes(sink.getvalue())


def write_parquet(path: Path, parts: Iterable[pa.Table]) -> None:
    """Write a Parquet file of parts whose types differ, such as a column that is null in one of them.

    The parts lie in files beside it until all types are known, so that memory holds one of them.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".parts-") as folder:
        schemas, files = [], []
        for number, part in enumerate(parts):
            files.append(Path(folder, f"{number}.parquet"))
            schemas.append(part.schema)
            pyarrow.parquet.write_table(part, files[-1], compression="zstd")
        if len(files) < 2:
            path.write_bytes(files[0].read_bytes() if files else encode_parquet(pa.Table.from_pylist([])))
            return
        whole = pa.unify_schemas(schemas, promote_options="permissive")
        with pyarrow.parquet.ParquetWriter(path, whole, compression="zstd") as writer:
            for file in files:
                writer.write_table(pyarrow.parquet.read_table(file).cast(whole))
