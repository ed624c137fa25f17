"""Fields of a row by name: dotted paths, alternatives joined by |, and the columns that hold them."""

from collections.abc import Mapping
from typing import Any

from assay.core.errors import suggest_names
from assay.sources._bad_row import BadRow, escape_surrogates

ABSENT = object()  # not None, which a field may hold


def read_field(row: Mapping[str, Any], name: str) -> Any:
    """Read a field of a row.

    Args:
        row: the row.
        name: a field's whole name or a dotted path; of several joined by | the first that the row has and that is not
            null.

    Raises:
        BadRow: the row has none of them.
    """
    if (value := row.get(name)) is not None and "|" not in name:
        return value  # most names are those of one field that has a value
    for path in name.split("|"):
        value = _resolve_path(row, path)
        if value is not ABSENT and (value is not None or path == name):
            return value
    remedy = "" if "|" in name else f"; {name + '|OTHER'!r} reads OTHER in rows without it"
    raise BadRow(
        "missing_field", escape_surrogates(f"no field {name!r}; {suggest_names(name, map(str, row))[:300]}{remedy}")
    )


def find_column(path: str, columns: list[str]) -> str:
    """Find the column that holds a dotted path: its whole name, else its first step; "" if there is none."""
    return next((column for column in (path, path.partition(".")[0]) if column in columns), "")


def _resolve_path(row: Mapping[str, Any], path: str) -> Any:
    if path in row:
        return row[path]
    value: Any = row
    for step in path.split("."):
        if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, Mapping) and step in value:
            value = value[step]
        else:
            return ABSENT
    return value
