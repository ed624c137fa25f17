from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.types import Message, Problem
from assay.maths.text.words import answer_value, normal_form, normal_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a  b\n\tc", "a b c"),
        (" a b c\u00a0", "a b c"),
        ("ｆｕｌｌ　ｗｉｄｔｈ", "full width"),
        ("e\u0301", "é"),
        ("zero\u200bwidth", "zerowidth"),
        ("\ufeffa", "a"),
        ("ﬁve", "five"),
    ],
)
def test_spellings_of_one_text_are_one(one, other):
    assert normal_form(one) == normal_form(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x² + 1", "x2 + 1"),
        ("2½ cups", "21⁄2 cups"),
        ("x₁ + x₂", "x1 + x2"),
        ("5 - 3", "5 + 3"),
        ("What is 1,000?", "What is 1000?"),
        ("Is a > b?", "Is a < b?"),
        ("A", "a"),
        ("5!", "5"),
    ],
)
def test_a_number_a_sign_a_case_or_a_raised_digit_makes_another_text(one, other):
    assert normal_form(one) != normal_form(other)


@given(st.text())
def test_the_normal_form_is_its_own_normal_form(text):
    assert normal_form(normal_form(text)) == normal_form(text)


@given(st.text(alphabet="0123456789+-*/=<>²³½₁ \n"))
def test_no_visible_character_of_arithmetic_is_lost(text):
    assert normal_form(text).replace(" ", "") == "".join(text.split())


def test_the_key_holds_roles_texts_and_media():
    def key(role, text, media=()):
        return normal_key(Problem.of((Message(role, text),), media=media))

    assert key("user", "a  b") == key("user", "a b")
    assert len({key("user", "a"), key("system", "a"), key("user", "a", ("x",)), key("user", "a", ("y",))}) == 4


def test_turns_are_not_run_together():
    assert normal_key(Problem.of((Message("user", "a b"),))) != normal_key(
        Problem.of((Message("user", "a"), Message("user", "b")))
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,234.50", Fraction(12345, 10)),
        ("$18", Fraction(18)),
        ("-3/4", Fraction(-3, 4)),
        ("−7", Fraction(-7)),
        (".5", Fraction(1, 2)),
        ("\\dfrac{3}{4}", Fraction(3, 4)),
        ("$\\frac{1}{2}$", Fraction(1, 2)),
        ("07", Fraction(7)),
    ],
)
def test_a_number_is_its_value(text, value):
    assert answer_value(text) == value


@pytest.mark.parametrize("text", ["1/0", "50%", "1,00", "3 apples", "x", "", "1e3", "٣"])
def test_what_is_no_plain_number_stays_a_text(text):
    assert answer_value(text) == text


def test_a_number_of_a_million_digits_is_a_text_at_once():
    assert answer_value("9" * 1_000_000) == "9" * 1_000_000


@given(st.text())
def test_any_answer_has_a_value(text):
    assert isinstance(answer_value(text), Fraction | str)


@pytest.mark.parametrize(
    "text", ["", " ", "  ", "a b", " a b ", "a  b", "a\tb", "a\nb", "a\x1cb", "a\x7f b", "\x0ba", "a" * 300]
)
def test_ascii_texts_are_their_words_one_blank_apart(text: str) -> None:
    assert normal_form(text) == " ".join(text.split())
