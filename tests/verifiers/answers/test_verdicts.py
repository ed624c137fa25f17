import pytest

from assay.core.alternatives import join_answers
from assay.core.types import GradingCase, Label, Policy, Problem, Request, Rollout, SamplingConfig
from assay.verifiers.answers.verdicts import SHOWN, Grade, settle, storable


def settled(case, grade, finish="stop"):
    return settle(case("4", "so 4", finish=finish), lambda _: grade, verifier="math", version="7")


@pytest.mark.parametrize(
    ("grade", "finish", "outcome"),
    [
        (Grade(True), "stop", "correct"),
        (Grade(True), "length", "correct"),  # the answer is there, whatever was cut after it
        (Grade(False), "stop", "wrong"),
        (Grade(False), "length", "truncated"),
        (Grade(None), "stop", "unparsable"),
        (Grade(None), "length", "truncated"),
        (Grade(True, failed=True), "stop", "verifier_error"),
        (Grade(None, failed=True), "length", "verifier_error"),
        (Grade(True), "error", "verifier_error"),
    ],
)
def test_the_finish_reason_has_its_say(case, grade, finish, outcome):
    assert settled(case, grade, finish).outcome == outcome


def test_an_engines_error_is_not_even_graded(case):
    told = settle(case("4", "", finish="error"), lambda _: pytest.fail("graded"), verifier="math", version="7")
    assert told.reason == "the engine failed on this rollout"


@pytest.mark.parametrize(
    ("grade", "finish", "reward"),
    [
        (Grade(True), "stop", 1.0),
        (Grade(False), "stop", 0.0),
        (Grade(False, reward=0.25), "stop", 0.25),
        (Grade(False, reward=0.25), "length", 0.0),
        (Grade(None, reward=0.25, failed=True), "stop", 0.0),
    ],
)
def test_a_partial_reward_belongs_to_an_answer_that_was_judged(case, grade, finish, reward):
    assert settled(case, grade, finish).reward == reward


def test_what_is_stored_is_short_and_can_be_encoded(case):
    told = settled(case, Grade(False, "x" * 2000 + "\ud800", "a\x00\ud800b"))
    assert (len(told.extracted), told.reason) == (SHOWN, "a??b")
    storable("½" * SHOWN).encode()


def test_a_gold_that_stands_for_several_is_judged_by_each_and_the_best_counts():
    problem = Problem.of("q")
    label = Label.of(problem.id, join_answers(["2", "two"]), verifier="exact")
    asked = Request(problem.id, (), SamplingConfig(), (0,), 0)
    rollout = Rollout.of(asked, 0, policy=Policy("p", "p"), engine="e", text="two", tokens=1, finish="stop")
    case, seen = GradingCase(problem, label, rollout), []

    def grade(each):
        seen.append(each.label.answer)
        return Grade(each.label.answer == "two", "two")

    told = settle(case, grade, verifier="exact", version="1")
    assert (told.outcome, told.label_id, seen) == ("correct", label.id, ["2", "two"])
    assert (
        settle(
            case, lambda each: Grade(False, "x", lenient=each.label.answer == "two"), verifier="exact", version="1"
        ).lenient
        == "correct"
    )
