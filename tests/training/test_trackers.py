"""Trackers get each step's measurements, each run in a folder of its own."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from assay.training.trackers import TENSORBOARD, tracked


def test_the_environment_is_as_before_and_a_users_own_folder_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TENSORBOARD, raising=False)
    with tracked(("tensorboard",), tmp_path):
        assert os.environ[TENSORBOARD] == str(tmp_path / "tensorboard")
    with tracked((), tmp_path):
        assert TENSORBOARD not in os.environ
    monkeypatch.setenv(TENSORBOARD, "mine")
    with tracked(("tensorboard",), tmp_path):
        assert os.environ[TENSORBOARD] == "mine"
    assert os.environ[TENSORBOARD] == "mine"


def test_tensorboard_gets_every_step_of_a_run_and_of_the_next_in_another_folder(room: SimpleNamespace, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for name in ("one", "two"):
        room.sink.writes, room.sink.logs = [], []
        room.train(output=tmp_path / name, report_to=("tensorboard",))
        seen = EventAccumulator(str(tmp_path / name / "tensorboard")).Reload()
        assert [(event.step, event.value) for event in seen.Scalars("train/reward")] == [
            (step + 1, pytest.approx(values["reward"])) for step, values in room.sink.logs
        ]
