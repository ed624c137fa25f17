"""An answer as bytes, for files and pipes."""

import json

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet


def csv(answer: pa.Table) -> bytes:
    """Comma-separated, with a header; nested columns as JSON text."""
    flat = {
        name: pa.array([json.dumps(value) for value in answer[name].to_pylist()]) if pa.types.is_nested(answer[name].type) else answer[name]
        for name in answer.column_names
    }
    sink = pa.BufferOutputStream()
    pa.csv.write_csv(pa.table(flat), sink)
    return bytes(sink.getvalue())


def parquet(answer: pa.Table) -> bytes:
    """One Parquet file."""
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(answer, sink, compression="zstd")
    return bytes(sink.getvalue())
