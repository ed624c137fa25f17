"""One schema file per table: NAME.py holds `SCHEMA`, and its docstring says what a row is.

To add a table, write `SCHEMA = table(column(...), ..., made_by=...)` with what its columns refer to
(`stores/schema.py`), add its line under "Keys" in docs/store.md, and run `python docs/make_store.py`. `forget`, `fsck`,
`curate report` and `lineage` find it.
"""

import importlib
from functools import cache

import pyarrow as pa

from assay.core.parts import list_parts


def schema(name: str) -> pa.Schema:
    """Return the schema of one table."""
    return importlib.import_module(f"assay.stores.tables.{name}").SCHEMA


@cache
def schemas() -> dict[str, pa.Schema]:
    """Return every table's schema, names ascending."""
    return {name: schema(name) for name in list_parts("table")}
