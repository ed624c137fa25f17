"""Values with units, told without algebra."""

import pytest

from assay.verifiers.math.comparison import MAYBE, NO, YES, QuestionFacts, Rules
from assay.verifiers.math.equality import compare_answers


@pytest.mark.parametrize(
    ("gold", "answer", "question", "opinion"),
    [
        *(
            ("5", "5 cm", "How many cm?", YES),
            ("5", "5 cm", "How many?", MAYBE),
            ("5", "5 cm", "How many mm?", NO),
            ("5 cm", "5", "", YES),
        ),
        *(
            ("60 min", "1 hour", "", YES),
            ("60 min", "2 hours", "", NO),
            ("9 apples", "9 pears", "", NO),
            ("9 apples", "9 red apples", "", MAYBE),
        ),
        *(
            ("4:30 pm", "16:30", "", YES),
            ("4:30 pm", "4:30 am", "", NO),
            ("3:4", "6:8", "", MAYBE),
            ("5 feet 6 inches", "66 inches", "", YES),
        ),
    ],
)
def test_a_value_is_right_in_its_unit(gold, answer, question, opinion):
    assert compare_answers(gold, answer, Rules(QuestionFacts.from_text(question)), prove=False) == opinion


def test_a_division_left_to_do_is_strictly_an_answer_where_the_setting_says_so():
    assert compare_answers("12", "84/7", Rules(), prove=False) == MAYBE
    assert compare_answers("12", "84/7", Rules(unevaluated=True), prove=False) == YES
