"""Flips by a hint that helps, by one that does nothing, and of a scripted policy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.core.types import Problem
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.runner.synthesis import run_synthesis
from assay.stores.lake import Lake
from assay.synthesis.star import Star


@pytest.mark.parametrize(("rate", "hinted"), [(0.5, 0.5), (0.2, 0.2), (0.2, 0.9)])
def test_the_control_flips_by_chance_and_a_hint_must_beat_it(
    given: Any, made: Callable[..., Any], rate: float, hinted: float
) -> None:
    rng = np.random.default_rng(3)
    attempts = {
        f"p{number:03}": [("correct", "1") if rng.random() < rate else ("wrong", "2") for _ in range(16)]
        for number in range(500)
    }
    evidence = given(attempts, answer=lambda problem, sample: (f"so 1, {sample}", bool(rng.random() < hinted)))
    rows, summary = made(Star(attempts=8), evidence)
    chance = rate * (1 - rate)  # in one direction; 2p(1 - p) in both
    assert summary.counts["control_rate"] == pytest.approx(chance, abs=0.02)
    assert summary.counts["flip_rate"] == pytest.approx((1 - rate) * hinted, abs=0.02)
    assert summary.counts["gain"] == pytest.approx((1 - rate) * (hinted - rate), abs=0.03)
    assert len(rows) == summary.counts["flips"]


def test_a_target_is_the_plain_questions_and_does_not_name_the_hint(given: Any, made: Callable[..., Any]) -> None:
    def answer(problem: Problem, sample: int) -> tuple[str, bool]:
        assert problem.text == "question a\n\nHint: check each step before you go on."
        return ("As the Hint: says, 1" if sample else "It is 1"), True

    evidence = given({"a": [("wrong", "2"), ("wrong", "3")], "b": [("correct", "1")] * 2}, answer=answer)
    (row,), summary = made(Star(attempts=2), evidence)
    assert (row.problem_id, row.completion, row.messages) == ("a", "It is 1", None)
    assert row.parents[0] == "a0"
    assert summary.counts["flips"] == 2
    assert summary.counts["compared"] == 4


def test_a_scripted_policy_is_helped_and_the_targets_are_verified(tmp_path: Path) -> None:
    rows = [f'{{"prompt": "What is {n} + {n}?", "answer": "{2 * n}"}}\n' for n in range(10, 18)]
    (tmp_path / "sums.jsonl").write_text("".join(rows))
    hint = "{problem} Double it."
    answers = {f"What is {n} + {n}?": [f"The answer is {2 * n}", "The answer is 1"] for n in range(10, 18)}
    answers |= {f"What is {n} + {n}? Double it.": [f"Twice {n}. The answer is {2 * n}"] for n in range(10, 18)}
    config = parse_config(
        {
            "lake": str(tmp_path / "lake"),
            "source": [{"type": "files", "paths": str(tmp_path / "sums.jsonl"), "verifier": "numeric"}],
            "policy": {"engine": "scripted", "model": "doubler", "answers": answers, "max_tokens": 16},
            "score": {"n": 4},
            "synthesize": {"settings": {"star": {"hint": hint}}},
        }
    )
    with Lake(config.lake) as lake:
        for expected in (8 * 4, 0):
            with RunContext(config, lake, NullReporter()) as context:
                run_stages(context, "score")
                before = context.meter.samples
                (result,) = run_synthesis(context, "star")
                assert context.meter.samples - before == expected
        targets = lake.rows(
            "SELECT t.*, p.messages[-1].content AS question FROM targets t JOIN problems p ON p.id = problem_id"
        )
        rates = lake.rows("SELECT DISTINCT n_correct, n_wrong FROM scores")
    assert len(targets) == 8  # two flips of one text per problem are one target
    assert result.detail["flips"] == 16
    assert all(
        row["verified"] and "Double" not in row["question"] and row["completion"].startswith("Twice") for row in targets
    )
    assert rates == [{"n_correct": 2, "n_wrong": 2}]
