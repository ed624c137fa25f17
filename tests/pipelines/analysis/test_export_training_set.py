"""Training sets from recorded attempts of the tiny model, read back by datasets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.core.errors import ConfigError
from assay.pipelines.analysis.export_training_set import export_training_set
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.runner.synthesis import run_synthesis
from assay.stores.lake import Lake

EVEN = """
from dataclasses import dataclass
from typing import ClassVar

from assay.core.synthesis import Pair, StepLabels, StepValue


@dataclass(frozen=True)
class Even:
    needs: ClassVar = ("attempted",)
    draws: ClassVar = False

    def synthesize(self, evidence):
        for problem in evidence.attempted(texts=True):
            right = [attempt for attempt in problem.attempts if attempt.correct]
            wrong = [attempt for attempt in problem.attempts if attempt.outcome == "wrong"]
            for attempt in right[:1]:
                steps = tuple(StepValue(letter, 4, 4 - place) for place, letter in enumerate(attempt.text[:4]))
                yield StepLabels(problem.problem_id, steps, attempt.rollout_id, True, attempt.policy)
            if right and wrong:
                for soft in (None, 0.5):
                    yield Pair(
                        problem.problem_id, f"soft-{soft}", right[0].rollout_id, wrong[0].rollout_id,
                        problem.label.id, soft_label=soft, margin=1.0, policy=right[0].policy,
                    )
"""


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunContext]:
    folder = tmp_path_factory.mktemp("sets")
    (folder / "even_pairs.py").write_text(EVEN)
    tree: dict[str, Any] = {
        "name": "sums",
        "lake": str(folder / "lake"),
        "source": [
            {
                "type": "files",
                "paths": "package:recordings/tiny_problems.jsonl",
                "verifier": "numeric",
                "limit": 240,
                "metadata_fields": ["task"],
            }
        ],
        "split": {"held_out": 40},
        "policy": {"engine": "replay", "path": "package:recordings/tiny.parquet", "max_tokens": 8},
        "score": {"n": 8},
        "synthesize": {
            "methods": ["dart", "python:even_pairs:Even"],
            "settings": {"dart": {"rule": "vanilla", "attempts": 8, "distinct": False}},
        },
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        config = parse_config(tree)
        with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
            run_stages(context, "score")
            run_synthesis(context)
            yield context


def load(folder: Path) -> list[dict[str, Any]]:
    from datasets import load_dataset

    return list(load_dataset(str(folder), split="train", cache_dir=str(folder.parent / "cache")))


@pytest.mark.parametrize("form", ["prompt_completion", "messages", "verl"])
def test_every_target_is_written_and_read_back(synthesized: RunContext, tmp_path: Path, form: str) -> None:
    result = export_training_set(synthesized, "sft", tmp_path / "out", {"form": form})
    stored = synthesized.lake.rows("SELECT id, problem_id, completion FROM target_texts ORDER BY problem_id, id")
    rows = load(tmp_path / "out")
    assert (result["rows"], result["left_out"], result["method"]) == (len(stored), {}, "dart")
    answers = [(row.get("completion") or row["messages"])[-1]["content"] for row in rows]
    assert answers == [row["completion"] for row in stored]
    assert [(row.get("extra_info") or row)["target_id"] for row in rows] == [row["id"] for row in stored]
    prompts = {tuple(turn["role"] for turn in (row.get("prompt") or row["messages"][:-1])) for row in rows}
    assert prompts == {("user",)}


def test_pairs_keep_their_margin_and_those_without_a_preference_are_counted(
    synthesized: RunContext, tmp_path: Path
) -> None:
    result = export_training_set(synthesized, "dpo", tmp_path / "out")
    rows = load(tmp_path / "out")
    assert len(rows) == result["rows"] > 5
    assert result["left_out"] == {"neither answer is preferred: its soft label is 0.5 or less": len(rows)}
    assert {row["margin"] for row in rows} == {1.0}
    assert all(row["chosen"] != row["rejected"] for row in rows)


def test_steps_have_one_label_each(synthesized: RunContext, tmp_path: Path) -> None:
    export_training_set(synthesized, "prm", tmp_path / "out", {"above": 0.5})
    rows = load(tmp_path / "out")
    assert all(len(row["completions"]) == len(row["labels"]) for row in rows)
    assert {tuple(row["labels"][:3]) for row in rows if len(row["labels"]) > 2} == {(True, True, False)}


def test_the_card_counts_by_method_and_source(synthesized: RunContext, tmp_path: Path) -> None:
    result = export_training_set(synthesized, "sft", tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    problems = len({row["assay_id"] for row in load(tmp_path / "out")})
    for piece in (
        f"{result['rows']} rows of {problems} problems, made from stored attempts by the method `dart`",
        f"| dart | - | policy | yes | {result['rows']} |",
        f"| tiny_problems | {result['rows']} | unknown |",
        "size_categories:\n- 1K<n<10K",
        "numeric@",
    ):
        assert piece in card, piece


def test_what_cannot_be_written_is_said(synthesized: RunContext, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="dart made no step labels"):
        export_training_set(synthesized, "prm", tmp_path / "out", method="dart")
    with pytest.raises(ConfigError, match="has no setting 'from'"):
        export_training_set(synthesized, "sft", tmp_path / "out", {"from": "x"})
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not empty"):
        export_training_set(synthesized, "sft", tmp_path)
    assert not (tmp_path / "out").exists()
