import pytest

from assay.core.types import Message
from assay.sources._bad_row import BadRow
from assay.sources._options import append_options, format_options, letter_of_index, shows_options
from assay.sources._rows import Fields, Row

ROW = {"question": "Pick", "choices": ["xx", "yy", "zz"], "answer": 1}


def pair(row, **settings):
    return Fields(**({"prompt": "question", "verifier": "choice"} | settings)).convert_row(Row(row))


@pytest.mark.parametrize(
    "choices",
    [["xx", "yy"], {"A": "xx", "B": "yy"}, {"label": ["A", "B"], "text": ["xx", "yy"]}, "A) xx B) yy", '["xx", "yy"]'],
    ids=str,
)
def test_options_are_put_below_the_prompt_in_one_form(choices):
    problem, label = pair({"question": "Pick", "choices": choices, "answer": "B"}, options="choices")
    assert problem.text == "Pick\n\nA. xx\nB. yy"
    assert label.answer == "B"
    assert problem.metadata == '{"options":{"A":"xx","B":"yy"}}'


def test_a_template_says_how_a_line_looks():
    problem, _ = pair(ROW | {"answer": "B"}, options="choices", options_template="({letter}) {text}")
    assert problem.text.endswith("\n\n(A) xx\n(B) yy\n(C) zz")
    with pytest.raises(ValueError, match="options_template"):
        Fields(options_template="{text}")


def test_a_field_of_the_prompt_that_lists_options_shows_them():
    problem, _ = pair(ROW | {"answer": "B"}, prompt=("question", "choices"))
    assert problem.text == "Pick\n\nA. xx\nB. yy\nC. zz"


def test_one_field_per_option_may_be_named():
    problem, _ = pair({"question": "Pick", "opa": "xx", "opb": "yy", "answer": "A"}, options=("opa", "opb"))
    assert problem.text == "Pick\n\nA. xx\nB. yy"


@pytest.mark.parametrize(
    ("first", "value", "letter"), [(0, 1, "B"), (1, 1, "A"), (0, "2", "C"), (0, 2.0, "C"), (0, "B", "B")]
)
def test_an_index_becomes_a_letter_where_the_source_says_from_where_it_counts(first, value, letter):
    _, label = pair(ROW | {"answer": value}, options="choices", answer_index=first)
    assert label.answer == letter


def test_an_index_without_an_option_is_a_bad_row():
    with pytest.raises(BadRow) as error:
        pair(ROW | {"answer": 3}, options="choices", answer_index=0)
    assert error.value.reason == "index_out_of_range"
    with pytest.raises(ValueError, match="answer_index is 2"):
        Fields(answer_index=2)


@pytest.mark.parametrize("verifier", ["choice", "math"])
def test_a_question_without_its_options_is_refused_with_the_setting_that_shows_them(verifier):
    with pytest.raises(BadRow) as error:
        pair(ROW | {"answer": "B"}, verifier=verifier)
    assert error.value.reason == "options_not_shown"
    assert 'options = "choices"' in error.value.detail


def test_a_question_that_shows_its_options_is_read_as_it_is():
    row = ROW | {"question": "Pick: A) xx B) yy C) zz", "answer": "B"}
    assert pair(row)[0].text == row["question"]
    assert pair(row, options="choices")[0].text == row["question"]


def test_a_value_beside_options_that_a_row_happens_to_hold_is_no_choice():
    assert pair(ROW | {"answer": "17"}, verifier="math")[1].answer == "17"


def test_options_that_cannot_be_read_are_a_bad_row():
    with pytest.raises(BadRow) as error:
        pair({"question": "Pick", "choices": 7, "answer": "A"}, options="choices")
    assert error.value.reason == "options_unreadable"


def test_a_chat_shows_options_below_its_last_question():
    turns = (Message("system", "Be brief."), Message("user", "Pick"))
    shown = append_options(turns, {"A": "xx", "B": "yy"}, "{letter}) {text}")
    assert shown == (turns[0], Message("user", "Pick\n\nA) xx\nB) yy"))
    assert shows_options(shown, {"A": "xx", "B": "yy"})
    assert not shows_options(turns, {"A": "xx", "B": "yy"})


def test_no_options_change_nothing():
    assert format_options({}, "{letter} {text}") == ""
    assert append_options((Message("user", "Pick"),), {}, "{letter} {text}") == (Message("user", "Pick"),)


@pytest.mark.parametrize(("value", "letter"), [("7 apples", ""), (True, ""), ("", ""), ("-1", ""), (0, "A")])
def test_only_a_whole_number_is_an_index(value, letter):
    assert letter_of_index(value, 0, {"A": "x", "B": "y"}) == letter
