import random
from fractions import Fraction

import pytest

from assay.verifiers.answers.numbers import Number, is_same_number, parse_number, tidy


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18", 18),
        ("-1,234.5", Fraction(-2469, 2)),
        (".5", Fraction(1, 2)),
        ("$-3$", -3),
        ("-\\$3", -3),
        ("\\frac{-1}{3}", Fraction(-1, 3)),
        ("\\frac12", Fraction(1, 2)),
        ("10{,}000", 10_000),
        ("5.", 5),
        ("-2 \\frac{1}{2}", Fraction(-5, 2)),
        ("−7", -7),
    ],
)
def test_numbers_are_read_exactly(text, value):
    assert parse_number(text).value == value


@pytest.mark.parametrize("text", ["", "x", "1 2", "1,23", "1/0", "1_000", "٣", "2^3", "5!", "9" * 301, "--1", "10,11"])
def test_what_is_not_one_plain_number_is_none(text):
    assert parse_number(text) is None


def test_decimals_may_be_rounded_to_six_places_and_ratios_may_not():
    assert is_same_number(parse_number("1/3"), parse_number("0.333333"))
    assert not is_same_number(parse_number("1/3"), parse_number("0.33333"))
    assert not is_same_number(parse_number("1/3"), parse_number("333333/1000000"))


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        (r"2 \pi  r ^2", r"2\pi r^2"),
        (r"\sin h", r"\sin h"),
        (r"x \ge q", r"x\ge q"),
        (r"x \ge 5", r"x\ge5"),
        (r"\approx 8.24 \text{ mph}", r"\approx 8.24\text{mph}"),
        (r"\begin{pmatrix} 1 \\ -2 \end{pmatrix}", r"\begin{pmatrix}1\\-2\end{pmatrix}"),
        ("1 2", "1 2"),
    ],
)
def test_white_space_goes_where_it_means_nothing(text, bare):
    assert tidy(text) == bare == tidy(bare)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(
            ("1e5", 100_000),
            ("4.5E3", 4_500),
            ("4.5 \\times 10^{3}", 4_500),
            ("4.5x10^3", 4_500),
            ("10^{-3}", Fraction(1, 1000)),
        ),
        *(
            ("11 5/6", Fraction(71, 6)),
            ("-2 1/2", Fraction(-5, 2)),
            ("12 345", 12_345),
            ("10\\,000", 10_000),
            ("1 000.5", Fraction(2001, 2)),
        ),
        *(
            ("0.\\overline{3}", Fraction(1, 3)),
            ("0.1\\overline{6}", Fraction(1, 6)),
            ("0.(12)", Fraction(4, 33)),
            ("0.333...", Fraction(1, 3)),
        ),
    ],
)
def test_rarer_spellings_of_a_number_are_read_exactly(text, value):
    assert parse_number(text).value == value


@pytest.mark.parametrize("text", ["12 25", "1 2 3", "0,111", "32, 349", "5 7/6", "012 345"])
def test_numbers_side_by_side_are_not_one(text):
    assert parse_number(text) is None


def test_a_gap_beyond_rounding_tells_what_comparing_fractions_would():
    rng = random.Random(6)
    for _ in range(2_000):
        value = Fraction(rng.randrange(-(10**7), 10**7), rng.choice((1, 3, 7, 1000)))
        near = value + Fraction(rng.randrange(-30, 31), 10 ** rng.choice((5, 6, 7)))
        equal = round(value, 6) == round(near, 6) and abs(value - near) <= Fraction(1, 10**5) * max(
            abs(value), abs(near)
        )
        assert is_same_number(Number(value, True), Number(near, False)) == equal
