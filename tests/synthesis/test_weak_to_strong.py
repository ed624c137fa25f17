"""Pairs by votes on paper, and of recorded rollouts."""

from collections.abc import Callable
from typing import Any

from assay.synthesis.weak_to_strong import WeakToStrong

ATTEMPTS = {
    "sure": [("correct", "1"), ("correct", "1"), ("correct", "1"), ("wrong", "2")],
    "shared error": [("wrong", "7")] * 4 + [("correct", "1")],
    "undecided": [("correct", "1"), ("correct", "1"), ("wrong", "2"), ("wrong", "3")],
    "unanimous": [("correct", "1")] * 5,
    "few": [("correct", "1"), ("wrong", "2"), ("unparsable", ""), ("unparsable", "")],
}


def test_votes_alone_choose_and_a_shared_error_is_sure_and_wrong(given: Any, made: Callable[..., Any]) -> None:
    rows, summary = made(WeakToStrong(), given(ATTEMPTS))
    assert [(row.problem_id, row.chosen, row.rejected, row.confidence) for row in rows] == [
        ("shared error", "shared error0", "shared error4", 0.8),
        ("sure", "sure0", "sure3", 0.75),
    ]
    assert all(row.label_id is None for row in rows)
    assert summary.counts == {"paired": 2, "undecided": 2, "unanimous": 1, "majority_right": 1}


def test_a_problem_gives_at_most_so_many_pairs(given: Any, made: Callable[..., Any]) -> None:
    many = {"a": [("correct", "1")] * 9 + [("wrong", "2")] * 5}
    rows, _ = made(WeakToStrong(pairs=2), given(many))
    assert len(rows) == len({row.rejected for row in rows}) == 2


def test_recorded_rollouts_say_where_the_votes_misled(recorded: Callable[..., Any]) -> None:
    context, (result,) = recorded("weak_to_strong", {}, n=16)
    rows = context.lake.rows(
        "SELECT p.*, c.outcome AS c, r.outcome AS r FROM pairs p JOIN verdicts c ON c.rollout_id = p.chosen "
        "JOIN verdicts r ON r.rollout_id = p.rejected"
    )
    assert len(rows) == result.detail["pairs"] > 10
    assert all(row["verified"] == (row["c"] == "correct" and row["r"] == "wrong") for row in rows)
    assert result.detail["unverified"] == sum(not row["verified"] for row in rows)
    assert result.detail["majority_right"] > 0.8 * result.detail["paired"]
