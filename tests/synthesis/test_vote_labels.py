"""Votes on paper, voters with a shared bias, and recorded rollouts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from assay.synthesis.vote_labels import VoteLabels

RIGHT, OTHER, NONE = ("correct", "7"), ("wrong", "8"), ("unparsable", "")


def test_a_label_needs_the_share_of_all_attempts(given: Any, made: Callable[..., Any]) -> None:
    attempts = {
        "a": [RIGHT, RIGHT, RIGHT, OTHER, OTHER],  # .6 of them
        "b": [RIGHT, RIGHT, RIGHT, OTHER, OTHER, NONE],  # a half: those without an answer count
        "c": [OTHER, OTHER, OTHER, OTHER, RIGHT],  # sure and wrong
        "d": [RIGHT, RIGHT],  # too few
        "e": [NONE] * 5,
    }
    rows, summary = made(VoteLabels(), given(attempts))
    labels = {row.problem.id: (row.label.answer, row.label.origin, row.checked) for row in rows}
    assert labels == {"a": ("7", "vote", True), "c": ("8", "vote", False)}
    assert [row.confidence for row in rows] == [4 / 7, 5 / 7]
    assert rows[0].parents == ("a0", "a1", "a2")
    assert summary.counts == {
        "labelled": 2, "undecided": 3, "precision": 0.5, "sure": 1, "sure_precision": 0.0,
    }  # fmt: skip


def test_three_of_three_are_less_sure_than_thirty_of_thirty(given: Any, made: Callable[..., Any]) -> None:
    rows, _ = made(VoteLabels(min_attempts=3), given({"a": [RIGHT] * 3, "b": [RIGHT] * 30}))
    assert rows[0].confidence == pytest.approx(0.8)
    assert rows[1].confidence == pytest.approx(31 / 32)


@pytest.mark.parametrize("shared", [False, True])
def test_precision_rises_with_the_threshold_unless_the_voters_share_their_error(
    given: Any, made: Callable[..., Any], shared: bool
) -> None:
    """With a shared bias every attempt at a problem that is not known gives the same wrong answer: agreement says nothing."""
    rng = np.random.default_rng(4)
    attempts = {}
    for number in range(400):
        knows = rng.random() < 0.6
        rate = (1.0 if knows else 0.0) if shared else (0.8 if knows else 0.35)
        wrong = [("wrong", "9" if shared else str(rng.integers(10, 13)))] * 10
        attempts[f"p{number:03}"] = [RIGHT if rng.random() < rate else wrong[k] for k in range(10)]
    precision = [made(VoteLabels(min_share=share), given(attempts))[1].counts["precision"] for share in (0.3, 0.6, 0.8)]
    if shared:
        assert precision == pytest.approx([0.6] * 3, abs=0.06)
    else:
        assert precision[0] < precision[1] < precision[2]


def test_recorded_rollouts_get_labels_that_say_whether_the_gold_agrees(recorded: Callable[..., Any]) -> None:
    context, (result,) = recorded("vote_labels", {}, n=16)
    rows = context.lake.rows(
        "SELECT d.*, l.answer AS vote, l.origin AS said_by, g.answer AS gold FROM derivations d JOIN labels l ON l.id = d.label_id "
        "JOIN labels g ON g.problem_id = d.problem_id AND g.origin = 'gold' WHERE synthesis_id = ?",
        [result.key.rows],
    )
    assert len(rows) == result.detail["labelled"] > 20
    assert all((row["vote"] == row["gold"]) == row["verified"] for row in rows)
    assert {row["said_by"] for row in rows} == {"vote"}
    right = sum(row["verified"] for row in rows) / len(rows)
    assert right == pytest.approx(result.detail["precision"], abs=1e-4)
    assert right > 0.9
