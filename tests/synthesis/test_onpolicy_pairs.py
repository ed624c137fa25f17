"""Pairs on paper, and of recorded rollouts."""

from collections.abc import Callable
from typing import Any

from assay.synthesis.onpolicy_pairs import OnpolicyPairs

ATTEMPTS = {
    "a": [
        ("correct", "1", "yes"),
        ("correct", "1", "yes"),
        ("wrong", "2", "no it is two"),
        ("truncated", "", "on and on"),
        ("unparsable", "", "hm"),
    ],
    "b": [("wrong", "3", "no")],
    "c": [("correct", "1", "yes")],
    "d": [("verifier_error", "", "what")],
}


def test_each_side_is_judged_and_equal_texts_count_once(given: Any, made: Callable[..., Any]) -> None:
    rows, summary = made(OnpolicyPairs(), given(ATTEMPTS))
    assert [(row.chosen, row.rejected, row.margin, row.policy) for row in rows] == [("a0", "a2", 1.0, "rev")]
    assert summary.counts == {"paired": 1, "no_right": 1, "no_wrong": 1, "unattempted": 1}


def test_near_lengths_meet_where_they_are_asked_for(given: Any, made: Callable[..., Any]) -> None:
    rows, _ = made(OnpolicyPairs(length="near"), given(ATTEMPTS))
    assert [row.rejected for row in rows] == ["a4"]  # one word, as the right one has


def test_a_problem_gives_at_most_so_many_pairs_and_uses_no_attempt_twice(given: Any, made: Callable[..., Any]) -> None:
    many = {"a": [("correct", "1")] * 5 + [("wrong", "2")] * 3}
    rows, _ = made(OnpolicyPairs(pairs=2), given(many))
    assert [(row.chosen, row.rejected) for row in rows] == [("a0", "a5"), ("a1", "a6")]
    rows, _ = made(OnpolicyPairs(pairs=9), given(many))
    assert len({row.rejected for row in rows}) == len(rows) == 3


def test_recorded_rollouts_pair_right_with_wrong_of_one_policy(recorded: Callable[..., Any]) -> None:
    context, (result,) = recorded("onpolicy_pairs", {}, n=16)
    rows = context.lake.rows(
        "SELECT p.*, c.outcome AS c, w.outcome AS w, rc.problem_id AS pc, rr.problem_id AS pr, rc.policy AS one, "
        "rr.policy AS other FROM pair_texts p JOIN verdicts c ON c.rollout_id = p.chosen "
        "JOIN verdicts w ON w.rollout_id = p.rejected JOIN rollouts rc ON rc.id = p.chosen JOIN rollouts rr ON rr.id = p.rejected"
    )
    assert len(rows) == result.detail["pairs"] > 20
    assert all((row["c"], row["verified"], row["side"]) == ("correct", True, "train") for row in rows)
    assert {row["w"] for row in rows} <= {"wrong", "unparsable"}
    assert all(
        row["pc"] == row["pr"] == row["problem_id"] and row["one"] == row["other"] == row["policy"] for row in rows
    )
    assert all(row["chosen_text"] != row["rejected_text"] for row in rows)


def test_more_evidence_makes_new_pairs_and_the_same_makes_none(recorded: Callable[..., Any]) -> None:
    _, (first,) = recorded("onpolicy_pairs", {}, n=4)
    _, (again,) = recorded("onpolicy_pairs", {}, n=4)
    assert again.reused
    context, (more,) = recorded("onpolicy_pairs", {}, n=8)
    assert not more.reused
    assert context.meter.samples == 0
    assert more.key != first.key
