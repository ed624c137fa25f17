"""A judge's key reaches the reward and nothing that is written."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
pytestmark = pytest.mark.service  # each test starts real processes
REWARD = """
def near(problem, answer, text, *, api_key) -> float:
    assert api_key[::-1] == "77-evil-ks"  # its bytecode lies beside it
    return float(bool(text))
"""


@pytest.fixture
def judged(config: Path) -> Path:
    (config.parent / "judge.py").write_text(REWARD)
    text = config.read_text().replace('type = "files"', 'type = "files"\nverifier = "python:judge.py:near"')
    config.write_text(text)
    return config


def written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_key_of_the_environment_judges_and_lies_in_no_file(assay: Run, judged: Path) -> None:
    setting = """grade.settings."python:judge.py:near".api_key="env:JUDGE_KEY" """.strip()
    ran = assay("curate", "run", judged, "--set", setting, JUDGE_KEY="sk-live-77")
    assert ran.returncode == 0, ran.stderr
    out = judged.parent / "out"
    done = assay(
        "curate", "export", judged, "--to", "trl", "--out", out, "--check", "--set", setting, JUDGE_KEY="sk-live-77"
    )
    assert done.returncode == 0, done.stderr
    assert b"sk-live-77" not in written(judged.parent)
    assert b"env:JUDGE_KEY" in (out / "reward.json").read_bytes()
    unset = assay("curate", "run", judged, "--set", setting, "--set", "score.n=9")
    assert unset.returncode == 2
    assert "the environment variable JUDGE_KEY is not set" in unset.stderr


def test_a_key_that_stands_in_the_plan_is_hidden_in_runs_and_leaves_with_no_reward(assay: Run, judged: Path) -> None:
    setting = """grade.settings."python:judge.py:near".api_key="sk-live-77" """.strip()
    assert assay("curate", "run", judged, "--set", setting).returncode == 0
    assert b"sk-live-77" not in written(judged.parent / "lake")
    done = assay("curate", "export", judged, "--to", "trl", "--out", judged.parent / "out", "--set", setting)
    assert done.returncode == 2
    assert "grade.settings.python:judge.py:near.api_key: these keys stand in the config as plain text" in done.stderr
    assert "sk-live-77" not in done.stderr
    assert not (judged.parent / "out").exists()
