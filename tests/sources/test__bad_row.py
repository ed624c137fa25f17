"""A row that cannot become a problem, and how its value is shown."""

import pytest

from assay.sources._bad_row import BadRow, shorten


def test_a_bad_row_says_its_reason_and_its_detail():
    error = BadRow("no_gold", "row 3")
    assert (error.reason, error.detail, error.args) == ("no_gold", "row 3", ("no_gold", "row 3"))
    assert isinstance(error, ValueError)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "'a'"),
        (7, "7"),
        (None, "None"),
        ("é\n", "'\\xe9\\n'"),
        ("\ud800", "'\\ud800'"),
        ([1, "a"], "[1, 'a']"),
    ],
)
def test_a_value_is_shown_in_printable_characters(value, text):
    assert shorten(value) == text


@pytest.mark.parametrize(("chars", "length"), [(80, 80), (10, 10)])
def test_a_long_value_is_cut_to_its_length(chars, length):
    text = shorten("x" * 1_000_000, chars)
    assert len(text) == length
    assert text.endswith("...")


def test_a_number_of_too_many_digits_is_named_by_its_type():
    assert shorten(10**5000) == "a int"


def test_a_value_nested_too_deep_is_named_by_its_type():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert shorten(deep) == "a list"
