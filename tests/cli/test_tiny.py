"""The bundled model through the whole walk, and its recording through the same plan."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
FEW = (
    "--set",
    "source=[{type='files', paths='package:recordings/tiny_problems.jsonl', limit=150, verifier='numeric'}]",
)

OUT = ("--set", "split.held_out=6", "--set", "train.eval_every=2", "--set", "train.eval_samples=2")


@pytest.fixture
def tiny(request: pytest.FixtureRequest) -> Path:
    return request.config.rootpath / "examples" / "recordings" / "tiny.toml"


@pytest.mark.model
def test_the_tiny_model_is_scored_selected_and_trained(assay: Run, tiny: Path, tmp_path: Path) -> None:
    fixed = (
        tiny,
        "--lake",
        tmp_path / "lake",
        "--set",
        "score.n=8",
        "--set",
        "select.budget=16",
        "--set",
        "train.steps=3",
        "--json",
        *FEW,
        *OUT,
    )
    ran = assay("curate", "run", *fixed)
    assert ran.returncode == 0, ran.stderr
    drawn = assay(
        "curate", "sql", "SELECT count(*) AS n FROM rollouts", "--lake", tmp_path / "lake", "--format", "json"
    )
    assert json.loads(drawn.stdout) == [{"n": (150 - 6) * 8}]
    trained = assay("train", "run", *fixed)
    assert trained.returncode == 0, trained.stderr
    assert [row["step"] for row in json.loads(trained.stdout)["log"]] == [0, 1, 2]
    assert len(list((tmp_path / "lake" / "checkpoints").glob("*/step-3/model.safetensors"))) == 1


def test_its_recording_replays_to_the_counts_that_are_stored(assay: Run, tiny: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as parquet

    replayed = ("--set", "policy.engine=replay", "--set", "policy.path=package:recordings/tiny.parquet")
    ran = assay("curate", "run", tiny, "--lake", tmp_path / "lake", *replayed)
    assert ran.returncode == 0, ran.stderr
    assert "tokens of a recording replayed, none generated, in" in ran.stdout
    query = "SELECT problem_id, n_correct FROM pass_rates"
    counted = json.loads(assay("curate", "sql", query, "--lake", tmp_path / "lake", "--format", "json").stdout)
    stored: dict[str, int] = {}
    for row in parquet.read_table(
        tiny.parents[2] / "src/assay/data/recordings/tiny.parquet", columns=["problem_id", "outcome"]
    ).to_pylist():
        stored[row["problem_id"]] = stored.get(row["problem_id"], 0) + (row["outcome"] == "correct")
    assert {row["problem_id"]: row["n_correct"] for row in counted} == stored
