import math
import random

import pytest

from assay.verifiers.math.point_values import LETTERS, MAX_VALUE, are_far_apart, evaluate_at_letters
from assay.verifiers.math.symbolic import compare_latex
from assay.verifiers.math.verifier import Math

VALUES = [
    ("5 \\cdot 1", 5.0),
    ("-3 + 2 \\times 4", 5.0),
    ("\\frac{3\\pi}{4}", 0.75 * math.pi),
    ("\\sqrt{34} + 3\\sqrt{10}", 34**0.5 + 3 * 10**0.5),
    ("(\\sqrt{2} - 1)(\\sqrt{2} + 1)", 1.0),
    ("\\sqrt[3]{8}^{2}", 4.0),
    ("2^{-1} + .5", 1.0),
    ("12 \\div 4 * 2", 6.0),
    ("1." + "27" * 200, 1.2727272727272727),
    ("2x^{2} - x(y + 1)", 2 * LETTERS["x"] ** 2 - LETTERS["x"] * (LETTERS["y"] + 1)),
    ("\\frac{ab}{2} + a/b", LETTERS["a"] * LETTERS["b"] / 2 + LETTERS["a"] / LETTERS["b"]),
]
NOT_READ = [
    "X + 1",  # perhaps x
    "x + e",
    "3i",
    "f(x)",
    "x_1",
    "x2",
    "\\sin x",
    "5!",
    "1\\frac{1}{2}",  # a mixed number
    "3 \\cdot 1\\frac{1}{2}",
    "a/bc",
    "1(2/3)",  # perhaps one
    "12 25",
    "1,234 - 1",
    "5.",
    "1/2\\pi",  # over 2, or over 2 pi
    "2^10",  # TeX raises to 1
    "2^{3}^{4}",
    "50\\%",
    "\\sqrt{0}",  # a rounding error would grow under the root
    "1/(\\sqrt{4} - 2)",
    "\\sqrt{-2}",
    "(1 + 2",
    "1 + 2)",
    "",
    "10^{10} - 1",
    f"{int(MAX_VALUE) + 1}",
    "(" * 40 + "1" + ")" * 40,
    "1+" * 600 + "1",
]


@pytest.mark.parametrize(("latex", "value"), VALUES)
def test_sums_products_fractions_powers_and_roots_of_numbers_and_letters_have_values(latex, value):
    assert evaluate_at_letters(latex) == pytest.approx(value)


@pytest.mark.parametrize("latex", NOT_READ)
def test_what_readers_could_read_in_two_ways_or_a_float_cannot_hold_has_no_value(latex):
    assert evaluate_at_letters(latex) is None
    assert not are_far_apart(latex, "7919")


def test_values_that_agree_to_four_digits_are_left_to_algebra():
    assert not are_far_apart("\\sqrt{2}", "1.41421")
    assert are_far_apart("\\sqrt{2}", "1.414")
    assert not are_far_apart(".00001", "\\frac{1}{100000} + .00001")


def test_what_is_far_apart_is_unequal_by_algebra_too():
    rng, tried = random.Random(16), 0
    while tried < 60:
        pair = [write(rng, depth) for depth in (3, 2)]
        if are_far_apart(*pair):
            tried += 1
            assert compare_latex(*pair) == (False, False), pair


def test_an_answer_with_another_value_is_judged_without_algebra(case):
    verdict = Math().glance(case("28", "So \\boxed{\\sqrt{34} + 3\\sqrt{10}}."))
    assert (verdict.outcome, verdict.lenient, verdict.reason) == ("wrong", None, "symbolic")
    verdict = Math().glance(case("x^2+1", "So \\boxed{2+x^2}."))
    assert (verdict.outcome, verdict.lenient, verdict.reason) == ("wrong", None, "symbolic")
    assert Math().glance(case("\\sqrt{8}", "So \\boxed{\\sqrt{2}+\\sqrt{2}}.")) is None
    assert Math().glance(case("x^2+1", "So \\boxed{1+x^2}.")) is None


def write(rng, depth):
    if depth == 0 or rng.random() < 0.3:
        return rng.choice((str(rng.randrange(1, 60)), f"{rng.randrange(9)}.{rng.randrange(10, 99)}", "x", "y"))
    left, right = write(rng, depth - 1), write(rng, depth - 1)
    return rng.choice(
        (
            f"{left} + {right}",
            f"{left} - {right}",
            f"({left}) \\cdot ({right})",
            f"\\frac{{{left}}}{{{right}}}",
            f"{rng.randrange(2, 9)}\\sqrt{{{left}}}",
            f"\\frac{{{left}}}{{{right}}}\\pi",
            f"({left})({right})",
            f"({left})^{{2}}",
            f"-{left}",
        )
    )
