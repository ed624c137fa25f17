"""Trackers get each step's measurements, each run in a folder of its own."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from assay.training.trainer.trackers import PROJECT, configure_trackers


@pytest.mark.parametrize(
    ("tracker", "variable"), [("tensorboard", "TENSORBOARD_LOGGING_DIR"), ("wandb", "WANDB_PROJECT")]
)
def test_the_environment_is_as_before_and_a_users_own_stays(
    tracker: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    with configure_trackers((tracker,), tmp_path):
        assert os.environ[variable] == {"tensorboard": str(tmp_path / "tensorboard"), "wandb": PROJECT}[tracker]
    with configure_trackers((), tmp_path):
        assert variable not in os.environ
    monkeypatch.setenv(variable, "mine")
    with configure_trackers((tracker,), tmp_path):
        assert os.environ[variable] == "mine"
    assert os.environ[variable] == "mine"


def test_tensorboard_gets_every_step_of_a_run_and_of_the_next_in_another_folder(
    room: SimpleNamespace, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for name in ("one", "two"):
        room.sink.writes, room.sink.logs = [], []
        room.train(output=tmp_path / name, report_to=("tensorboard",))
        seen = EventAccumulator(str(tmp_path / name / "tensorboard")).Reload()
        assert [(event.step, event.value) for event in seen.Scalars("train/reward")] == [
            (step + 1, pytest.approx(values["reward"])) for step, values in room.sink.logs if "reward" in values
        ]


def test_tensorboard_gets_the_pass_rates_on_held_out_problems(room: SimpleNamespace, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from assay.training.held_out.attempts import HeldOutSet

    held = HeldOutSet({room.ids["4"]: room.problems[room.ids["4"]]}, room.labels, samples=2)
    room.train("12", steps=2, output=tmp_path, report_to=("tensorboard",), held_out=held, eval_every=1)
    seen = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in seen.Scalars("eval/pass_at_1")] == [0, 1, 2]
