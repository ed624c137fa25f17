"""The tier is a function of verdicts alone; tiers of recorded rollouts."""

from collections.abc import Callable
from typing import Any

from assay.core.types import Problem
from assay.synthesis.s3ft import S3ft

ATTEMPTS = {"a": [("wrong", "2"), ("correct", "1"), ("correct", "1")], "b": [("wrong", "2")], "c": [("wrong", "3")]}
FIELDS = {"b": {"solution": "One and nothing is 1"}}


def reword(problem: Problem, sample: int) -> tuple[str, bool]:
    """Rewords the solution of b at the second attempt, and of no other problem."""
    return ("It is 1", True) if "question b" in problem.text and sample == 1 else ("It is 5", False)


def test_own_then_reworded_then_gold(given: Any, made: Callable[..., Any]) -> None:
    evidence = given(ATTEMPTS, fields=FIELDS, answer=reword)
    rows, summary = made(S3ft(paraphrases=2), evidence)
    assert [(row.problem_id, row.tier, row.origin) for row in rows] == [
        ("a", 0, "policy"), ("b", 1, "paraphrase"), ("c", 2, "gold"),
    ]  # fmt: skip
    assert (rows[0].rollout_id, rows[0].completion) == ("a1", None)
    assert [row.completion for row in rows[1:]] == ["It is 1", "1"]
    assert summary.counts == {"own": 1, "paraphrase": 1, "gold": 1}
    assert "One and nothing is 1" in evidence.asked[0].text


def test_without_rewording_the_gold_solution_stands(given: Any, made: Callable[..., Any]) -> None:
    evidence = given(ATTEMPTS, fields=FIELDS)
    rows, _ = made(S3ft(gold_template="#### {answer}"), evidence)
    assert [row.completion for row in rows] == [None, "One and nothing is 1", "#### 1"]
    assert evidence.asked == []


def test_every_recorded_problem_has_one_verified_target(recorded: Callable[..., Any]) -> None:
    context, (result,) = recorded("s3ft", {}, n=8)
    rows = context.lake.rows("SELECT * FROM target_texts")
    ids = context.lake.rows("SELECT problem_id FROM splits WHERE side = 'train'")
    assert sorted(row["problem_id"] for row in rows) == sorted(row["problem_id"] for row in ids)
    assert all(row["verified"] for row in rows)
    solved = {row["problem_id"] for row in context.lake.rows("SELECT problem_id FROM scores WHERE n_correct > 0")}
    assert {row["problem_id"] for row in rows if row["tier"] == 0} == solved
    assert result.detail["gold"] == len(rows) - len(solved) > 0
