import pytest

from assay.verifiers.numeric import Numeric


def outcome(case, gold, text, tolerance=1e-6, **changes):
    return Numeric(tolerance).judge(case(gold, text, verifier="numeric", **changes)).outcome


@pytest.mark.parametrize(
    "text",
    [
        "#### $1,250.0",
        "The answer is 1.25e3.",
        "\\boxed{2500/2}",
        "It costs 1250 dollars",
        "1.25E+3",
        "\\boxed{1.25 \\times 10^{3}}",
    ],
)
def test_one_number_in_many_spellings_is_correct(case, text):
    assert outcome(case, "1250", text) == "correct"


def test_the_tolerance_turns_towards_more_correct_answers(case):
    assert outcome(case, "100", "#### 101", tolerance=0) == "wrong"
    assert outcome(case, "100", "#### 101", tolerance=0.009) == "wrong"
    assert outcome(case, "100", "#### 101", tolerance=0.01) == "correct"


def test_small_numbers_are_compared_by_their_size(case):
    assert outcome(case, "1e-30", "#### 2e-30") == "wrong"
    assert outcome(case, "0", "#### 1e-30") == "wrong"


def test_a_gold_that_is_no_number_is_an_error_and_not_readable(case):
    assert outcome(case, "x", "#### 1") == "verifier_error"
    assert not Numeric().reads(case("x", "").label)


def test_a_tolerance_below_zero_is_refused():
    with pytest.raises(ValueError, match="-1"):
        Numeric(-1)


def test_nothing_is_read_from_prose_that_was_cut(case):
    assert outcome(case, "7", "so 3 + 4 = 7", finish="length") == "truncated"


def test_a_huge_exponent_is_never_evaluated(case):
    assert outcome(case, "5", "\\boxed{1e999999999}") != "correct"


def test_a_percent_sign_is_optional_and_never_rescales(case):
    assert outcome(case, "20%", "\\boxed{20}") == outcome(case, "20%", "\\boxed{20\\%}") == "correct"
    judged = Numeric().judge(case("60", "The answer is 60%.", verifier="numeric"))
    assert (judged.outcome, judged.lenient) == ("wrong", "correct")
    assert outcome(case, "0.07", "\\boxed{7\\%}") == "wrong"


@pytest.mark.parametrize(
    "text",
    [
        "The answer is not 7.",
        "The answer is 7 or 8.",
        "The answer is at least 7.",
        "The answer is 2x + 7.",
        "The answer is (7, 8).",
    ],
)
def test_a_phrase_of_several_values_is_paid_for_none(case, text):
    judged = Numeric().judge(case("7", text, verifier="numeric"))
    assert "correct" not in (judged.outcome, judged.lenient)


@pytest.mark.parametrize(
    ("gold", "text", "strict", "lenient"),
    [
        ("5", "The answer is 5 m.", "wrong", "correct"),
        ("5", "5 m", "wrong", "correct"),
        ("5 m", "\\boxed{5}", "wrong", "correct"),
        ("5 m", "The answer is 5 m.", "correct", "correct"),
        ("5", "6 m", "wrong", "wrong"),
    ],
)
def test_a_letter_behind_a_number_may_be_its_unit(case, gold, text, strict, lenient):
    judged = Numeric().judge(case(gold, text, verifier="numeric"))
    assert (judged.outcome, judged.lenient or judged.outcome) == (strict, lenient)
