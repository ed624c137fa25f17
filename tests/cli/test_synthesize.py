"""`curate synthesize` as a command: forecast, rows, nothing paid twice, and one line for what cannot be done."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assay.cli.apps import curate_app

PLAN = """
lake = "{lake}"
[[source]]
type = "files"
paths = "package:recordings/tiny_problems.jsonl"
verifier = "numeric"
[split]
held_out = 300
[policy]
engine = "replay"
path = "package:recordings/tiny.parquet"
max_tokens = 8
[score]
n = 4
problems_per_commit = 60
[synthesize]
methods = ["dart"]
[synthesize.settings.dart]
rule = "uniform"
answers_per_problem = 2
max_attempts = 16
distinct = false
"""
Curate = Callable[..., Any]


def planned(folder: Path) -> Curate:
    """Run a command on the plan, with a lake in this folder."""
    path = folder / "plan.toml"
    path.write_text(PLAN.format(lake=folder / "lake"))

    def run(command: str, *words: str) -> Any:
        return CliRunner().invoke(curate_app, [command, str(path), *words], env={"COLUMNS": "200"})

    return run


@pytest.fixture
def curate(tmp_path: Path) -> Curate:
    return planned(tmp_path)


@pytest.fixture(scope="module")
def scored_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake on which `curate score` has scored the plan: to copy, not to write."""
    folder = tmp_path_factory.mktemp("scored")
    for stage in ("ingest", "clean", "split", "score"):
        assert planned(folder)(stage).exit_code == 0
    return folder / "lake"


def test_a_forecast_then_rows_then_nothing_to_do(curate: Curate, scored_lake: Path, tmp_path: Path) -> None:
    shutil.copytree(scored_lake, tmp_path / "lake")
    forecast = json.loads(curate("synthesize", "--dry-run", "--json").stdout)["dart"]
    assert forecast["problems"] == 60
    assert forecast["wanted"] == 120
    assert sum("attempts to draw" in line for line in forecast["lines"]) >= 3
    (made,) = json.loads(curate("synthesize", "--json").stdout)
    assert made["targets"] == made["answers"] <= 120
    assert forecast["attempts_expected"] / 3 < made["drawn"] < 3 * forecast["attempts_expected"]
    assert not made["unverified"]
    again = curate("synthesize", "dart")
    assert "dart: nothing to do" in again.stderr + again.stdout


def test_what_cannot_be_done_is_one_line(curate: Curate, scored_lake: Path, tmp_path: Path) -> None:
    early = curate("synthesize")
    assert early.exit_code != 0
    assert "synthesize needs ingest, which is not done" in " ".join((early.stderr + early.stdout).split()) or (
        "score needs ingest, which is not done" in " ".join((early.stderr + early.stdout).split())
    )
    shutil.copytree(scored_lake, tmp_path / "lake", dirs_exist_ok=True)
    unknown = curate("synthesize", "drat")
    assert "unknown method 'drat'; nearest: 'dart'" in unknown.stderr + unknown.stdout
    unnamed = curate("synthesize", "--set", "synthesize.methods=[]")
    assert "no method is named" in unnamed.stderr + unnamed.stdout
    wrong = curate("synthesize", "--set", "synthesize.settings.dart.rule=hard")
    assert "'uniform', 'prop2diff' or 'vanilla'" in " ".join((wrong.stderr + wrong.stdout).split())


def test_many_times_what_scoring_drew_is_refused_unless_a_limit_or_a_setting_allows_it(
    curate: Curate, scored_lake: Path, tmp_path: Path
) -> None:
    shutil.copytree(scored_lake, tmp_path / "lake")
    hungry = (
        "--set",
        "synthesize.settings.dart.answers_per_problem=400",
        "--set",
        "synthesize.settings.dart.max_attempts=500",
    )
    refused = curate("synthesize", *hungry)
    assert refused.exit_code == 2
    assert "attempts where 240 are stored" in refused.stderr
    assert "limit.tokens" in refused.stderr
    assert curate("synthesize", *hungry, "--set", "limit.tokens=40").exit_code == 3
    assert curate("synthesize", *hungry, "--dry-run").exit_code == 0
