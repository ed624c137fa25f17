"""Names that tables and columns had before: files that were written under them are read under the present ones.

A schema says `was=` of a table or a column (`stores/schema.py`). A manifest entry says of each file in which generation
of names it was written; where it does not, that is the first. On disk nothing is renamed: an old file stays in the
folder of its table's old name until it is compacted.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from assay.stores.schema import was
from assay.stores.tables import schemas

NAMES = 2  # the generation of names in which files are written; 1 = those of the first version
RETIRED = frozenset({"curriculum_state"})  # former tables that nothing wrote or read; their files are left alone
Pairs = tuple[tuple[str, str], ...]


def present_name(table: str) -> str:
    """Return the present name of a table by any name that it has had; "" where there was never such a table."""
    return table if table in schemas() else _tables().get(table, "")


def names_of_table(table: str) -> tuple[str, ...]:
    """Return the present name of a table, and the one that it had before, if any."""
    before = was(schemas()[table])
    return (table, before) if before else (table,)


def renamed_columns(table: str, generation: int) -> Pairs:
    """Return the columns of a table whose names have changed since a generation: (name in the file, present name)."""
    return () if generation >= NAMES else _columns(table)


def generation_of(table: str, columns: list[str]) -> int:
    """Return the generation of names of a file, by its columns."""
    return 1 if {old for old, _ in _columns(table)} & set(columns) else NAMES


def first_names(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with the first names of its columns, for ids that hash them."""
    first = {new: old for old, new in _columns(table)}
    return {first.get(name, name): value for name, value in row.items()}


def old_name_hint(text: str) -> str:
    """Return a hint with the new names of the tables that a text calls by their old ones; "" where it does not."""
    words = set(re.findall(r"\w+", text))
    return "".join(f"; {old} is {new} now" for old, new in _tables().items() if old in words and new not in words)


@cache
def _tables() -> dict[str, str]:
    return {was(schema): name for name, schema in schemas().items() if was(schema)}


@cache
def _columns(table: str) -> Pairs:
    return tuple((was(field), field.name) for field in schemas()[table] if was(field))
