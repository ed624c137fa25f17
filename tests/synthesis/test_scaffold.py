"""The length at which a simulated solver solves a third, and hopeless recorded problems as a pool for GRPO."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.core.types import Problem
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.runner.synthesis import run_synthesis
from assay.stores.lake import Lake
from assay.synthesis.scaffold import Scaffold

STEPS = 16
SOLUTION = "\n".join(f"step {number}" for number in range(STEPS))
WRONG = [("wrong", "0")] * 4


def solver(rate: float) -> Callable[[Problem, int], tuple[str, bool]]:
    """Gets each missing step right with this chance, so that a begun answer of n steps is finished with rate^(16 - n)."""

    def answer(problem: Problem, sample: int) -> tuple[str, bool]:
        begun = problem.text.count("step ")
        return "x", sample / 64 < rate ** (STEPS - begun)

    return answer


@pytest.mark.parametrize("rate", [0.6, 0.8, 0.9])
def test_the_begun_answer_has_the_length_at_which_a_third_is_solved(
    given: Any, made: Callable[..., Any], rate: float
) -> None:
    evidence = given({"p": WRONG}, fields={"p": {"solution": SOLUTION}}, answer=solver(rate))
    (row,), summary = made(Scaffold(attempts=64), evidence)
    begun = row.problem.text.count("step ")
    assert abs(begun - (STEPS - math.log(1 / 3) / math.log(rate))) <= 1
    assert 0.1 <= rate ** (STEPS - begun) <= 0.7
    assert (row.parent_ids, row.label.answer, row.label.problem_id) == (("p",), "1", row.problem.id)
    assert len(evidence.asked) <= math.log2(STEPS) + 1
    assert summary.counts == {"hopeless": 1, "without_solution": 0, "made": 1}


def test_what_cannot_become_mixed_makes_no_problem(given: Any, made: Callable[..., Any]) -> None:
    attempts = {"easy": [("correct", "1"), *WRONG], "few": WRONG[:3], "bare": WRONG, "short": WRONG, "hard": WRONG}
    fields = {"short": {"solution": "so 1"}, "hard": {"solution": SOLUTION}}
    rows, summary = made(Scaffold(), given(attempts, fields=fields, answer=lambda problem, sample: ("x", False)))
    assert rows == []
    assert summary.counts == {"hopeless": 3, "without_solution": 2, "made": 0}


def test_an_own_right_attempt_is_begun_before_the_gold_solution(given: Any, made: Callable[..., Any]) -> None:
    attempts = {"p": [*WRONG, ("correct", "1", "mine\nmy own\nis 1")]}
    evidence = given(attempts, fields={"p": {"solution": SOLUTION}}, answer=lambda problem, sample: ("x", sample < 3))
    (row,), _ = made(Scaffold(max_rate=0.25), evidence)
    assert "mine" in row.problem.text
    assert "is 1" not in row.problem.text  # the last step is never given
    assert row.parents == ("p4",)


def test_new_problems_are_a_pool_that_keeps_the_split_and_pays_nothing_twice(tmp_path: Path) -> None:
    """The scripted policy never solves these sums alone, and a third of the time behind their first step."""
    questions = [f"What is {n} + {n}?" for n in range(10, 30)]
    rows = [
        f'{{"prompt": "{question}", "answer": "{2 * n}", "solution": "Double {n}.\\nIt is {2 * n}."}}\n'
        for n, question in enumerate(questions, 10)
    ]
    (tmp_path / "sums.jsonl").write_text("".join(rows))
    template = "{problem} Begin: {begun}"
    answers = {question: ["The answer is 1"] for question in questions} | {
        f"{question} Begin: Double {n}.": [f"The answer is {2 * n}", "The answer is 1", "The answer is 2"]
        for n, question in enumerate(questions, 10)
    }
    base = {
        "lake": str(tmp_path / "lake"),
        "source": [
            {
                "type": "files",
                "paths": str(tmp_path / "sums.jsonl"),
                "metadata_fields": ["solution"],
                "verifier": "numeric",
            }
        ],
        "split": {"held_out": 6},
        "policy": {"engine": "scripted", "model": "beginner", "answers": answers, "max_tokens": 16},
        "score": {"n": 4},
        "synthesize": {"settings": {"scaffold": {"template": template, "attempts": 6}}},
    }
    with Lake(base["lake"]) as lake, RunContext(parse_config(base), lake, NullReporter()) as context:
        run_stages(context, "score")
        (result,) = run_synthesis(context, "scaffold")
        assert result.detail["made"] == result.detail["hopeless"] == 14
    begun = {**base, "source": [*base["source"], {"type": "synthesized", "method": "scaffold"}], "score": {"n": 6}}
    with Lake(base["lake"]) as lake, RunContext(parse_config(begun), lake, NullReporter()) as context:
        results = run_stages(context, "score")
        scores = lake.rows(
            "SELECT s.*, d.parent_id FROM scores s JOIN derivations d USING (problem_id) WHERE scoring_id = ?",
            [results.rows_of("score")],
        )
        assert len(scores) == 14
        assert {(row["n_correct"], row["n_wrong"]) for row in scores} == {(2, 4)}
        assert context.meter.samples == 14 * 2  # two more of each parent; the begun ones had their six already
        side = {row["problem_id"]: row["side"] for row in lake.rows("SELECT * FROM splits")}
        assert {side[row["parent_id"]] for row in scores} == {"train"}
        assert sum(side[id_] == "held_out" for id_ in side) == 6
    other = {**begun, "split": {"held_out": 6, "seed": 5}}
    with Lake(base["lake"]) as lake, RunContext(parse_config(other), lake, NullReporter()) as context:
        split = run_stages(context, "split").rows_of("split")
        side = {row["problem_id"]: row["side"] for row in lake.rows("SELECT * FROM splits WHERE split = ?", [split])}
        pairs = lake.rows("SELECT problem_id, parent_id FROM derivations")
        assert all(side[row["problem_id"]] == side[row["parent_id"]] for row in pairs)
        assert {side[row["problem_id"]] for row in pairs} == {"train", "held_out"}
        assert sum(side[row["problem_id"]] == "held_out" for row in pairs) + 6 == list(side.values()).count("held_out")
