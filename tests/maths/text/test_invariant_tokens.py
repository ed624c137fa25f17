import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.maths.text.invariant_tokens import comparison_form, protected_tokens, protected_tokens_of_all


def tokens(text):
    return protected_tokens(comparison_form(text))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("The dog ran home.", ()),
        ("", ()),
        ("1,000 apples", ("1000",)),
        ("at 3:15 going 60 mph", ("3:15", "60", "mph")),
        (".5 of it, then 5.", (".5", "5")),
        ("It fell by 30%!", ("30", "percent")),
        ("Wow! 5! is big", ("5", "!")),
        ("a well-known two-digit number", ("2", "digit")),
        ("x-y and -3", ("x", "-", "y", "-", "3")),
        ("f'(2) and Tom's", ("f", "'", "(", "2", ")")),
        ("She paid $5 and $6.", ("5", "dollar", "6", "dollar")),
        ("Open \\(x and $$y$$", ("(", "x", "y")),
        ("Let $a_1 = \\frac{1}{B}$ hold", ("a", "_", "1", "=", "1", "/", "B")),
        ("\\(big cat\\)", tuple("bigcat")),
        ("segment AB of USA, a cat I saw", ("AB", "USA")),
        ("x² of ½", ("x", "^", "2", "1", "/", "2")),
    ],
)
def test_what_may_not_change_is_kept_in_order(text, kept):
    assert tokens(text) == kept


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("eighteen cats", "18 cats"),
        ("twenty-five of two hundred and six", "25 of 206"),
        ("3 million people", "three million people"),
        ("two thirds of it", "$\\frac{2}{3}$ of it"),
        ("$700 each", "700 dollars each"),
        ("\\$700 each", "$\\$700$ each"),
        ("6 ft tall", "six feet tall"),
        ("5kg and 5 kilograms", "5 kg and 5 kilogram"),
        ("30% off", "30 percent off"),
        ("turn $60^{\\circ}$", "turn 60 degrees"),
        ("the number $24$", "the number 24"),
        ("x² + 1", "$x^2+1$"),
        ("√2 of $\\pi$", "$\\sqrt{2}$ of π"),
    ],
)
def test_two_spellings_of_an_amount_are_one_token(one, other):
    assert tokens(one) == tokens(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("He has 3 cats.", "He has 4 cats."),
        ("He has three cats.", "He has four cats."),
        ("5 more than x", "5 fewer than x"),
        ("twice as tall", "half as tall"),
        ("(2 + 3) * 4", "2 + 3 * 4"),
        ("[0, 1)", "(0, 1]"),
        ("costs .5 coins", "costs 5 coins"),
        ("in terms of x", "in terms of y"),
        ("segment AB", "segment AC"),
        ("f'(x)", "f(x)"),
        ("Is it a prime?", "Is it not a prime?"),
        ("$x$", "$X$"),
        ("5 meters", "5 feet"),
        ("$5", "€5"),
        ("3!", "3"),
        ("x²", "x³"),
        ("a ≤ b", "a < b"),
    ],
)
def test_two_problems_that_differ_in_one_of_them_differ(one, other):
    assert tokens(one) != tokens(other)


@given(st.lists(st.text(max_size=40), max_size=4))
def test_many_at_once_are_as_one_by_one(texts):
    assert protected_tokens_of_all(texts) == [protected_tokens(text) for text in texts]


@given(st.text(alphabet="0123456789abc+-*/=<>()$. ", max_size=60))
def test_no_digit_and_no_sign_is_lost(text):
    held = "".join(tokens(text))
    wanted = [character for character in comparison_form(text) if character.isdigit() or character in "+*/=<>()"]
    assert [character for character in held if character.isdigit() or character in "+*/=<>()"] == wanted


def test_a_million_bytes_of_open_delimiters_or_quotes_take_no_time():
    began = time.process_time()
    for text in ("$a" * 50_000, "\\(" * 50_000, "\\begin{a}" * 10_000, "'" * 100_000, "a'" * 50_000):
        protected_tokens(text)
    assert time.process_time() - began < 3
