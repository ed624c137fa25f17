"""Functions for writing a table's schema: columns, their meanings and references, and what maintenance does with rows.

Write `SCHEMA = table(column(...), ..., made_by=...)` in a file of `stores/tables`. `forget`, `fsck`, `curate report`
and the view `lineage` read what they need from this metadata (`stores/references.py`), so that a new table needs no
other edit.
"""

import json
from typing import Literal

import pyarrow as pa

TEXT, INT, FLOAT, FLAG, BYTES = pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.binary()
TURN = pa.struct([("role", TEXT), ("content", TEXT)])  # of a chat
# `made_by` of bookkeeping tables: every run writes them, no stage makes them again, and `lineage` leaves them out
RUNS = ("run",)


def column(
    name: str, kind: pa.DataType, meaning: str, *, refers: str = "", optional: bool = False, was: str = ""
) -> pa.Field:
    """Describe one column.

    Args:
        name: the column's name.
        kind: its Arrow type.
        meaning: what a value says, with its unit and direction; printed in docs/store.md.
        refers: `table.column` whose values this column holds; several are joined by " or ".
        optional: null where the row refers to nothing; the row stays when what it refers to is lost.
        was: the name under which older files hold it.
    """
    metadata = {"meaning": meaning, "refers": refers, "optional": "yes" if optional else "", "was": was}
    return pa.field(name, kind, metadata={key: value for key, value in metadata.items() if value})


def table(
    *columns: pa.Field,
    made_by: tuple[str, ...],
    forget: Literal["follow", "keep"] = "follow",
    id_refers: str = "",
    restored: bool = True,
    redrawn: bool = False,
    was: str = "",
) -> pa.Schema:
    """Write a table's schema: `id` first, `run` last.

    Args:
        columns: the columns between them.
        made_by: the stages that write its rows, in their order; `RUNS` for bookkeeping, another word where no stage
            does.
        forget: what `forget` does with its rows. "follow": they go with what they refer to, however many references
            away; "keep": they stay, because they name neither a policy nor a source, or because they are the record
            that something was there.
        id_refers: `table.id` of which each row is a part, under the same id.
        restored: whether the stages write lost rows again.
        redrawn: whether a row that is made again has the same id and another content, so that rows that refer to a
            lost row must go too.
        was: the name under which older entries hold its files.
    """
    first = column("id", TEXT, "content hash of the row's key", refers=id_refers)
    last = column("run", TEXT, "the run that wrote the row; lineage, never part of a key")
    metadata = {"made_by": json.dumps(made_by), "forget": forget} | ({"was": was} if was else {})
    metadata |= {name: "yes" for name, value in (("lost", not restored), ("redrawn", redrawn)) if value}
    return pa.schema([first, *columns, last], metadata=metadata)


def was(described: pa.Schema | pa.Field) -> str:
    """Return the earlier name of a table or column, by its schema or field; "" = it had none."""
    return str((described.metadata or {}).get(b"was", b""), "utf-8")


def sql_type(kind: pa.DataType) -> str:
    """Return DuckDB's name of an Arrow type.

    >>> sql_type(pa.list_(pa.struct([("role", pa.string()), ("n", pa.int64())])))
    'STRUCT("role" VARCHAR, "n" BIGINT)[]'
    """
    if pa.types.is_list(kind):
        return f"{sql_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        return "STRUCT(" + ", ".join(f'"{field.name}" {sql_type(field.type)}' for field in kind) + ")"
    names = {
        TEXT: "VARCHAR",
        INT: "BIGINT",
        FLOAT: "DOUBLE",
        FLAG: "BOOLEAN",
        BYTES: "BLOB",
        pa.float32(): "FLOAT",
        pa.int32(): "INTEGER",
    }
    return names[kind]


def quoted(text: str) -> str:
    """Return a text as a SQL string literal.

    >>> quoted("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"
