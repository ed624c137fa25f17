"""Words for writing a schema: a column with its meaning, and the names that DuckDB gives its types."""

import pyarrow as pa

TEXT, INT, FLOAT, FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()


def column(name: str, kind: pa.DataType, meaning: str) -> pa.Field:
    """A field whose meaning travels with it, in the schema's metadata and in docs/store.md."""
    return pa.field(name, kind, metadata={"meaning": meaning})


def table(*columns: pa.Field) -> pa.Schema:
    """A table's schema: `id` first, `run` last."""
    first = column("id", TEXT, "content hash of the row's key")
    last = column("run", TEXT, "the run that wrote the row; lineage, never part of a key")
    return pa.schema([first, *columns, last])


def sql_type(kind: pa.DataType) -> str:
    """DuckDB's name of an Arrow type.

    >>> sql_type(pa.list_(pa.struct([("role", pa.string()), ("n", pa.int64())])))
    'STRUCT("role" VARCHAR, "n" BIGINT)[]'
    """
    if pa.types.is_list(kind):
        return f"{sql_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        return "STRUCT(" + ", ".join(f'"{each.name}" {sql_type(each.type)}' for each in kind) + ")"
    names = {TEXT: "VARCHAR", INT: "BIGINT", FLOAT: "DOUBLE", FLAG: "BOOLEAN", pa.float32(): "FLOAT"}
    return names[kind]
