"""The phrase behind an announcement: where it ends, and what comes off it."""

import pytest

from assay.verifiers.answers.excerpts import normalize_scripts, read_phrase, strip_decoration


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" 7.", "7"),
        (" 3.5 metres. He left.", "3.5 metres"),
        (" 2/3.", "2/3"),
        (" 10:45 p.m. He left.", "10:45 p.m."),
        (" Dr. Smith. He left.", "Dr. Smith"),
        (" 七。其余", "七"),
        ("\n7\n", "7"),
        ("\n\n**7**", "7"),
        ("\n```\n7\n```\nDone.", "7"),
        ("\n1 2\n3 4\n\nDone.", "1 2\n3 4"),
        (" 1 2\n3 4\n\nDone.", "1 2\n3 4"),
        ("\n[[1, 2],\n [3, 4]]\nDone.", "[[1, 2],\n [3, 4]]"),
        ("\n- a\n- b\n\nDone.", "- a\n- b"),
        ("\n$$\nx = 7\n$$\nDone.", "$$ x = 7 $$ Done"),
    ],
)
def test_a_phrase_ends_with_its_sentence_its_fence_its_formula_or_its_grid(text, said):
    assert read_phrase(text, 0).text == said


@pytest.mark.parametrize("text", ["", " ...", "\n# Next", " ---"])
def test_where_nothing_is_said_there_is_no_phrase(text):
    assert read_phrase(text, 0) is None


def test_a_question_is_no_answer():
    assert read_phrase(" 7?", 0).doubt == "a question"
    assert read_phrase(" 7!", 0).doubt == ""


@pytest.mark.parametrize(("text", "value"), [("7", True), ("\\pi", True), ("a b c d", True), ("a b c d e", False)])
def test_a_value_holds_a_digit_or_mathematics_or_is_short(text, value):
    assert read_phrase(text, 0).is_value == value


@pytest.mark.parametrize(
    ("native", "plain"), [("٧٢", "72"), ("७२", "72"), ("７２％", "72%"), ("72", "72"), ("１，０００", "1,000")]
)
def test_digits_of_every_script_are_read(native, plain):
    assert normalize_scripts(native) == plain


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("**7** dollars.", "7 dollars"),
        ("`7`", "7"),
        ("__7__", "7"),
        ("<b>7</b>", "7"),
        ("7<|im_end|>", "7"),
        ('"7"', "7"),
        ("7$", "7"),
        ("7)", "7"),
        ("(7)", "(7)"),
        ("72입니다", "72"),
        ("72です", "72"),
        ("10:45 p.m.", "10:45 p.m."),
    ],
)
def test_what_dresses_a_phrase_comes_off(line, plain):
    assert strip_decoration(line) == plain
