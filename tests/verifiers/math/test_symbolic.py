"""Expressions that algebra must compare."""

import pytest

from assay.verifiers.math import symbolic
from assay.verifiers.math.symbolic import compare_latex, evaluate_number, is_readable, relation_ratio


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("x^{2}-1", "(x-1)(x+1)"),
        ("2\\sqrt{3}", "\\sqrt{12}"),
        ("x", "x+0"),
        ("2^{10}", "1024"),
        ("\\frac{1}{29,322,216}", "1/29322216"),
    ],
)
def test_equal_expressions_are_equal_strictly(gold, answer):
    assert compare_latex(gold, answer) == (True, True)


@pytest.mark.parametrize(
    ("gold", "answer"), [("N+1", "n+1"), ("\\ln 2", "\\log 2"), ("\\sqrt{1/n}", "\\frac{1}{\\sqrt{n}}")]
)
def test_what_depends_on_a_convention_is_equal_leniently(gold, answer):
    assert compare_latex(gold, answer) == (False, True)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("1.6 \\cdot 10^{-19}", "x-x"),
        ("2^{-60}", "0x"),
        ("\\frac{1}{2^{99}}", "\\frac{1}{2^{98}}"),
        ("x", "y"),
        ("5", "x'"),
    ],
)
def test_unequal_ones_are_not_however_small(gold, answer):
    assert compare_latex(gold, answer) == (False, False)


def test_a_text_is_read_to_its_end_or_not_at_all():
    assert is_readable("x^2+1")
    assert not is_readable("x^2+1 ] 5")
    assert not is_readable("x^2 +")


def test_relations_have_a_ratio_with_a_sign():
    assert relation_ratio(("x+y", "5"), ("y", "5-x")) == pytest.approx(1)
    assert relation_ratio(("x", "1"), ("-x", "-1")) == pytest.approx(-1)
    assert relation_ratio(("x", "1"), ("x", "2")) == 0.0


def test_only_what_has_no_letters_has_a_value():
    assert float(evaluate_number("\\sqrt{4}")) == 2.0
    assert evaluate_number("x") is None


def test_a_number_too_large_to_work_out_raises():
    with pytest.raises(OverflowError):
        evaluate_number("9^{9^{9^{9}}}")


@pytest.mark.parametrize(
    ("one", "other", "depends"),
    [
        ("x+1", "5", True),
        ("x+y", "2x", True),
        ("\\sin^2 x + \\cos^2 x", "1", False),  # simplifying tells that it does not
        ("5", "x", False),
        ("\\sum_{k=1}^{9} x^k", "1", False),  # left to what works sums out
    ],
)
def test_an_expression_depends_on_a_letter_where_its_value_changes_with_it(one, other, depends):
    assert symbolic._depends_on_more(symbolic._parse_latex(one), symbolic._parse_latex(other)) == depends


def test_expressions_of_unlike_letters_are_equal_only_where_the_letters_drop_out():
    assert compare_latex("\\sin^2 x + \\cos^2 x", "1") == (True, True)
    assert compare_latex("x+1", "y+1") == (False, False)
