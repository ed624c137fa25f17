"""Planted good and bad parts are recovered, parts without effect seldom pass, and a scripted policy recovers."""

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
from assay.synthesis.failures import Failures

WRONG = [("wrong", "2", "good\nidle\nbad\nso 2"), ("correct", "1", "so 1"), ("wrong", "2", "so 2")]
RATES = {"": 0, "good\n": 8, "good\nidle\n": 7, "good\nidle\nbad\n": 1}  # right ones of 8 continuations


def planted(id_: str, begun: str, sample: int) -> tuple[str, bool]:
    return f"on {sample}", sample < RATES[begun]


@pytest.mark.parametrize(("learn", "masked"), [("beneficial", [None, ((5, 14),)]), ("harmless", [None, ((10, 14),)])])
def test_planted_parts_are_found_and_what_is_not_learnt_is_masked(
    given: Any, made: Callable[..., Any], learn: Any, masked: Any
) -> None:
    rows, summary = made(Failures(learn=learn, max_rate=0.9), given({"a": WRONG}, complete=planted))
    assert [row.completion for row in rows] == ["good\non 0", "good\nidle\nbad\non 0"]  # (0, 8), (8, 7) and (7, 1) of 8
    assert [row.masked for row in rows] == masked
    assert rows[0].parents == ("a0",)
    assert summary.counts == {"taken_up": 1, "states": 4, "beneficial": 1, "harmful": 1, "unknown": 1}


def test_problems_that_the_policy_solves_are_left_alone(given: Any, made: Callable[..., Any]) -> None:
    solved = given({"a": [("correct", "1")] * 3 + [("wrong", "2", "x\ny")]}, complete=planted)
    rows, summary = made(Failures(), solved)
    assert (rows, solved.begun, summary.counts["taken_up"]) == ([], [], 0)


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_parts_without_effect_pass_no_more_often_than_alpha(given: Any, made: Callable[..., Any], rate: float) -> None:
    rng = np.random.default_rng(4)
    attempts = {f"p{number:03}": [("wrong", "2", "a\nb\nc\nd\nso 2")] for number in range(300)}
    evidence = given(attempts, complete=lambda *_: ("on", bool(rng.random() < rate)))
    for completions, most in ((8, 0.05), (2, 0.05)):
        _, summary = made(Failures(completions=completions), evidence)
        assert summary.counts["beneficial"] / (4 * 300) <= most + 0.01
    naive = (1 - rate) * rate  # lost before and won behind, of one continuation each: the paper's rule
    assert naive > 0.15


def test_a_scripted_policy_goes_on_from_its_states_and_pays_once(tmp_path: Path) -> None:
    (tmp_path / "pool.jsonl").write_text('{"prompt": "Q?", "answer": "7"}\n')
    right, wrong = "It is 7", "It is 2"
    answers = {
        "Q?": ["a\nb\nIt is 2"], "Q?a\n": [right], "Q?a\nb\n": [wrong],
    }  # fmt: skip
    config = parse_config(
        {
            "lake": str(tmp_path / "lake"),
            "source": [{"type": "files", "paths": str(tmp_path / "pool.jsonl"), "verifier": "numeric"}],
            "policy": {"engine": "scripted", "model": "m", "answers": answers, "max_tokens": 16},
            "score": {"n": 2},
        }
    )
    with Lake(config.lake) as lake:
        for drawn in (3 * 8, 0):
            with RunContext(config, lake, NullReporter()) as context:
                run_stages(context, "score")
                before = context.meter.samples
                (result,) = run_synthesis(context, "failures")
                assert context.meter.samples - before == drawn
        (row,) = lake.rows("SELECT * FROM targets")
    assert (row["completion"], row["masked"], row["verified"]) == ("a\nIt is 7", None, True)
    assert (result.detail["beneficial"], result.detail["harmful"]) == (1, 1)
