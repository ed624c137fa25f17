import pytest

from assay.core.alternatives import join_answers
from assay.core.types import GradingCase, Label, Policy, Problem, Request, Rollout, SamplingConfig
from assay.verifiers.answers.verdicts import SHOWN_CHARS, Grade, make_storable, settle_verdict


def settled(case, grade, finish="stop"):
    return settle_verdict(case("4", "so 4", finish=finish), lambda _: grade, verifier="math", version="7")


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
    verdict = settle_verdict(
        case("4", "", finish="error"), lambda _: pytest.fail("graded"), verifier="math", version="7"
    )
    assert verdict.reason == "the engine failed on this rollout"


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
    verdict = settled(case, Grade(False, "x" * 2000 + "\ud800", "a\x00\ud800b"))
    assert (len(verdict.extracted), verdict.reason) == (SHOWN_CHARS, "a??b")
    make_storable("½" * SHOWN_CHARS).encode()


def test_a_gold_that_stands_for_several_is_judged_by_each_and_the_best_counts():
    problem = Problem.of("q")
    label = Label.of(problem.id, join_answers(["2", "two"]), verifier="exact")
    request = Request(problem.id, (), SamplingConfig(), (0,), 0)
    rollout = Rollout.of(request, 0, policy=Policy("p", "p"), engine="e", text="two", tokens=1, finish="stop")
    case, golds_seen = GradingCase(problem, label, rollout), []

    def grade(variant):
        golds_seen.append(variant.label.answer)
        return Grade(variant.label.answer == "two", "two")

    verdict = settle_verdict(case, grade, verifier="exact", version="1")
    assert (verdict.outcome, verdict.label_id, golds_seen) == ("correct", label.id, ["2", "two"])
    assert (
        settle_verdict(
            case,
            lambda variant: Grade(False, "x", lenient=variant.label.answer == "two"),
            verifier="exact",
            version="1",
        ).lenient
        == "correct"
    )
