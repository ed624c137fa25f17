import pytest

from assay.maths.text.options import labelled_options, listed_options, parsed_options, plain_option, question_options


@pytest.mark.parametrize(
    "value",
    [
        ["x", "y"],
        ("x", "y"),
        ["A) x", "B) y"],
        ["A)x", "B)y"],
        ["(A) x", "(B) y"],
        ["a. x", "b. y"],
        {"A": "x", "B": "y"},
        {"a": "x", "b": "y"},
        {"(A)": "x", "(B)": "y"},
        {"0": "x", "1": "y"},
        {"label": ["A", "B"], "text": ["x", "y"]},
        {"text": ["x", "y"]},
        [{"label": "A", "text": "x"}, {"label": "B", "text": "y"}],
        [{"key": "A", "value": "x"}, {"key": "B", "value": "y"}],
        [{"A": "x"}, {"B": "y"}],
        "A) x; B) y",
        "A) x, B) y",
        "A. x\nB. y",
        "(A) x (B) y",
        "A: x B: y",
        "a ) x , b ) y",
        "A．x B．y",
        '["x", "y"]',
        "['A)x', 'B)y']",
        '{"A": "x", "B": "y"}',
    ],
    ids=str,
)
def test_options_are_read_from_any_usual_shape(value):
    assert parsed_options(value) == {"A": "x", "B": "y"}


@pytest.mark.parametrize(
    "value", [None, "", "x", "a man", [], ["x"], {}, 7, ["x"] * 11, "[1, 2", "In (A) nothing", True], ids=str
)
def test_what_holds_no_options_gives_none(value):
    assert parsed_options(value) == {}


@pytest.mark.parametrize(
    "row",
    [
        {"choices": ["x", "y"]},
        {"options": "A) x B) y"},
        {"A": "x", "B": "y"},
        {"opa": "x", "opb": "y"},
        {"option_a": "x", "option_b": "y"},
        {"option1": "x", "option2": "y"},
        {"choices": None, "options": ["x", "y"]},
    ],
    ids=str,
)
def test_a_row_keeps_them_under_any_usual_name(row):
    assert listed_options(row) == {"A": "x", "B": "y"}


def test_metadata_goes_before_the_question():
    assert question_options("(A) u (B) v", {"choices": ["x", "y"]}) == {"A": "x", "B": "y"}
    assert question_options("(A) u (B) v", {}) == {"A": "u", "B": "v"}
    assert question_options("(A) u (B) v", ["no mapping"]) == {"A": "u", "B": "v"}


def test_the_last_complete_list_of_a_text_counts():
    assert labelled_options("As in (A) and (B).\nA. 1\nB. 2\nC. 3") == {"A": "1", "B": "2", "C": "3"}
    assert labelled_options("$\\textbf{(A)}\\ 1 \\qquad\\textbf{(B)}\\ 2$") == {"A": "\\ 1", "B": "\\ 2$"}


def test_options_are_compared_without_dress():
    assert plain_option("$\\text{Paris}$.") == plain_option(" paris ") == plain_option("**Paris**")
    assert plain_option("ＡＢ") == "ab"
    assert plain_option("3.5") != plain_option("35")
