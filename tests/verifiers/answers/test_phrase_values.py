"""The one value of a phrase."""

import pytest

from assay.verifiers.answers.phrase_values import (
    find_letter_at_end,
    find_value_at_end,
    read_phrase_value,
    take_last_side,
)


@pytest.mark.parametrize(
    "phrase",
    [
        "(3, 4)",
        "3 or 4",
        "not 5",
        "at least 3",
        "2x + 5",
        "3, 4",
        "12 25",
        "between 3 and 5",
        "3 to 4",
        "$3$ and $4$",
        "twice 5",
        "3 squared",
    ],
)
def test_a_phrase_of_several_values_or_of_none_has_none(phrase):
    assert read_phrase_value(phrase) is None
    assert find_value_at_end(f"So it is {phrase}.") is None


@pytest.mark.parametrize(
    ("phrase", "value"),
    [
        ("18 dollars", "18 dollars"),
        ("about 5", "5"),
        ("the area of $ABC$ is 120", "120"),
        ("minus 3", "-3"),
        ("$\\frac{1}{2}$ of it", "\\frac{1}{2}"),
    ],
)
def test_words_around_a_value_leave_it_certain(phrase, value):
    assert read_phrase_value(phrase) == (value, True)


def test_another_number_behind_a_value_leaves_a_doubt():
    assert read_phrase_value("18 coins for 3 days") == ("18 coins", False)
    assert read_phrase_value("8, not 7") == ("8", False)


def test_the_last_value_of_a_text_is_whole():
    assert find_value_at_end("She walked 2 2/3 km.") == ("2 2/3 km", True)
    assert find_value_at_end("The chance is 1/2.") == ("1/2", True)
    assert find_value_at_end("It takes 3 hours 20 minutes.") == ("3 hours 20 minutes", True)
    assert find_value_at_end("no number") is None


def test_working_has_a_last_side_and_an_option_a_letter():
    assert take_last_side("9 * 2 = 18") == "18"
    assert take_last_side("18") == ""
    assert find_letter_at_end("The correct option is **(D)**.") == "D"
    assert find_letter_at_end("none") == ""


def test_a_long_text_is_read_from_its_end():
    assert find_value_at_end("so 4 " * 100_000).text == "4"
