"""Forms on paper, their guess floors by a simulated solver, and recorded rollouts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from assay.synthesis.forms import Forms, above_floor

ATTEMPTS = {
    "a": [("correct", "1"), ("wrong", "2"), ("wrong", "3"), ("wrong", "3"), ("wrong", "4"), ("unparsable", "")],
    "b": [("correct", "1"), ("wrong", "2")],
    "c": [("correct", "1")],
}


def test_the_most_frequent_mistakes_are_the_options(given: Any, made: Callable[..., Any]) -> None:
    rows, summary = made(Forms(), given(ATTEMPTS))
    assert [(row.parent_ids[0], row.rule, row.guess_floor) for row in rows] == [
        ("a", "judge", 0.5), ("a", "choice", 0.25), ("b", "judge", 0.5),
    ]  # fmt: skip
    choice = rows[1]
    options = dict(line.split(". ") for line in choice.problem.text.splitlines() if ". " in line)
    assert sorted(options.values()) == ["1", "2", "3", "4"]
    assert options[choice.label.answer] == "1"
    assert choice.label.verifier == "choice"
    assert summary.counts == {"judge": 2, "choice": 1, "too_few_wrong": 3}
    (judge,), _ = made(Forms(forms=("judge",)), given({"b": ATTEMPTS["b"]}))
    assert judge.label.answer == ("yes" if "Proposed answer: 1" in judge.problem.text else "no")


def test_half_of_the_judgements_are_right_and_no_letter_is_favoured(given: Any, made: Callable[..., Any]) -> None:
    rows, _ = made(Forms(), given({f"p{number}": ATTEMPTS["a"] for number in range(400)}))
    answers = [row.label.answer for row in rows]
    assert answers.count("yes") == pytest.approx(200, abs=45)
    assert [answers.count(letter) for letter in "ABCD"] == pytest.approx([100] * 4, abs=35)


@pytest.mark.parametrize("knows", [0.0, 0.3, 0.8])
def test_above_the_floor_a_solver_who_knows_or_guesses_is_equal_in_all_forms(knows: float) -> None:
    rng, rates = np.random.default_rng(1), {}
    for form, floor in (("judge", 1 / 2), ("choice", 1 / 4), ("open", 0.0)):
        right = (rng.random(40_000) < knows) | (rng.random(40_000) < floor)
        rates[form] = float(right.mean())
        assert above_floor(rates[form], floor) == pytest.approx(knows, abs=0.02)
    assert rates["judge"] > rates["choice"] >= rates["open"]


def test_recorded_mistakes_become_forms_that_their_verifiers_read(recorded: Callable[..., Any]) -> None:
    context, (result,) = recorded("forms", {}, n=32)
    rows = context.lake.rows(
        "SELECT d.*, p.metadata, p.messages[-1].content AS question, l.answer, l.verifier FROM derivations d "
        "JOIN problems p ON p.id = d.problem_id JOIN labels l ON l.id = d.label_id"
    )
    assert len(rows) == result.detail["judge"] + result.detail["choice"]
    assert result.detail["choice"] > 20
    assert all(
        row["verified"] and row["verifier"] == {"judge": "exact", "choice": "choice"}[row["rule"]] for row in rows
    )
    golds = {
        row["problem_id"]: row["answer"] for row in context.lake.rows("SELECT * FROM labels WHERE verifier = 'numeric'")
    }
    for row in rows:
        if row["rule"] == "choice":
            assert f"{row['answer']}. {golds[row['parent_id']]}\n" in row["question"] + "\n"
        else:
            assert (f"Proposed answer: {golds[row['parent_id']]}\n" in row["question"]) == (row["answer"] == "yes")
