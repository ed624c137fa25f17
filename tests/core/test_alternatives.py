import pytest

from assay.core.alternatives import join_answers, split_answers
from assay.core.types import Label


def test_what_is_written_for_several_is_read_as_several():
    answers = ("2", 'a "quote"', "½")
    assert split_answers(join_answers(answers)) == answers
    assert Label.of("p", join_answers(answers), verifier="math").answers == answers


@pytest.mark.parametrize(
    "answer",
    ["", "2", "[1, 2]", '["a"]', '{"any_of":', '{"any_of":7}', '{"any_of":["a"],"b":1}', '{"any_of":[7]}', "{1, 2}"],
)
def test_any_other_text_is_one_answer(answer):
    assert split_answers(answer) == (answer,)
