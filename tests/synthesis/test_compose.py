"""Chains with exact labels, p^h for an independent solver, and recorded sums computed by another program."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from assay.core.types import Label, Problem
from assay.synthesis.compose import Compose, Link, compose, restored


def link(text: str, answer: int) -> Link:
    problem = Problem.of(text)
    return Link(problem, Label.of(problem.id, str(answer), verifier="numeric"), answer)


APPLES, PEARS = link("Ann has 12 apples and buys 7. How many?", 19), link("Of 30 pears 4 rot. How many are left?", 26)


def test_a_number_of_the_next_question_is_told_by_the_answer_before() -> None:
    text = compose([APPLES, PEARS, APPLES])
    assert text.splitlines()[2] == "Problem 2: Of [the answer to problem 1, plus 11] pears 4 rot. How many are left?"
    assert "Problem 3: Ann has [the answer to problem 2, minus 14] apples" in text
    assert restored(text, [19, 26, 19]) == [APPLES.problem.text, PEARS.problem.text, APPLES.problem.text]
    assert restored(text, [20, 26, 19])[1] != PEARS.problem.text
    assert "[the answer to problem 1] apples" in compose([link("1 + 11 =", 12), APPLES])


@pytest.mark.parametrize("rate", [0.5, 0.8])
def test_an_independent_solver_solves_a_chain_of_h_with_p_to_the_h(rate: float) -> None:
    """He reads every question, works with what he believes the earlier answers to be, and gets each right by chance."""
    rng, chain = np.random.default_rng(2), [APPLES, PEARS, APPLES, PEARS, APPLES]
    for horizon in (1, 2, 5):
        solved = 0
        for _ in range(4_000):
            believed: list[int] = []
            for place, each in enumerate(chain[:horizon]):
                asked = restored(compose(chain[:horizon]), [*believed, *[0] * (horizon - place)])[place]
                right = asked == each.problem.text and rng.random() < rate
                believed.append(each.answer if right else each.answer + 1)
            solved += believed[-1] == chain[horizon - 1].answer
        assert solved / 4_000 == pytest.approx(rate**horizon, abs=0.03)


def test_only_reliable_whole_numbers_make_chains(given: Any, made: Callable[..., Any]) -> None:
    good, bad = [("correct", "1"), ("correct", "1"), ("wrong", "2")], [("wrong", "2"), ("wrong", "3")]
    texts = {"a": "What is 12 - 11?", "b": "What is 3 - 2?", "c": "What is one?", "d": "What is 9 - 8?"}
    evidence = given({"a": good, "b": good, "c": good, "d": bad}, texts=texts)
    rows, summary = made(Compose(horizons=(2,), chains=50), evidence)
    assert summary.counts == {"atoms": 3, "later_atoms": 2, "chains_2": 4}
    assert {row.parent_ids for row in rows} == {("a", "b"), ("b", "a"), ("c", "a"), ("c", "b")}
    assert all(row.checked and row.label.answer == "1" for row in rows)
    assert made(Compose(horizons=(2,), chains=50), given({"a": good}, texts=texts))[0] == []
    halves = given({"a": good, "b": good}, texts=texts, gold="1/2")
    assert made(Compose(), halves)[0] == []


def computed(text: str) -> list[int]:
    """Every answer of a chain of recorded sums, read from its text alone."""
    answers: list[int] = []

    def told(match: re.Match[str]) -> str:
        return str(answers[int(match[1]) - 1] + {"plus": 1, "minus": -1}.get(match[2], 0) * int(match[3] or 0))

    for question in re.findall(r"^Problem \d: (.*)$", text, re.MULTILINE):
        asked = re.sub(r"\[the answer to problem (\d)(?:, (plus|minus) (\d+))?\]", told, question)
        left, sign, right = re.fullmatch(r"(\d+)([-+*])(\d+)=", asked).groups()  # type: ignore[union-attr]
        one, other = int(left), int(right)
        answers.append({"+": one + other, "-": one - other, "*": one * other}[sign])
    return answers


def test_recorded_sums_are_chained_and_another_program_computes_the_same(recorded: Callable[..., Any]) -> None:
    context, (result,) = recorded("compose", {"horizons": [2, 3, 5], "chains": 40}, n=8)
    rows = context.lake.rows(
        "SELECT DISTINCT p.messages[-1].content AS question, p.metadata, l.answer, d.verified, d.rule FROM derivations d "
        "JOIN problems p ON p.id = d.problem_id JOIN labels l ON l.id = d.label_id"
    )
    assert len(rows) == 120 == sum(result.detail[f"chains_{horizon}"] for horizon in (2, 3, 5))
    for row in rows:
        answers = computed(row["question"])
        assert str(answers[-1]) == row["answer"]
        assert row["verified"]
    parents = context.lake.rows("SELECT DISTINCT side FROM splits s JOIN derivations d ON d.parent_id = s.problem_id")
    assert [row["side"] for row in parents] == ["train"]
