import pytest

from assay.verifiers.exact import Exact


def both(case, gold, text):
    verdict = Exact().judge(case(gold, text))
    return verdict.outcome, verdict.lenient or verdict.outcome


def test_spaces_and_unicode_forms_do_not_matter(case):
    assert Exact().judge(case("two  words", "ｔｗｏ\nwords")).outcome == "correct"


def test_case_matters_unless_told_otherwise(case):
    assert Exact().judge(case("North", "north")).outcome == "wrong"
    assert Exact(casefold=True).judge(case("North", "north")).outcome == "correct"


def test_equal_numbers_in_two_spellings_are_not_the_same_characters(case):
    assert both(case, "0.5", "1/2") == ("wrong", "wrong")


@pytest.mark.parametrize(
    "text",
    [
        "\\boxed{\\text{New York}}",
        "The answer is New York.",
        "<think>Rome?</think>New York",
        "**Answer:** New York",
        "<answer>\nNew York\n</answer>",
    ],
)
def test_a_marked_answer_is_right_beyond_doubt(case, text):
    assert both(case, "New York", text) == ("correct", "correct")


@pytest.mark.parametrize(
    "text",
    [
        "\\boxed{new york}",
        'The answer is "New York".',
        "New York!",
        "The answer is New York, since it is large.",
        "We look.\n**New York**",
    ],
)
def test_what_a_person_would_accept_is_right_leniently(case, text):
    assert both(case, "New York", text)[1] == "correct"
    assert both(case, "York", text) == ("wrong", "wrong")


def test_a_sentence_keeps_its_full_stop_or_loses_it(case):
    assert both(case, "It rains.", "The answer is: It rains.") == ("correct", "correct")


def test_what_is_said_in_a_thought_is_no_answer(case):
    assert both(case, "north", "<think>The answer is north.</think> The answer is south.") == ("wrong", "wrong")
