import pytest

from assay.verifiers.answers.letters import read_letters, strip_explanation
from assay.verifiers.choice import Choice

OPTIONS = {"choices": ["12 apples", "13 apples", "none"]}
CITIES = {"choices": ["Rome", "Paris", "Berlin", "Madrid"]}


def judge(case, gold, text, **changes):
    return Choice().judge(case(gold, text, verifier="choice", **changes))


def both(case, gold, text, **changes):
    verdict = judge(case, gold, text, **changes)
    return verdict.outcome, verdict.lenient or verdict.outcome


@pytest.mark.parametrize(
    "text",
    [
        "B",
        "(B)",
        "B.",
        "**B**",
        "b",
        "\\boxed{B}",
        "\\boxed{b}",
        "\\boxed{\\text{(B)}}",
        "\\boxed{\\mathrm{B}}",
        "\\boxed{\\text{Option B}}",
        "\\boxed{B - 13 apples}",
        "The answer is B) 13 apples",
        "I say\n(B)",
        "Answer: B",
        "The answer is option B.",
        "The correct choice is **B**.",
        "Final answer: [B]",
        "The answer is B, not A.",
        "The answer is (B), because A is too small.",
        "<think>A?</think><answer>B</answer>",
        "B: 13 apples",
        "**B. 13 apples**",
        '{"answer": "B"}',
        "The answers is (b)",
        "故选：B．",
        "因此正确答案是 B。",
        "정답: B",
        "La respuesta correcta es la B.",
    ],
)
def test_a_letter_is_read_in_many_dresses(case, text):
    assert judge(case, "B", text).outcome == "correct"
    assert judge(case, "C", text).outcome == "wrong"


@pytest.mark.parametrize(
    "gold", ["B", "b", "(B)", "B.", "B. 13 apples", "\\textbf{(B)}\\ 13", "13 apples", "1", "$13$ apples"]
)
def test_a_gold_answer_may_be_a_letter_a_text_or_an_index(case, gold):
    assert judge(case, gold, "\\boxed{B}", metadata=OPTIONS).outcome == "correct"
    assert judge(case, gold, "\\boxed{C}", metadata=OPTIONS).outcome == "wrong"


def test_an_index_counts_from_where_the_verifier_is_told(case):
    numbers = {"choices": ["1", "2", "4", "5"]}
    assert both(case, "2", "\\boxed{C}", metadata=numbers) == ("correct", "correct")
    assert both(case, "2", "2", metadata=numbers) == ("wrong", "wrong")
    assert both(case, "2", "4", metadata=numbers) == ("correct", "correct")
    assert Choice(index_from=1).judge(case("2", "\\boxed{B}", metadata=numbers)).outcome == "correct"
    with pytest.raises(ValueError, match="must be 0 or 1, found 2"):
        Choice(index_from=2)


@pytest.mark.parametrize("gold", ["AC", "A C", "A, C", "A;C", "A and C", "(A)(C)"])
@pytest.mark.parametrize(
    "text",
    [
        "AC",
        "A, C",
        "\\boxed{A}\\boxed{C}",
        "The answers are (C) and (A).",
        "\\boxed{\\text{A and C}}",
        "\\boxed{\\{A, C\\}}",
        "选AC",
        "a, c",
    ],
)
def test_several_letters_are_a_set_in_any_dress(case, gold, text):
    assert judge(case, gold, text).outcome == "correct"


@pytest.mark.parametrize("text", ["A", "\\boxed{C}", "ABC", "The answer is A, B and C.", "A or C, perhaps"])
def test_a_part_of_several_letters_or_more_than_them_is_not_right(case, text):
    assert "correct" not in both(case, "AC", text)


@pytest.mark.parametrize(
    "text",
    [
        "A or B",
        "The answer is A or B.",
        "A, B",
        "\\boxed{A}\\boxed{B}",
        "either A or B",
        "A/B",
        "The answer is not B.",
        "B is wrong, so C",
    ],
)
def test_no_answer_of_several_letters_is_paid_for_one_of_them(case, text):
    for gold in ("A", "B"):
        assert "correct" not in both(case, gold, text)


def test_the_text_of_an_option_stands_for_its_letter(case):
    assert judge(case, "B", "The answer is 13 apples.", metadata=OPTIONS).outcome == "correct"
    assert judge(case, "13 apples", "The answer is (B)", metadata=OPTIONS).outcome == "correct"
    assert judge(case, "A", "The answer is 13 apples.", metadata=OPTIONS).outcome == "wrong"
    assert judge(case, "A", "\\boxed{125.0}", metadata={"options": ["A)125", "B)150"]}).outcome == "correct"
    assert (
        judge(case, "b", "\\boxed{27.675}", metadata={"options": "a ) 38 , b ) 27.675 , c ) 30"}).outcome == "correct"
    )


@pytest.mark.parametrize(
    "prompt",
    [
        "How many?\n(A) eight\n(B) nine",
        "How many?\nA. eight\nB. nine",
        "How many? A) eight B) nine",
        "How many? $\\textbf{(A)}\\ eight \\qquad \\textbf{(B)}\\ nine$",
        "多少？A．eight B．nine",
    ],
)
def test_options_are_read_from_the_problem_too(case, prompt):
    assert judge(case, "B", "The answer is nine", prompt=prompt).outcome == "correct"
    assert judge(case, "A", "The answer is nine", prompt=prompt).outcome == "wrong"


@pytest.mark.parametrize(
    "text",
    [
        "Rome is wrong, so Paris it is.",
        "I pick B, since A and C are too small.",
        "We eliminate A, C and D, leaving B.",
        "It can't be Rome. It must be Paris.",
        "Therefore B",
        "I choose B.",
        "The answer is B (Paris), since Rome is not",
    ],
)
def test_what_has_to_be_read_from_prose_is_right_leniently(case, text):
    assert both(case, "B", text, metadata=CITIES)[1] == "correct"
    assert "correct" not in both(case, "A", text, metadata=CITIES)


def test_a_letter_beside_another_options_text_is_right_leniently(case):
    assert both(case, "B", "The answer is (B) Rome.", metadata=CITIES) == ("wrong", "correct")


def test_letters_and_values_may_be_mixed_in_one_pool(case):
    assert both(case, "12", "\\boxed{12.0}") == ("correct", "correct")
    assert both(case, "\\frac{1}{2}", "The answer is 0.5") == ("correct", "correct")
    assert both(case, "12", "\\boxed{13}") == ("wrong", "wrong")
    assert both(case, "12", "I do not know.")[0] != "correct"
    assert both(case, "D", "\\boxed{D}") == ("correct", "correct")


def test_a_letter_inside_a_word_is_no_choice(case):
    assert judge(case, "A", "A man walks by and leaves").outcome == "unparsable"
    assert judge(case, "A", "The answer is A man walks by").outcome != "correct"


def test_which_letters_count_can_be_chosen(case):
    assert Choice(letters="AB").judge(case("A", "(Z)\n(A)", verifier="choice")).outcome == "correct"
    assert Choice(letters="YZ").judge(case("Z", "(A)\n(Z)", verifier="choice")).outcome == "correct"


@pytest.mark.parametrize(
    ("phrase", "short"),
    [
        ("72 Euro, davon 3 Euro Trinkgeld", "72 Euro"),
        ("B, not A", "B"),
        ("Paris because it is large", "Paris"),
        ("x, y", "x, y"),
        ("3 apples", "3 apples"),
    ],
)
def test_the_head_of_a_phrase_is_what_stands_before_its_clause(phrase, short):
    assert strip_explanation(phrase) == short


def test_a_word_in_capitals_is_no_set_of_letters():
    assert read_letters("DAD", "ABCDEFGHIJ").letters == frozenset()
    assert read_letters("BIG", "ABCDEF").letters == frozenset()
