import pytest

from assay.verifiers.choice import Choice

OPTIONS = {"choices": ["12 apples", "13 apples", "none"]}


def judge(case, gold, text, **changes):
    return Choice().judge(case(gold, text, verifier="choice", **changes))


@pytest.mark.parametrize(
    "text", ["B", "(B)", "B.", "**B**", "\\boxed{B}", "\\boxed{\\text{(B)}}", "The answer is B) 13 apples", "I say\n(B)", "Answer: B"]
)
def test_a_letter_is_read_in_many_dresses(case, text):
    assert judge(case, "B", text).outcome == "correct"
    assert judge(case, "C", text).outcome == "wrong"


def test_the_text_of_an_option_stands_for_its_letter(case):
    assert judge(case, "B", "The answer is 13 apples.", metadata=OPTIONS).outcome == "correct"
    assert judge(case, "13 apples", "The answer is (B)", metadata=OPTIONS).outcome == "correct"
    assert judge(case, "A", "The answer is 13 apples.", metadata=OPTIONS).outcome == "wrong"


def test_options_are_read_from_the_problem_too(case):
    assert judge(case, "B", "The answer is nine", prompt="How many?\n(A) eight\n(B) nine").outcome == "correct"


def test_a_letter_inside_a_word_is_no_choice(case):
    assert judge(case, "A", "A man walks by and leaves").outcome == "unparsable"


def test_which_letters_count_can_be_chosen(case):
    assert Choice(letters="AB").judge(case("A", "(Z)\n(A)", verifier="choice")).outcome == "correct"
    assert Choice(letters="YZ").judge(case("Z", "(A)\n(Z)", verifier="choice")).outcome == "correct"
