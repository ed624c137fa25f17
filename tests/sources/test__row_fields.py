import pytest

from assay.sources._bad_row import BadRow
from assay.sources._row_fields import find_column, read_field


def test_a_flat_name_with_dots_wins_over_a_path():
    assert read_field({"a.b": 1, "a": {"b": 2}}, "a.b") == 1
    assert read_field({"a": {"b": 2}}, "a.b") == 2
    with pytest.raises(BadRow, match=r"a\.c"):
        read_field({"a": {"b": 2}}, "a.c")


def test_a_column_holds_its_name_or_the_first_step_of_a_path():
    columns = ["a.b", "c"]
    assert [find_column(path, columns) for path in ("a.b", "c.d.0", "a")] == ["a.b", "c", ""]


def test_of_several_names_the_first_that_is_not_null_counts():
    assert read_field({"a": None, "b": 2}, "a|b") == 2
    assert read_field({"a": None}, "a") is None
    with pytest.raises(BadRow, match=r"a\|b"):
        read_field({"a": None, "c": 1}, "a|b")
