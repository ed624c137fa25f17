"""What an answer says, told from its form."""

import pytest

from assay.verifiers.answers.meaning import (
    BasedNumber,
    BracketedValues,
    ClockTime,
    CompoundQuantity,
    MatrixValue,
    OptionLetter,
    ProportionValue,
    QuantityValue,
    RelationChain,
    UnionOfSets,
    UnreadAnswer,
    ValueList,
    WordAnswer,
    clean_answer,
    read_meaning,
    strip_condition,
)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *(
            ("5 cm", QuantityValue),
            ("3 hours 20 minutes", CompoundQuantity),
            ("4:30 p.m.", ClockTime),
            ("3:4", ProportionValue),
            ("52_8", BasedNumber),
        ),
        *(
            ("(D)", OptionLetter),
            ("D. 12", OptionLetter),
            ("east", WordAnswer),
            ("(1,2]", BracketedValues),
            ("(20,100)", BracketedValues),
        ),
        *(
            ("1,2", ValueList),
            ("3 or 4", ValueList),
            ("[1,2]\\cup[5,8]", UnionOfSets),
            ("1<x\\le 2", RelationChain),
            ("x \\in [1,2]", RelationChain),
        ),
        *(
            ("\\begin{pmatrix}1\\\\2\\end{pmatrix}", MatrixValue),
            ("因此一共72元", UnreadAnswer),
            ("1,234", QuantityValue),
            ("nine", QuantityValue),
        ),
    ],
)
def test_a_form_is_told_from_its_characters(text, kind):
    assert isinstance(read_meaning(text), kind)


def test_letters_beside_numbers_are_variables_and_words_behind_them_are_units():
    assert read_meaning("2m") == QuantityValue("2m")
    assert read_meaning("5 m").loose is not None
    assert read_meaning("5 m").unit is None
    assert read_meaning("5 \\text{ m}").unit.factors == (("meter", 1),)
    assert read_meaning("2ab") == QuantityValue("2ab")
    assert not read_meaning("4 apples").unit.known


def test_a_time_has_60_minutes_and_a_ratio_has_not():
    assert read_meaning("4:30") == ClockTime(270, "")
    assert read_meaning("16:30") == ClockTime(990, "") == ClockTime(read_meaning("4:30 pm").minutes, "")
    assert read_meaning("4:75") == ProportionValue(("4", "75"))


def test_dress_comes_off():
    assert clean_answer("$\\boxed{5}$.") == clean_answer("**5**") == clean_answer("`5`") == clean_answer("= 5") == "5"
    assert clean_answer("$18") == "\\$18"


def test_a_condition_behind_an_answer_comes_off():
    assert strip_condition(clean_answer("2^{n-1} \\text{ for all } n \\geq 1")) == "2^{n-1}"


def test_reading_ends_on_whatever_stands_there():
    for text in ("(" * 19, ")" * 50, "{" * 19 + "}" * 19, ",;,;", "=<>=", "\\text{", "$", "\\", "_", "1" * 400):
        read_meaning(text)


@pytest.mark.parametrize("text", [r"\in\sqrt{2}\{<$", r"=[Answer: \in", r"1,234=(i\in,"])
def test_a_sign_behind_brackets_that_do_not_match_leaves_the_answer_unread(text):
    """Its sides and signs were not one more than the other, and a comparison raised."""
    meaning = read_meaning(text)
    assert not isinstance(meaning, RelationChain) or len(meaning.sides) == len(meaning.signs) + 1
