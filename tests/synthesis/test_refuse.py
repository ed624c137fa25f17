"""Known and unknown by the posterior mean on paper, and on recorded rollouts."""

from collections.abc import Callable
from typing import Any

import pytest

from assay.synthesis.refuse import Refuse

ATTEMPTS = {
    "a": [("correct", "1", "so 1")] * 5 + [("wrong", "2", "so 2")],  # (5 + 1) / (6 + 2) = .75
    "b": [("wrong", "2", "so 2")] * 4,  # 1 / 6
    "c": [("correct", "1", "so 1")] * 2 + [("wrong", "2", "so 2")] * 2,  # 3 / 6
    "d": [("correct", "1", "so 1")] * 3 + [("truncated", "", "so")],  # 3 judged
}
SETS = {"known": 1, "unknown": 1, "between": 1, "too_few": 1}


def test_problems_are_divided_by_the_posterior_mean(given: Any, made: Callable[..., Any]) -> None:
    rows, summary = made(Refuse(sure=" Sure.", unsure=" Unsure."), given(ATTEMPTS))
    found = [(row.problem_id, row.completion, row.origin, row.masked) for row in rows]
    assert found == [("a", "so 1 Sure.", "policy", None), ("b", "1 Unsure.", "gold", None)]
    assert summary.counts == SETS
    _, strict = made(Refuse(known=0.76), given(ATTEMPTS))
    assert strict.counts == SETS | {"known": 0, "between": 2}


def test_an_own_wrong_answer_is_masked_and_a_kept_solution_taken(given: Any, made: Callable[..., Any]) -> None:
    rows, _ = made(Refuse(answer="own", unsure=" Unsure."), given({"b": ATTEMPTS["b"]}))
    assert [(row.completion, row.masked, row.parents) for row in rows] == [("so 2 Unsure.", ((0, 4),), ("b0",))]
    kept = given({"b": ATTEMPTS["b"]}, fields={"b": {"solution": "3 - 2 = 1"}})
    assert [row.completion for row in made(Refuse(unsure="?"), kept)[0]] == ["3 - 2 = 1?"]
    with pytest.raises(ValueError, match=r"unknown = 0\.9 must be below known = 0\.7"):
        Refuse(unknown=0.9)


def test_both_sets_of_recorded_rollouts_are_verified_but_for_own_wrong_answers(recorded: Callable[..., Any]) -> None:
    context, (result,) = recorded("refuse", {})
    rows = context.lake.rows("SELECT verified, origin, completion FROM targets")
    assert result.detail["known"] + result.detail["unknown"] == len(rows)
    assert min(result.detail["known"], result.detail["unknown"]) > 30
    assert {(row["origin"], row["completion"].endswith("I am sure.")) for row in rows} == {
        ("policy", True), ("gold", False),
    }  # fmt: skip
    assert all(row["verified"] for row in rows)
    other, _ = recorded("refuse", {"answer": "own"})
    own = other.lake.rows(
        "SELECT verified, masked FROM targets WHERE completion LIKE '%unsure.' AND masked IS NOT NULL"
    )
    assert own
    assert not any(row["verified"] for row in own)
