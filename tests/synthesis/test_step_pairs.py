"""Pits of a step process whose values are known, and of a scripted policy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.runner.synthesis import run_synthesis
from assay.stores.lake import Lake
from assay.synthesis.step_pairs import StepPairs


def attempts(pit: int, steps: int = 6) -> list[tuple[str, ...]]:
    """One right attempt and a wrong one that goes astray at step `pit`."""
    wrong = "\n".join("astray" if place >= pit else f"good {place}" for place in range(steps))
    return [("correct", "1", "all good\nso 1"), ("wrong", "2", wrong)]


def exact(id_: str, begun: str, sample: int) -> tuple[str, bool]:
    """Right from a good beginning three times of four, and never behind the pit."""
    return "rest", "astray" not in begun and sample % 4 != 3


@pytest.mark.parametrize("pit", [0, 2, 5])
def test_the_rejected_text_ends_at_the_first_pit(given: Any, made: Callable[..., Any], pit: int) -> None:
    rows, summary = made(StepPairs(), given({"p": attempts(pit)}, complete=exact))
    (pair,) = [row for row in rows if hasattr(row, "chosen")]
    (steps,) = [row for row in rows if hasattr(row, "steps")]
    assert (pair.chosen, pair.rejected) == ("p0", "p1")
    assert pair.rejected_text.count("astray") == 1
    assert pair.rejected_text.endswith("astray\n" if pit < 5 else "astray")
    assert pair.margin == (0.5 if pit == 0 else 0.75)  # before the first step stands the problem's own rate
    assert [step.value for step in steps.steps] == [0.75] * pit + [0.0] * (6 - pit)
    assert "".join(step.text for step in steps.steps) == attempts(pit)[1][2]
    assert summary.counts == {"problems": 1, "attempts": 1, "pits": 1, "no_right": 0}


@pytest.mark.parametrize(("completions", "recall"), [(4, 0.6), (8, 0.85), (32, 0.95)])
def test_more_completions_find_more_pits(given: Any, made: Callable[..., Any], completions: int, recall: float) -> None:
    """A process of known Q: 0.7 before the pit and 0.05 behind it."""
    rng = np.random.default_rng(completions)
    pits = {f"p{number:03}": number % 5 + 1 for number in range(200)}

    def drawn(id_: str, begun: str, sample: int) -> tuple[str, bool]:
        return "rest", bool(rng.random() < (0.05 if "astray" in begun else 0.7))

    evidence = given({id_: attempts(pit, steps=7) for id_, pit in pits.items()}, complete=drawn)
    rows, _ = made(StepPairs(completions=completions), evidence)
    found = [row.rejected_text.count("astray") == 1 for row in rows if hasattr(row, "chosen")]
    assert sum(found) / len(pits) >= recall


def test_a_right_attempt_and_steps_are_needed(given: Any, made: Callable[..., Any]) -> None:
    wrong = ("wrong", "2", "a\nb")
    given_ = {
        "no right": [wrong],
        "no wrong": [("correct", "1", "a\nb")],
        "one step": [("correct", "1"), ("wrong", "2", "b")],
    }
    rows, summary = made(StepPairs(), given(given_))
    assert rows == []
    assert summary.counts == {"problems": 0, "attempts": 0, "pits": 0, "no_right": 1}


def test_without_a_fall_there_is_no_pair(given: Any, made: Callable[..., Any]) -> None:
    flat = given({"p": [*attempts(9), ("wrong", "2")]}, complete=lambda id_, begun, sample: ("rest", sample == 0))
    rows, summary = made(StepPairs(min_drop=0.4), flat)
    assert [row for row in rows if hasattr(row, "chosen")] == []
    assert summary.counts["pits"] == 0


def test_a_scripted_policy_falls_into_its_pit_once_and_is_paid_once(tmp_path: Path) -> None:
    rows = [f'{{"prompt": "What is {n} + {n}?", "answer": "{2 * n}"}}\n' for n in range(10, 16)]
    (tmp_path / "sums.jsonl").write_text("".join(rows))
    answers = {}
    for n in range(10, 16):
        question, right, wrong = f"What is {n} + {n}?", f"Add.\nDouble it.\n{2 * n}", f"Add.\nHalve it.\n{n // 2}"
        answers[question] = [right, wrong]
        answers[f"{question}Add.\n"] = [f"Double it.\n{2 * n}", f"Halve it.\n{n // 2}"]
        answers[f"{question}Add.\nHalve it.\n"] = [f"{n // 2}"]
    config = parse_config(
        {
            "lake": str(tmp_path / "lake"),
            "source": [{"type": "files", "paths": str(tmp_path / "sums.jsonl"), "verifier": "numeric"}],
            "policy": {"engine": "scripted", "model": "halver", "answers": answers, "max_tokens": 16},
            "score": {"n": 4},
        }
    )
    with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
        run_stages(context, "score")
        before = context.meter.samples
        (result,) = run_synthesis(context, "step_pairs")
        assert context.meter.samples - before == 6 * 2 * 4
        pairs, steps = lake.rows("SELECT * FROM pair_texts"), lake.rows("SELECT * FROM step_labels")
        assert len(pairs) == len(steps) == result.detail["pits"] == 6
        assert {row["rejected_text"] for row in pairs} == {"Add.\nHalve it.\n"}
        assert all(row["verified"] and row["margin"] == 0.5 for row in pairs)
        assert all([step["value"] for step in row["steps"]] == [0.5, 0.0, 0.0] for row in steps)
        assert not any(row["correct"] for row in steps)
    with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
        changed = config.model_copy(
            update={"synthesize": config.synthesize.model_copy(update={"settings": {"step_pairs": {"min_drop": 0.4}}})}
        )
        with RunContext(changed, lake, NullReporter()) as other:
            (again,) = run_synthesis(other, "step_pairs")
            assert not again.reused
            assert other.meter.samples == 0
