import pytest

from assay.verifiers.pool.replies import Judgement, JudgingStop
from assay.verifiers.pool.stop_reasons import GIVE_UP_AFTER, MAX_RETRIES, find_stop, settle_stops

RIGHT = Judgement("correct", 1.0, "4", "symbolic")
IDLE, CPU, LOAD, LATE = (
    JudgingStop("idle", "time limit 1 s"),
    JudgingStop("cpu", "time limit 1 s, all of it CPU time"),
    JudgingStop("load", "busy"),
    JudgingStop("late", "time limit 1 s in the sandbox"),
)


def settled(case, stops, second_answers=None, readable=True, gold=RIGHT, finish="stop"):
    """The outcomes, and how many rows were tried again."""
    cases = {b"%d" % number: case("4", f"answer {number}", finish=finish) for number in range(len(stops))}
    texts = {row.rollout.text: number for number, row in enumerate(cases.values())}
    retried = []

    def alone(row):
        if row.rollout.text == "4":
            return gold
        retried.append(row)
        return second_answers[texts[row.rollout.text]]

    rows = {key: (row, stop) for (key, row), stop in zip(cases.items(), stops, strict=True)}
    answers = settle_stops(rows, alone, lambda label: readable)
    return [answers[key] for key in cases], len(retried)


def test_an_answer_that_computes_for_all_of_its_time_is_wrong_without_a_second_try(case):
    answers, n_retried = settled(case, [CPU, JudgingStop("deep", "nested too deep")])
    assert [(answer.outcome, answer.reward) for answer in answers] == [("wrong", 0.0)] * 2
    assert answers[0].reason == CPU.reason
    assert n_retried == 0


@pytest.mark.parametrize("kind", ["idle", "memory", "died", "garbled", "load", "late"])
def test_what_may_be_the_machine_is_tried_alone_and_wrong_where_it_stops_again(case, kind):
    answers, n_retried = settled(case, [JudgingStop(kind, "first")], [JudgingStop("idle", "again")])
    assert (answers[0].outcome, answers[0].reason, n_retried) == ("wrong", "again", 1)


def test_a_second_try_that_ends_has_the_last_word(case):
    assert settled(case, [IDLE], [RIGHT]) == ([RIGHT], 1)


def test_a_machine_that_is_busy_twice_is_no_fault_of_the_answer(case):
    answers, _ = settled(case, [LOAD], [LOAD])
    assert answers[0].outcome == "verifier_error"


def test_a_gold_answer_that_stops_as_well_is_the_labels_fault(case):
    for fault in ({"readable": False}, {"gold": CPU}):
        answers, _ = settled(case, [CPU], **fault)
        assert answers[0].outcome == "verifier_error"
        assert answers[0].reason.endswith("the gold answer stops as well")


def test_an_answer_that_was_cut_is_truncated(case):
    answers, _ = settled(case, [CPU], finish="length")
    assert answers[0].outcome == "truncated"


def test_what_a_verifier_raises_is_its_own_error(case):
    answers, n_retried = settled(case, [JudgingStop("raised", "ValueError: no")])
    assert (answers[0].outcome, answers[0].reason, n_retried) == ("verifier_error", "ValueError: no", 0)


def test_many_that_stop_again_are_believed_and_the_batch_stays_short(case):
    answers, n_retried = settled(case, [IDLE] * 50, [IDLE] * 50)
    assert {answer.outcome for answer in answers} == {"wrong"}
    assert n_retried == GIVE_UP_AFTER


@pytest.mark.parametrize("stop", [LOAD, LATE, JudgingStop("died", "worker lost")])
def test_where_some_recover_no_more_than_a_few_are_tried_and_the_rest_is_nobodys_fault(case, stop):
    answers, n_retried = settled(case, [stop] * 20, [RIGHT, *[IDLE] * 19])
    assert n_retried == MAX_RETRIES
    assert [answer.outcome for answer in answers] == [
        "correct",
        *["wrong"] * (MAX_RETRIES - 1),
        *["verifier_error"] * (20 - MAX_RETRIES),
    ]
    assert answers[-1].reason.endswith("; not tried again")


def test_waiting_by_chance_pays_nothing_beyond_the_few_that_are_tried(case):
    answers, n_retried = settled(case, [IDLE] * 40, [Judgement("wrong", 0.0, "5", "no")] * 40)
    assert n_retried == MAX_RETRIES
    assert [(answer.outcome, answer.reason) for answer in answers[MAX_RETRIES:]] == [("wrong", IDLE.reason)] * (
        40 - MAX_RETRIES
    )


def test_what_is_certain_is_wrong_after_any_number_of_tries(case):
    answers, _ = settled(case, [*[LOAD] * 10, CPU], [RIGHT] * 11)
    assert answers[-1].outcome == "wrong"


def test_a_verifier_with_limits_of_its_own_says_so_in_its_reason():
    late = Judgement("verifier_error", 0.0, "while True: pass", "time limit 10 s (test 1 of 2)")
    assert find_stop(late, retries=True) == JudgingStop("idle", late.reason, late.extracted)
    assert find_stop(late, retries=False) is None
    assert find_stop(RIGHT, retries=True) is None


def test_a_time_limit_says_whose_doing_it_is():
    for words, kind in ((" on a busy machine", "load"), (" in the sandbox", "late"), ("", "idle")):
        late = Judgement("verifier_error", 0.0, "f()", f"time limit 10 s{words} (test 1 of 2)")
        assert find_stop(late, retries=True).kind == kind
