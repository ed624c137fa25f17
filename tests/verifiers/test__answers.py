import pytest

from assay.verifiers._answers import depth, final_answer, last_number


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("\\boxed{1} no, \\boxed{\\frac{1}{2}}", "\\frac{1}{2}"),
        ("\\boxed{\\text{\\{}} ", "\\text{\\{}"),
        ("\\boxed{3}, wait: \\boxed{4", "3"),
        ("The answer is 3. So: #### 5", "5"),
        ("The final answer is: $7$.", "$7$"),
        ("**Answer:** 73", "73"),
        ("**Answer**: 73", "73"),
        ("The answer is 3.5 metres. He left.", "3.5 metres"),
        ("The answer is:\n\\[\n\\frac{1}{2}\n\\]\n\nI hope so.", "\\[ \\frac{1}{2} \\]"),
        ("18", "18"),
    ],
)
def test_the_final_answer_is_what_was_marked_last(text, answer):
    assert final_answer(text).text == answer


@pytest.mark.parametrize("text", ["", "He has three.", "it could be 4 or 5", "\\boxed{", "####"])
def test_where_nothing_is_marked_there_is_no_final_answer(text):
    found = final_answer(text)
    assert found is None or found.how == "whole"


def test_numbers_inside_words_are_not_read():
    assert last_number("7 cats, x2 and v1.5") == "7"


def test_depth_counts_open_brackets():
    assert [depth(text) for text in ("", "{}", "{({})}", "}}}{")] == [0, 1, 3, 1]
