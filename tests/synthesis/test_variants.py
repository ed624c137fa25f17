"""Irrelevant conditions and translations on paper, and of recorded rollouts' problems by a scripted policy."""

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
from assay.synthesis.variants import Variants

TEXT = "Ann has 3 apples and buys 4. How many has she?"
ATTEMPTS = {"a": [("correct", "1"), ("correct", "1"), ("wrong", "2"), ("correct", "1")]}


def test_an_irrelevant_condition_stands_before_the_question_and_shares_nothing_with_it(
    given: Any, made: Callable[..., Any]
) -> None:
    evidence = given(ATTEMPTS, texts={"a": TEXT}, answer=lambda problem, sample: ("x", sample == 0))
    (row,), summary = made(Variants(), evidence)
    first, condition, question = row.problem.text.replace("? ", "?").replace(". ", ".|").split("|")
    assert (first, question) == ("Ann has 3 apples and buys 4.", "How many has she?")
    assert not {"3", "4"} & set(condition.split())
    assert (row.label.answer, row.label.problem_id, row.parent_ids, row.checked) == ("1", row.problem.id, ("a",), True)
    assert summary.counts["robustness"] == round(0.25 / 0.75, 4)
    again, _ = made(Variants(), evidence)
    assert again[0].problem.id == row.problem.id


def test_sentences_of_the_problems_own_things_are_not_used(given: Any, made: Callable[..., Any]) -> None:
    part = Variants(attempts=0, sentences=("{name} buys {number} apples.", "{number} birds sing."))
    (row,), summary = made(part, given(ATTEMPTS, texts={"a": TEXT}))
    assert "birds sing." in row.problem.text
    rows, none = made(Variants(sentences=("{name} has {number} apples.",)), given(ATTEMPTS, texts={"a": TEXT}))
    assert (rows, none.counts["left_out"]) == ([], 1)
    assert "robustness" not in summary.counts
    with pytest.raises(ValueError, match="sentences is empty"):
        Variants(sentences=())


@pytest.mark.parametrize(
    ("translation", "right", "checked"),
    [("Ann hat 3 und kauft 4. Wie viele?", True, True), ("Ann hat 3 und kauft 4. Wie viele?", False, False),
     ("Ann hat drei und kauft 4.", True, None)],
)  # fmt: skip
def test_a_translation_keeps_the_numbers_and_is_verified_by_a_right_attempt(
    given: Any, made: Callable[..., Any], translation: str, right: bool, checked: bool | None
) -> None:
    def answer(problem: Problem, sample: int) -> tuple[str, bool]:
        return (translation, False) if problem.text.startswith("Translate") else ("so 7", right and sample == 3)

    rows, summary = made(Variants(kind="translated"), given(ATTEMPTS, texts={"a": TEXT}, answer=answer))
    assert [row.checked for row in rows] == ([] if checked is None else [checked])
    assert summary.counts["left_out"] == (checked is None)
    assert all(row.problem.text == translation and row.rule == "translated" for row in rows)


def test_variants_stay_on_their_problems_side_of_the_split(tmp_path: Path) -> None:
    rows = [
        f'{{"prompt": "Bo has {n} pens. He finds {n} more. How many?", "answer": "{2 * n}"}}\n' for n in range(3, 15)
    ]
    (tmp_path / "pool.jsonl").write_text("".join(rows))
    config = parse_config(
        {
            "lake": str(tmp_path / "lake"),
            "source": [{"type": "files", "paths": str(tmp_path / "pool.jsonl"), "verifier": "numeric"}],
            "split": {"held_out": 4},
            "policy": {"engine": "scripted", "model": "m", "answers": {"x": ["1"]}, "max_tokens": 16},
            "score": {"n": 2},
        }
    )
    with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
        run_stages(context, "score")
        (result,) = run_synthesis(context, "variants")
        made = lake.rows(
            "SELECT d.parent_id, d.verified, p.metadata FROM derivations d JOIN problems p ON p.id = d.problem_id"
        )
        held_out = {row["problem_id"] for row in lake.rows("SELECT problem_id FROM splits WHERE side = 'held_out'")}
    assert len(made) == 8 == result.detail["made"]
    assert not held_out & {row["parent_id"] for row in made}
    assert all(row["verified"] and '"variant":"irrelevant"' in row["metadata"].replace(" ", "") for row in made)


def test_variants_of_recorded_problems_keep_their_labels(recorded: Callable[..., Any]) -> None:
    context, (result,) = recorded("variants", {"attempts": 0})
    rows = context.lake.rows(
        "SELECT l.answer, o.answer AS parents_answer, d.verified FROM derivations d JOIN labels l ON l.id = d.label_id "
        "JOIN labels o ON o.problem_id = d.parent_id"
    )
    assert len(rows) == result.detail["made"] == 300
    assert all(row["answer"] == row["parents_answer"] and row["verified"] for row in rows)
