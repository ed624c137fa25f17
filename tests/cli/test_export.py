"""`curate export`: settings on the command line, a check with its exit code, and rollouts."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
pytestmark = pytest.mark.service  # each test starts real processes


def test_an_export_is_set_checked_and_fails_where_its_reward_is_not_the_lake_s(assay: Run, curated: Path) -> None:
    out = curated.parent / "out"
    name = "export.settings.verl.data_source=math_dapo"
    done = assay("curate", "export", curated, "--to", "verl", "--out", out, "--set", name, "--check")
    assert done.returncode == 0, done.stderr
    assert "checked 6 gold: 6 as in the lake" in done.stderr
    assert set(pq.read_table(out / "train.parquet")["data_source"].to_pylist()) == {"math_dapo"}
    reward = out / "reward.py"
    reward.write_text(
        reward.read_text().replace("return score(", "return {'outcome': 'correct', 'score': 0.5} or score(")
    )
    again = assay("curate", "export", curated, "--to", "verl", "--out", out, "--check", "--json")
    assert again.returncode == 1
    assert json.loads(again.stdout)["check"]["differing"]["gold"] == 6


def test_a_setting_that_an_export_lacks_is_answered_with_its_neighbours(assay: Run, config: Path) -> None:
    done = assay("curate", "export", config, "--to", "verl", "--set", "export.settings.verl.data_sorce=x")
    assert done.returncode == 2
    assert "has no setting 'data_sorce'; nearest: 'data_source'" in done.stderr


def test_rollouts_leave_as_json_lines(assay: Run, curated: Path) -> None:
    out = curated.parent / "rollouts"
    told = json.loads(assay("curate", "export", "rollouts", curated, "--out", out, "--json").stdout)
    assert told["rollouts"] == len((out / "rollouts.jsonl").read_text().splitlines()) > 0
