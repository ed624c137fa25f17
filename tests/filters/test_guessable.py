from importlib.resources import files

import pyarrow.parquet as parquet
import pytest

from assay.core.ports import FilterContext
from assay.core.types import Label, Problem
from assay.filters.guessable import Guessable, guess_flags


def test_half_of_the_guesses_right_is_a_drop_with_its_counts(sift, build_filter_context):
    said = {"Sum of 2 and 5?": ["7", "7", "1", "2"], "Hard?": ["1", "2", "3", "5"]}
    (drop,) = sift(Guessable(), [("Sum of 2 and 5?", "7"), ("Hard?", "5")], build_filter_context(said)).values()
    assert (drop.problem_id, drop.reason) == (Problem.of("Sum of 2 and 5?").id, "guessable")
    assert drop.detail == "2 of 4 guesses of 16 tokens are right"


def test_both_ends_of_at_least(sift, build_filter_context):
    context = build_filter_context({"a": ["7", "1", "2", "3"]})
    assert len(sift(Guessable(min_solved_share=0.25), [("a", "7")], context)) == 1
    assert not sift(Guessable(min_solved_share=1.0), [("a", "7")], context)


def test_failures_of_the_verifier_are_no_guesses(sift, build_filter_context):
    assert len(sift(Guessable(), [("a", "7")], build_filter_context({"a": [None, None, None, "7"]}))) == 1
    assert not sift(Guessable(), [("a", "7")], build_filter_context({"a": [None] * 4}))


def test_it_asks_for_the_answer_alone_in_sixteen_tokens(sift, build_filter_context):
    context = build_filter_context()
    sift(Guessable(), [("a", "7")], context)
    (changes,) = context.policy.changes
    assert (changes["max_tokens"], changes["shots"]) == (16, ())
    with pytest.raises(ValueError, match="max_tokens 17"):
        Guessable(max_tokens=17)


def test_four_recorded_answers_of_16_tokens_find_what_a_small_model_answers_at_once(sift, build_filter_context):
    """40 problems x 64 attempts of SmolLM2-135M-Instruct at 16 tokens each; the first four are shown, all 64 are the truth."""
    table = parquet.read_table(str(files("assay") / "data" / "recordings" / "smollm2.parquet"))
    said, gold, source = {}, {}, {}
    for row in table.sort_by([("problem_id", "ascending"), ("sample", "ascending")]).to_pylist():
        text = row["messages"][-1]["content"]
        said.setdefault(text, []).append(row["answer"] if row["outcome"] == "correct" else "x")
        gold[text], source[text] = row["answer"], row["source"]
    drops = sift(
        Guessable(), list(gold.items()), build_filter_context({text: answers[:4] for text, answers in said.items()})
    )
    found = {text for text in said if Problem.of(text).id in drops}
    true = {text for text, answers in said.items() if answers.count(gold[text]) >= 32}
    assert (len(said), len(found), len(true), len(found & true)) == (40, 12, 13, 11)
    assert {source[text] for text in found} == {"sum of 2 digits", "product of 2 digits", "sum of 2 numbers"}, (
        "no story, no sum of three"
    )


def test_an_answer_of_half_the_pool_is_a_habit(sift):
    pairs = [(f"a{n}", "0") for n in range(30)] + [(f"b{n}", str(n + 2)) for n in range(30)]
    drops = sift(Guessable(), pairs)
    assert set(drops) == {Problem.of(f"a{n}").id for n in range(30)}
    assert drops[Problem.of("a0").id].detail.startswith("0 is the answer of 30 of 60 problems; ")
    assert not sift(Guessable(), [*pairs, ("c", "x")])
    assert len(sift(Guessable(modal_share=0.1), [*pairs, ("c", "x")])) == 30


def test_a_small_pool_has_no_habits(sift):
    assert not sift(Guessable(), [("only", "4")])
    assert not sift(Guessable(), [(f"a{n}", "0") for n in range(19)])
    assert len(sift(Guessable(), [(f"a{n}", "0") for n in range(20)])) == 20


def test_yes_and_no_are_both_habits_where_nothing_else_is_asked(sift):
    pairs = [(f"a{n}", "Yes" if n % 2 else "no") for n in range(60)]
    assert len(sift(Guessable(), pairs)) == 60


@pytest.mark.parametrize(
    ("prompt", "answer", "flags"),
    [
        ("Is 9 prime?", "No", ["yes_no"]),
        ("Which?\n(A) 1 (B) 2", "B", ["choice", "in_prompt"]),
        ("Which? A. one B. two", "(A)", ["choice"]),
        ("How many?", "1.0", ["zero_one"]),
        ("He has 12 apples and eats none.", "12", ["in_prompt"]),
        ("He has 120 apples.", "12", []),
        ("It costs 12.5 dollars.", "12", []),
        ("It is -5 degrees, and then 10 more.", "5", []),
        ("What is B?", "B", ["in_prompt"]),
    ],
)
def test_what_invites_guessing_is_flagged(prompt, answer, flags):
    problem = Problem.of(prompt)
    assert guess_flags(problem, Label.of(problem.id, answer, verifier="math")) == flags


def test_a_flag_is_a_reason_only_where_it_is_listed(sift):
    pairs = [("Is 9 prime?", "No"), ("How many?", "4")]
    assert not sift(Guessable(), pairs)
    (drop,) = sift(Guessable(flags=("yes_no",)), pairs).values()
    assert drop.detail == "the answer's form: yes_no; yes_no"


def test_without_a_policy_it_says_so():
    with pytest.raises(ValueError, match="this filter needs a policy to guess at 1 problems"):
        Guessable().sift([Problem.of("a")], {}, FilterContext())
