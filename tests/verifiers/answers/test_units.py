"""Units as answers spell them."""

import subprocess
import sys

import pytest

from assay.verifiers.answers.units import NAMES, Unit, conversion_factor, find_units, read_unit


@pytest.mark.parametrize(
    ("spelling", "other"),
    [
        *(
            ("cm^2", "square centimeters"),
            ("km/h", "kilometers per hour"),
            ("m/s^{2}", "meters per second squared"),
            ("\\%", "percent"),
            ("ft", "feet"),
        ),
        *(
            ("dollars", "USD"),
            ("^\\circ", "degrees"),
            ("sq. ft", "square feet"),
            ("hrs", "hours"),
            ("apples", "apple"),
            ("dollars in total", "dollars"),
        ),
    ],
)
def test_two_spellings_of_one_unit_are_equal(spelling, other):
    assert read_unit(spelling) == read_unit(other) is not None


@pytest.mark.parametrize(
    ("source", "target", "factor"),
    [
        ("hour", "minutes", 60),
        ("m", "cm", 100),
        ("m", "ft", 3.280839895),
        ("km/h", "m/s", 1 / 3.6),
        ("dollars", "cents", 100),
        ("mph", "miles per hour", 1),
    ],
)
def test_units_of_one_kind_have_a_factor(source, target, factor):
    assert conversion_factor(read_unit(source), read_unit(target)) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("spelling", "other"),
    [("m", "kg"), ("cm^2", "cm"), ("dollars", "euros"), ("apples", "pears"), ("°C", "°F"), ("percent", "m")],
)
def test_units_of_two_kinds_have_none(spelling, other):
    assert conversion_factor(read_unit(spelling), read_unit(other)) is None


def test_plain_words_are_no_units_whatever_a_prefix_would_make_of_them():
    assert not any(read_unit(word).known for word in ("cats", "hats", "eggs", "pens", "mints"))
    assert read_unit("12 apples") is None
    assert read_unit("m; import os") is None


def test_a_question_names_units_but_not_by_a_letter_or_a_preposition():
    assert find_units("How many meters is 5 ft in total?") == {"meter", "foot"}
    assert find_units("Let m be in A.") == frozenset()


def test_every_listed_unit_is_known_to_pint_or_is_money_or_percent():
    meter = read_unit("meter")
    money = {"usd", "cent", "eur", "gbp", "jpy", "inr", "cny", "krw", "percent"}
    for name in set(NAMES.values()) - money:
        conversion_factor(Unit(((name, 1),), True), meter)


def test_pint_is_imported_only_when_two_units_meet():
    code = (
        "import sys; from assay.verifiers.math.verifier import Math; from assay.verifiers.math.equality import compare_answers;"
        "from assay.verifiers.math.comparison import Rules;"
        "compare_answers('5 cm', '5', Rules(), prove=False); assert 'pint' not in sys.modules;"
        "compare_answers('60 min', '1 hour', Rules(), prove=False); assert 'pint' in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, timeout=60).returncode == 0
