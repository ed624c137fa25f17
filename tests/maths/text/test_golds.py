from pathlib import Path

import pytest

from assay.core.alternatives import join_answers
from assay.core.types import Label, Message, Problem
from assay.maths.text.golds import (
    find_lost_escape,
    find_oddities,
    find_oddity,
    is_solution,
    join_gold_answers,
    json_answers,
    leading_number,
    list_answers,
    readings,
    repair_escapes,
    solution_answer,
    usual_form,
)

WORKING = "She sold 48/2 = <<48/2=24>>24 clips in May.\nSo she sold 48 + 24 = 72 clips altogether."


@pytest.mark.parametrize(
    ("gold", "name"),
    [
        ("9 (apples)", "gold_has_unit"),
        ("1,234 dollars", "gold_has_unit"),
        ("5 cm", "gold_has_unit"),
        ("20 %", "gold_has_unit"),
        ("350 (g)", "gold_has_unit"),
        ("12 (jump-ropes)", "gold_has_unit"),
        ("4 (times)", "gold_has_unit"),
        ("8\\text{ cm}", "gold_has_unit"),
        ("30 \\mbox{ cm}^2", "gold_has_unit"),
        ("\\frac{3}{7}\\text{ days}", "gold_has_unit"),
        ("2 + 2 = 4\nA: 4", "gold_is_a_solution"),
        ("2m", "gold_is_ambiguous"),
        ("5 s", "gold_is_ambiguous"),
        (WORKING + "\n#### 72", "gold_is_a_solution"),
        ("so \\boxed{72}", "gold_is_a_solution"),
        (WORKING, "gold_is_a_solution"),
        ('["4"]', "gold_is_json"),
        ('{"answer": "4"}', "gold_is_json"),
    ],
)
def test_an_odd_gold_answer_has_a_name_and_a_remedy(gold, name):
    kind, told = find_oddity(gold)
    assert kind == name
    assert gold[:20] in told or repr(gold)[1:20] in told


@pytest.mark.parametrize(
    "gold",
    [
        "9",
        "x",
        "-3",
        "x + 1",
        "\\frac{1}{2}",
        "(3, 4)",
        "[1, 2]",
        "5 pi",
        "3 million",
        "5 (mod 7)",
        "29i",
        "10x",
        "-3 \\text{ or } 4",
        "8 \\text{ p.m.}",
        "3 pm",
        "5 May",
        "12 o'clock",
        "3 (or more)",
        "2 (x)",
        "90^\\circ",
        "x = 5",
        "A",
        "Mr. Smith",
        "12, 15",
        "x \\in [1, 2]",
        "east",
        "",
    ],
)
def test_a_plain_answer_has_none(gold):
    assert find_oddity(gold) is None


@pytest.mark.parametrize(
    ("question", "gold", "noted"),
    [
        ("Simplify $3m - m$.", "2m", False),
        ("Simplify 3*m - m.", "2m", False),
        ("What is left of a rope of 5 m?", "2m", True),
        ("How long is Tom's race?", "2s", True),
        ("A wire carries how much?", "5A", True),
        ("Find $A + 4A$.", "5A", False),
    ],
)
def test_a_letter_that_the_problem_uses_as_a_variable_is_no_unit(question, gold, noted):
    problem = Problem.of(question)
    assert [name for name, _ in find_oddities(problem, Label.of(problem.id, gold, verifier="math"))] == [
        "gold_is_ambiguous"
    ] * noted


def test_options_beside_a_problem_that_does_not_show_them_are_told():
    for question, names in (("Pick one.", ["options_not_shown"]), ("Pick one: 3, 4 or 5.", [])):
        problem = Problem.of(question, metadata={"choices": ["3", "4", "5"]})
        assert [name for name, _ in find_oddities(problem, Label.of(problem.id, "4", verifier="math"))] == names


def test_a_last_line_that_begins_with_a_ends_a_solution():
    assert solution_answer("She sold 3 * 6 = 18.\nA: 18") == "18"
    assert solution_answer("The answer is 4?\n**A:** 5 cm") == "5 cm"
    assert readings("6 * 3 = 18\nA: 18", "math") == ("18",)
    assert solution_answer("Vitamin A: 5") == "Vitamin A: 5"


def test_only_golds_of_mathematics_are_odd_and_a_turn_that_holds_the_gold_is_told():
    problem = Problem.of("q")
    assert list(find_oddities(problem, Label.of(problem.id, "9 (apples)", verifier="exact"))) == []
    assert [
        name for name, _ in find_oddities(problem, Label.of(problem.id, join_answers(["4", "5 cm"]), verifier="math"))
    ] == ["gold_has_unit"]
    turns = (Message("user", "2 + 2?"), Message("assistant", "So \\boxed{4}."), Message("user", "Sure?"))
    chat = Problem.of(turns)
    assert [name for name, _ in find_oddities(chat, Label.of(chat.id, "4", verifier="math"))] == [
        "gold_in_assistant_turn"
    ]
    assert list(find_oddities(chat, Label.of(chat.id, "5", verifier="math"))) == []


@pytest.mark.parametrize(
    ("gold", "answers"),
    [
        ("9", ("9",)),
        ("9 (apples)", ("9",)),
        (WORKING + "\n#### 1,072", ("1,072",)),
        ("First \\boxed{3}, then \\boxed{\\frac{1}{2}}.", ("\\frac{1}{2}",)),
        ('["4", "four"]', ("4", "four")),
        ('{"answer": ["4"]}', ("4",)),
        (join_answers(["9 (apples)", "9"]), ("9",)),
        ("x \neq 0, \x0crac{1}{2}", ("x \\neq 0, \\frac{1}{2}",)),
        ("5 \times \theta", ("5 \\times \\theta",)),
        ("2 (x)", ("2 (x)",)),
        ("350 (g)", ("350",)),
        ("[1, 2]", ("[1, 2]",)),
        ("", ("",)),
    ],
)
def test_a_gold_is_read_as_what_it_stands_for(gold, answers):
    assert readings(gold, "math") == answers


def test_other_verifiers_read_alternatives_and_no_more():
    for verifier in ("exact", "choice", "code", "python:lab.rewards:close"):
        assert readings('{"answer": "4"}', verifier) == ('{"answer": "4"}',)
        assert readings(join_answers(["a", "b"]), verifier) == ("a", "b")


def test_whole_and_broken_texts_are_what_they_are():
    assert [is_solution(text) for text in ("4", "the set of all primes", WORKING)] == [False, False, True]
    assert solution_answer("no mark here") == "no mark here"
    assert solution_answer("The answer is **12**.") == "12"
    assert solution_answer("\\boxed{") == "\\boxed{"
    assert leading_number("about 5 cm") == "about 5 cm"
    assert [leading_number(text) for text in ("350 (g)", "8\\text{ cm}", "\\frac{3}{7}\\text{ days}.")] == [
        "350",
        "8",
        "\\frac{3}{7}",
    ]
    assert [json_answers(text) for text in ("[", "{'a': 1}", '[{"a": "b"}]', "[1, 2]", '"4"')] == [None] * 5
    assert list_answers([True]) is None
    assert join_gold_answers([]) == ""
    assert [find_lost_escape(text, gold=True) for text in ("a b", "x\ty", "two\nlines")] == [""] * 3
    assert repair_escapes("plain") == "plain"
    assert usual_form("The answer is 12.") == "12"


def test_hostile_texts_are_read_in_a_moment():
    for text in (
        "9 (" * 30_000,
        "#" * 100_000,
        "\\boxed{" * 20_000,
        "[" * 100_000,
        "answer is " * 10_000,
        '{"any_of":' + "[" * 50_000,
    ):
        readings(text, "math")
        find_oddity(text)


PAGE = Path(__file__).parents[3] / "docs" / "grading.md"
ROWS = [
    line.strip("| ").split(" | ")
    for line in PAGE.read_text(encoding="utf-8").partition("## Gold answers")[2].splitlines()
    if line.startswith("| `")
]


@pytest.mark.parametrize(("gold", "read"), [row[:2] for row in ROWS if row[2] in ("every verifier", "math, numeric")])
def test_the_page_of_grading_says_how_golds_are_read(gold, read):
    """Line by line: in place of a line end the page has a blank."""
    text = gold.strip("`").replace(" ####", "\n####")
    assert readings(text, "math") == tuple(each.strip("`") for each in read.split(", or "))
    if "any_of" not in text:
        assert readings(text, "exact") == (text,)


@pytest.mark.parametrize(
    ("name", "gold"), [row[:2] for row in ROWS if row[0].startswith("`gold_is") or row[0].startswith("`gold_has")]
)
def test_the_page_of_grading_names_the_notes(name, gold):
    assert find_oddity(gold.strip("`").replace(" ####", "\n####"))[0] == name.strip("`")
