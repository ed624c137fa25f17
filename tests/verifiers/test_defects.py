"""Defects that were read or reported elsewhere, and what happens here instead. One row a defect: (where, what, the test).

| where | what | here |
|---|---|---|
| Reasoning360 run_reward.py | a time-out or an exception becomes score 0 | `verifier_error`, and no reward of its own |
| Reasoning360 run_add_pr.py | an unscored row gets pass rate 0 and is called impossible | errors are in no count of wrong answers |
| open-r1, open-instruct | the finish reason is dropped | a cut text is `truncated` |
| open-r1 compute_pass_rate.py, NeMo-RL PR 3635 | scores shift to other completions | verdicts in the order of cases, each with its rollout's id |
| verifiers PR 637 | only one of four kinds of truncation is seen | a right answer of a cut text counts, all else of it is truncated |
| Math-Verify 65, 63 | hangs despite its time-out | killed, and the next one is judged |
| Math-Verify 55, 50; TRL PR 5281; verl PR 4752 | signals work in the main thread only | any thread |
| verl PR 6673, simpleRL-reason 95 | one degenerate response freezes the driver | bounded time in the driver |
| Math-Verify 14 | 1/2^99 equals 1/2^98; a lost brace drops the rest | wrong |
| Math-Verify 64, 76 | `**73**` and answers in bold are not read | read |
| Math-Verify 25 | verify is not symmetric | numbers and sets are compared the same both ways |
| longcot 5 | ids collide across sources | an id is the hash of the content |
| OpenReward's POLARIS | a count of right answers is read as difficulty | counts carry their outcome's name |
"""

import threading
import time

import pytest

from assay.core.types import Counts
from assay.verifiers.math.verifier import Math
from assay.verifiers.pool.grader import Grader

TOWER = "$2^{2^{2^{2^{99}}}}$"
FACTORIAL = "$100000000!$"
HANG = "$\\int_0^{5} e^{e^{x^x}} dx$"


@pytest.fixture(scope="module")
def grader():
    with Grader(limit_s=1.0, workers=2) as grader:
        yield grader


def test_a_failure_of_the_verifier_is_an_error_and_in_no_count_of_wrong_answers(grader, case):
    outcomes = [
        verdict.outcome
        for verdict in grader.judge([case("x+1", FACTORIAL), case("x", "$y$"), case("x", "$x$", finish="error")])
    ]
    assert outcomes == ["wrong", "wrong", "verifier_error"]
    counts = Counts()
    for outcome in outcomes:
        counts = counts.plus(outcome)
    assert counts == Counts(wrong=2, error=1)


@pytest.mark.parametrize("text", ["thus we get 5", "so \\boxed{5}", "so \\boxed{4", "", "The answer is 5 and"])
def test_every_kind_of_cut_is_truncated_and_a_right_answer_counts(case, text):
    assert Math().judge(case("4", text, finish="length")).outcome == "truncated"
    assert Math().judge(
        case("4", f"\\boxed{{4}} {text}" if "boxed" not in text else "\\boxed{4}", finish="length")
    ).outcome in (
        "correct",
        "truncated",
    )
    assert Math().judge(case("4", "so \\boxed{4}", finish="length")).outcome == "correct"


def test_verdicts_stay_with_their_rollouts_when_some_cannot_be_read(grader, case):
    cases = [
        case("4", text, prompt=f"{number}")
        for number, text in enumerate(("\\boxed{4}", "no idea", HANG, "\\boxed{5}", "4", TOWER, "\\boxed{4}"))
    ]
    verdicts = grader.judge(cases)
    assert [verdict.rollout_id for verdict in verdicts] == [verdict.rollout.id for verdict in cases]
    assert [v.outcome for v in verdicts] == ["correct", "unparsable", "wrong", "wrong", "correct", "wrong", "correct"]


def test_any_thread_may_judge_what_hangs(grader, case):
    verdicts = []
    thread = threading.Thread(target=lambda: verdicts.extend(grader.judge([case("7", HANG), case("z+1", "$1+z$")])))
    thread.start()
    thread.join(60)
    assert [verdict.outcome for verdict in verdicts] == ["wrong", "correct"]


@pytest.mark.parametrize(
    "text",
    [
        "\\boxed{" * 20_000,
        "####" * 50_000,
        "The answer is " * 20_000,
        "Answer:" * 30_000 + " x",
        "1," * 100_000,
        "A:\n" * 60_000,
    ],
)
def test_a_degenerate_response_does_not_hold_the_driver_up(case, text):
    began = time.process_time()
    Math().glance(case("x+1", text))
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "text", ["**73**", "The answer is **73**.", "**Answer: 73**", "**Final answer:** $73$", "so it is **73**"]
)
def test_answers_in_bold_are_read(case, text):
    assert Math().judge(case("73", text)).outcome == "correct"


@pytest.mark.parametrize(
    ("one", "other", "outcome"),
    [
        ("1/2", "0.5", "correct"),
        ("1/3", "0.333333", "correct"),
        ("1/3", "0.33", "wrong"),
        ("\\{1,2\\}", "\\{2,1\\}", "correct"),
        ("(1,2)", "(2,1)", "wrong"),
    ],
)
def test_gold_and_answer_may_change_places(case, one, other, outcome):
    assert [Math().judge(case(gold, f"\\boxed{{{said}}}")).outcome for gold, said in ((one, other), (other, one))] == [
        outcome
    ] * 2


def test_the_same_question_number_of_two_sources_is_two_problems(case):
    assert case("4", "4", prompt="Q1: 2 + 2").problem.id != case("4", "4", prompt="Q1: 3 + 1").problem.id
