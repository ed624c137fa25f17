from contextlib import suppress
from fractions import Fraction
from random import Random

import pytest

from assay.verifiers.reasoning_gym.expressions import (
    MAX_DEPTH,
    ExpressionError,
    evaluate_arithmetic,
    list_integers,
    read_expression,
    split_equation,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("40*(94 - 90) + 83 - 74", 169),
        ("-3 + 5", 2),
        ("2 - -3", 5),
        ("7 / 2 / 2", Fraction(7, 4)),
        ("(1 + 2)(3 + 4)", 21),
        ("[1 + 2] × 3 − 4 ÷ 2", 7),
        (r"\frac{1}{2} \times 4 \cdot 3", 6),
        (r"\left(1 + 2\right) \div 3", 1),
        ("2(3)", 6),
        ("1.5 + .5", 2),
    ],
)
def test_arithmetic_as_people_write_it(text, value):
    assert evaluate_arithmetic(read_expression(text)) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 2",
        "1 +",
        "* 2",
        "(1 + 2",
        "1 + 2)",
        "(1 + 2]",
        "2 // 3",
        "2 % 3",
        "1_000",
        "0x1F",
        "1e3",
        "1 << 4",
        "x.y",
        "x[0]",
        "'a'",
        "a, b",
        "a = b",
        "lambda: 1",
        "f(1, 2)",
        "__import__('os')",
        "2\\frac{1}{2}",
        "(" * 200 + "1" + ")" * 200,
        "-" * 10 + "(" * (MAX_DEPTH + 2) + "1" + ")" * (MAX_DEPTH + 2),
        "1" * 100,
        "1+" * 3_000 + "1",
        "x^" * 500 + "2",
        "١ + ٢",
    ],
)
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(ExpressionError):
        read_expression(text)


@pytest.mark.parametrize("text", ["x + 1", "sin(1)", "2**3", "2^3", "1/0", "1/(2 - 2)"])
def test_what_has_no_value_as_arithmetic_is_refused(text):
    with pytest.raises(ExpressionError):
        evaluate_arithmetic(read_expression(text))


def test_every_number_is_counted_and_only_integers_are():
    assert list_integers(read_expression("40*(94 - 90) + 83 - 40")) == [40, 94, 90, 83, 40]
    with pytest.raises(ExpressionError):
        list_integers(read_expression("1.5*2"))


def test_an_equation_has_two_sides():
    assert split_equation("1 + 1 = 2") == ("1 + 1 ", " 2")
    assert split_equation("1 + 1") == ("1 + 1", "")


def test_ten_thousand_random_texts_end_in_a_tree_or_a_refusal():
    rng, alphabet = Random(5), "0123456789xyz+-*/^()[]{}. =\\frac sin,'\"_%"
    for _ in range(10_000):
        text = "".join(rng.choice(alphabet) for _ in range(rng.randint(0, 40)))
        with suppress(ExpressionError):
            read_expression(text)
