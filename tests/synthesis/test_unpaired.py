"""Right and wrong attempts on paper, and of recorded rollouts: problems of one kind alone count too."""

from collections.abc import Callable
from typing import Any

from assay.synthesis.unpaired import Unpaired

ATTEMPTS = {
    "a": [("correct", "1", "yes"), ("correct", "1", "yes"), ("wrong", "2", "no"), ("truncated", "", "on and on")],
    "b": [("wrong", "3", "no"), ("unparsable", "", "hm"), ("wrong", "4", "nor")],
    "c": [("correct", "1", "yes")],
    "d": [("verifier_error", "", "what")],
}


def test_each_kind_is_kept_without_a_partner(given: Any, made: Callable[..., Any]) -> None:
    rows, summary = made(Unpaired(wrong=2), given(ATTEMPTS))
    assert [(row.rollout_id, row.desirable) for row in rows] == [
        ("a0", True), ("a2", False), ("b0", False), ("b1", False), ("c0", True),
    ]  # fmt: skip
    assert summary.counts == {
        "desirable": 2, "undesirable": 3, "both": 1, "only_right": 1, "only_wrong": 1, "neither": 1,
    }  # fmt: skip


def test_recorded_rollouts_are_verified_on_both_sides(recorded: Callable[..., Any]) -> None:
    context, (result,) = recorded("unpaired", {}, n=16)
    rows = context.lake.rows(
        "SELECT t.desirable, t.verified, t.side, v.outcome FROM targets t JOIN verdicts v ON v.rollout_id = t.rollout_id"
    )
    assert len(rows) == result.detail["targets"] == result.detail["desirable"] + result.detail["undesirable"]
    assert min(result.detail["only_right"], result.detail["only_wrong"]) > 10  # of which no pair could be made
    assert all(row["verified"] and row["side"] == "train" for row in rows)
    assert {(row["desirable"], row["outcome"] == "correct") for row in rows} == {(True, True), (False, False)}
