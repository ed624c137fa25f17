"""A run is ended, and says why, where its first attempts cannot be counted; the first ones are shown in any case."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.api import NullReporter
from assay.core.config import ScoreConfig
from assay.core.errors import EvidenceError
from assay.pipelines.analysis.cost_estimate import estimate_cost
from assay.pipelines.context.first_attempts import FirstAttempts, format_shares, outcome_shares
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.stages.score import scoring_key

Made = Callable[..., RunContext]
LAB = (
    "calls = []\n"
    "def breaks(data_source, solution_str, ground_truth, extra_info):\n"
    "    return {}[ground_truth]\n"
    "def right(data_source, solution_str, ground_truth, extra_info):\n"
    "    return 1.0\n"
)


class Heard(NullReporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    warn = say


def counted(*, refused: int = 0, **settings: Any) -> FirstAttempts:
    first = FirstAttempts(ScoreConfig(**settings))
    first.refused([f"status 400: too long by {n % 2}" for n in range(refused)])
    return first


def test_sixty_four_refusals_end_a_run_with_their_texts_and_a_remedy() -> None:
    counted(refused=63).check()
    with pytest.raises(
        EvidenceError,
        match=r"64 of the first 64 attempts cannot be counted \(64 refused\): 32 x status 400: too long by 0; 32 x",
    ):
        counted(refused=64).check()


def test_the_rule_can_be_turned_off_or_made_stricter() -> None:
    counted(refused=64, stop_early=False).check()
    with pytest.raises(EvidenceError, match="the first 8 attempts"):
        counted(refused=8, stop_early_attempts=8).check()


@pytest.mark.parametrize(("good", "ends"), [(3, True), (4, False)])  # .05 of 64 are 3.2
def test_more_than_a_twentieth_of_evidence_lets_a_run_go_on(good: int, ends: bool) -> None:
    for kind in ("correct", "trusted"):
        first = counted()
        if kind == "trusted":
            first.trusted = good
        else:
            first.counts["correct"] = good
        first.refused(["no"] * 64)
        if ends:
            with pytest.raises(EvidenceError):
                first.check()
        else:
            first.check()


def test_the_first_attempts_are_the_first_and_no_later_ones() -> None:
    first = counted()
    first.counts["correct"] = 64
    first.refused(["no"] * 500)
    first.check()
    assert first.counts.total() == 64


def cut_at_one_word(context: Made, **changes: Any) -> RunContext:
    return context(policy={"max_tokens": 1}, **changes)


def test_a_run_whose_attempts_are_all_cut_ends_after_the_first_64_and_keeps_them(context: Made) -> None:
    made = cut_at_one_word(context)
    with pytest.raises(
        EvidenceError, match=r"64 truncated\): 64 x truncated at 1 tokens; raise policy.max_tokens, which is too small"
    ):
        run_stages(made)
    assert made.meter.samples == 64
    assert made.lake.rows("SELECT count(*) AS n FROM rollouts") == [{"n": 64}]
    assert len(run_stages(cut_at_one_word(context, score={"stop_early": False}), "score")) == 4


def test_the_keys_of_the_rule_change_no_scoring(context: Made) -> None:
    keys = {
        scoring_key(made, ["math"], ["a"])
        for made in (context(), context(score={"stop_early": False}), context(score={"stop_early_fraction": 0.5}))
    }
    assert len(keys) == 1


@pytest.fixture
def reward(context: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], RunContext]:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "lab_first_attempts.py").write_text(LAB)

    def made(name: str) -> RunContext:
        source = {
            "type": "files",
            "paths": str(tmp_path / "sums.jsonl"),
            "verifier": f"python:lab_first_attempts:{name}",
        }
        opened = context(source=[source], clean={"filters": []}, grade={"workers": 1})
        opened.reporter = Heard()
        return opened

    return made


def test_a_reward_that_raises_shows_its_traceback_once_and_ends_the_run(reward: Callable[[str], RunContext]) -> None:
    made = reward("breaks")
    with pytest.raises(EvidenceError, match="64 error"):
        run_stages(made, "score")
    traces = [line for line in made.reporter.lines if "Traceback" in line]  # type: ignore[attr-defined]
    assert len(traces) == 1
    for piece in ("lab_first_attempts.py", "return {}[ground_truth]", "KeyError"):
        assert piece in traces[0], piece


def test_the_first_wave_is_shown_with_shares_examples_and_the_pass_rate(context: Made) -> None:
    made = context(score={"problems_per_commit": 4})
    made.reporter = Heard()
    run_stages(made, "score")
    (line,) = [line for line in made.reporter.lines if line.startswith("the first wave")]
    row = outcome_shares(made.first_attempts.counts, made.first_attempts.examples)
    assert row["attempts"] == 64
    assert line.startswith("the first wave: 16 attempts, correct ")
    assert "; pass rate " in line
    assert "\n  correct, such as: " in line


def test_shares_and_examples_of_a_hand_made_wave() -> None:
    told = outcome_shares({"correct": 1, "wrong": 1, "truncated": 2}, {"correct": "4", "truncated": "...so we"})
    assert format_shares(told, "the pilot") == [
        "the pilot: 4 attempts, correct 0.25, wrong 0.25, truncated 0.50, error 0.00; pass rate 0.50",
        "  correct, such as: 4",
        "  truncated, such as: ...so we",
    ]
    assert outcome_shares({"truncated": 2}, {})["pass_rate"] is None


def test_a_pilot_tells_the_shares_of_its_attempts(context: Made) -> None:
    told = estimate_cost(cut_at_one_word(context), 3)["outcomes"]
    assert (told["attempts"], told["shares"]["truncated"], told["pass_rate"]) == (12, 1.0, None)
    assert told["examples"] == {"truncated": "The"}
    told = estimate_cost(context(), 3)["outcomes"]
    right = told["shares"]["correct"]
    assert told["pass_rate"] == pytest.approx(right)
    assert right + told["shares"]["wrong"] == 1
