"""The planted strategy of each problem is found, choosing is not flattered, and a scripted policy is asked in every way."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.core.synthesis import AttemptedProblem, GradedAttempt, SynthesisSummary, TrialSummary
from assay.core.types import Counts, Label
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.runner.synthesis import run_synthesis
from assay.stores.lake import Lake
from assay.synthesis.strategies import Strategies

TWO = {"sums": "S {prompt}", "signs": "T {prompt}"}


class Simulated:
    """A policy whose rate of right answers is given by problem and strategy."""

    def __init__(self, rates: Mapping[str, Mapping[str, float]], n: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.right = {
            TWO[name]: {id_: rng.random(n) < rate for id_, rate in by_id.items()} for name, by_id in rates.items()
        }

    def counts(self) -> dict[str, Counts]:
        return dict.fromkeys(sorted(self.right[TWO["sums"]]), Counts(correct=1))

    def draw_until(self, wanted: Mapping[str, int], **_: Any) -> TrialSummary:
        return TrialSummary(sum(wanted.values()), 1.0)

    def attempted(self, *, changes: Mapping[str, Any], **_: Any) -> Iterator[AttemptedProblem]:
        for id_, right in sorted(self.right[changes["template"]].items()):
            rows = [
                GradedAttempt(f"{changes['template'][0]}{id_}{i}", i, "correct" if won else "wrong", "", 1, f"{i}")
                for i, won in enumerate(right)
            ]
            yield AttemptedProblem(id_, Label.of(id_, "1", verifier="numeric"), rows)


def made(rates: Mapping[str, Mapping[str, float]], n: int = 8, seed: int = 0) -> tuple[list[Any], SynthesisSummary]:
    *rows, summary = list(Strategies(strategies=TWO, n=n).synthesize(Simulated(rates, n, seed)))  # type: ignore[arg-type]
    assert isinstance(summary, SynthesisSummary)
    return rows, summary


def test_each_problem_gets_the_strategy_that_was_planted_for_it() -> None:
    ids = [f"p{number:03}" for number in range(200)]
    rates = {
        "sums": {id_: 0.9 if place < 120 else 0.1 for place, id_ in enumerate(ids)},
        "signs": {id_: 0.1 if place < 120 else 0.9 for place, id_ in enumerate(ids)},
    }
    rows, summary = made(rates)
    chosen = {row.problem_id: row.completion.partition("\n")[0] for row in rows}
    right = sum(chosen[id_] == f"Strategy: {'sums' if place < 120 else 'signs'}" for place, id_ in enumerate(ids))
    assert right >= 195
    assert summary.counts["rate_chosen"] == pytest.approx(0.9, abs=0.04)
    assert summary.counts["rate_sums"] == pytest.approx(0.58, abs=0.05)  # the best single one


def test_where_strategies_are_equal_choosing_is_worth_nothing_and_says_so() -> None:
    even = {f"p{number:03}": 0.5 for number in range(400)}
    _, summary = made({"sums": even, "signs": even}, seed=2)
    assert summary.counts["rate_chosen"] == pytest.approx(0.5, abs=0.03)  # by all attempts the chosen look like .6


def test_settings_that_leave_no_choice_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 entries"):
        Strategies(strategies={"one": "{prompt}"})
    with pytest.raises(ValueError, match=r"'b' must contain \{prompt\}"):
        Strategies(strategies={"a": "{prompt}", "b": "b"})


def test_a_scripted_policy_is_asked_in_every_way_once(tmp_path: Path) -> None:
    (tmp_path / "pool.jsonl").write_text('{"prompt": "Q1", "answer": "7"}\n{"prompt": "Q2", "answer": "8"}\n')
    answers = {"Q1": ["no"], "Q2": ["no"], "S Q1": ["It is 7"], "S Q2": ["9"], "T Q1": ["9"], "T Q2": ["It is 8", "9"]}
    config = parse_config(
        {
            "lake": str(tmp_path / "lake"),
            "source": [{"type": "files", "paths": str(tmp_path / "pool.jsonl"), "verifier": "numeric"}],
            "policy": {"engine": "scripted", "model": "m", "answers": answers, "max_tokens": 16},
            "score": {"n": 2},
            "synthesize": {"settings": {"strategies": {"strategies": TWO, "n": 4}}},
        }
    )
    with Lake(config.lake) as lake:
        for drawn in (2 * 2 * 4, 0):
            with RunContext(config, lake, NullReporter()) as context:
                run_stages(context, "score")
                before = context.meter.samples
                (result,) = run_synthesis(context, "strategies")
                assert context.meter.samples - before == drawn
        rows = lake.rows("SELECT completion, verified FROM targets ORDER BY completion")
    assert rows == [
        {"completion": "Strategy: signs\nIt is 8", "verified": True},
        {"completion": "Strategy: sums\nIt is 7", "verified": True},
    ]
    assert (result.detail["rate_sums"], result.detail["rate_signs"]) == (0.5, 0.25)
