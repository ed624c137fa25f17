"""Unit tests of code problems, packed into one label together with the columns without which they cannot be run."""

import json
from collections.abc import Mapping
from typing import Any

from assay.sources._bad_row import BadRow, parse_json, shorten
from assay.sources._row_fields import read_field

FUNCTION_NAMES = ("fn_name", "func_name", "function_name", "entry_point")
# Columns that published sets of code problems hold beside the tests.
TEST_COLUMNS = (*FUNCTION_NAMES, "test_setup_code", "test_imports", "starter_code", "metadata", "language")


def pack_tests(row: Mapping[str, Any], name: str, value: Any) -> Any:
    """Pack a code problem's tests into one text.

    Args:
        row: the row.
        name: the field of the tests; columns beside it are read in the row and in the object that holds the field.
        value: the field's value.

    Returns:
        A text as it is if the row says nothing more about the tests; else JSON with the columns beside them. A value
        that cannot be tests is returned unchanged.

    Raises:
        BadRow: JSON cannot hold it.
    """
    parent = read_field(row, name.rpartition(".")[0]) if name not in row and "." in name else row
    columns = {
        column: content
        for holder in (row, parent)
        for column in TEST_COLUMNS
        if column != name and _describes_tests(column, content := holder.get(column))
    }
    if isinstance(value, str) and (not columns or not value.strip()):
        return value
    if value is None or isinstance(value, bool | int | float):
        return value
    try:
        return json.dumps({"tests": value, **columns} if columns else value, ensure_ascii=False, separators=(",", ":"))
    except (ValueError, TypeError, RecursionError) as error:
        raise BadRow("unstorable_field", f"{name!r} cannot be kept as JSON: {shorten(str(error))}") from error


def _describes_tests(column: str, content: Any) -> bool:
    """Tell whether a column's content matters for the tests; of metadata only a function's name does."""
    if column == "metadata":
        metadata = parse_json(content) if isinstance(content, str) else content
        return isinstance(metadata, Mapping) and any(metadata.get(name) for name in FUNCTION_NAMES)
    if column == "language":
        return isinstance(content, str) and not content.lower().startswith("py")
    if column == "starter_code":
        return isinstance(content, str) and "class Solution" in content
    return content not in (None, "", [], {})
