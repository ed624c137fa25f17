"""Stored attempts against other problems' gold answers, without a token."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import ConfigError
from assay.pipelines.analysis.wrong_golds import judge_wrong_golds
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages

Made = Callable[..., RunContext]
LAB = '''
def last_digit(data_source, solution_str, ground_truth, extra_info):
    """Right where the last digits are equal: a verifier that a tenth of all answers get past."""
    return float(solution_str[-1:] == ground_truth[-1:])


last_digit.evaluates_text = False  # one process judges many texts
'''


@pytest.fixture
def scored(context: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], RunContext]:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "lab_digits.py").write_text(LAB)

    def make(verifier: str) -> RunContext:
        source = {"type": "files", "paths": str(tmp_path / "sums.jsonl"), "verifier": verifier}
        opened = context(source=[source], clean={"filters": []}, grade={"workers": 1})
        run_stages(opened, "score")
        return opened

    return make


def rows(opened: RunContext, **options: Any) -> dict[str, Any]:
    before = opened.meter.tokens
    (row,) = judge_wrong_golds(opened, options.get("size", 100), options.get("seed", 0))
    assert opened.meter.tokens == before
    return row


def test_a_sound_verifier_accepts_no_right_answer_for_another_gold(scored: Callable[[str], RunContext]) -> None:
    row = rows(scored("numeric"))
    assert row["n_right"] > 20
    assert (row["right_accepted"], row["source"], row["verifier"]) == (0, "sums", "numeric")
    assert row["low"] == 0 or row["wrong_accepted"] > 0


def test_a_verifier_that_reads_the_last_digit_is_caught_with_examples(scored: Callable[[str], RunContext]) -> None:
    """The gold answers of the toy are alike in their last digit about once in ten pairs, which count as equal; the rest
    of what is accepted would have been found by the forms of the gold answers, so nothing right is accepted."""
    opened = scored("python:lab_digits:last_digit")
    row = rows(opened)
    assert row["n_right"] + row["n_wrong"] > 50
    assert row["wrong_accepted"] > 0  # one too high is often another problem's last digit
    assert row["low"] > 0
    assert row["examples"][0]["own_gold"] != row["examples"][0]["other_gold"]


def test_the_same_seed_draws_the_same_pairs(scored: Callable[[str], RunContext]) -> None:
    opened = scored("numeric")
    assert rows(opened, size=10) == rows(opened, size=10)
    assert rows(opened, size=10)["n_right"] == 10


def test_a_lake_without_verdicts_is_refused(context: Made) -> None:
    opened = context()
    run_stages(opened, "clean")
    with pytest.raises(ConfigError, match="curate score"):
        judge_wrong_golds(opened, 10)
