"""One schema file a table; a file's name is its table's name."""

import importlib
from functools import cache

import pyarrow as pa

from assay.core.parts import list_parts


def schema(name: str) -> pa.Schema:
    """The schema of one table."""
    return importlib.import_module(f"assay.stores.tables.{name}").SCHEMA


@cache
def schemas() -> dict[str, pa.Schema]:
    """Every table's schema, names ascending."""
    return {name: schema(name) for name in list_parts("table")}
