"""A run that ended anywhere goes on where its last whole state was, and ends as if nothing had happened."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assay.core.errors import Stopped
from assay.training.checkpoints.resume import COMPLETE_FILE, ResumeState, latest_state, mark_complete, states_folder


class Killed(Exception):
    """Stands for the end of the process."""


def kill_at(room: SimpleNamespace, step: int) -> None:
    """The sink's write of this step is the last thing that happens."""
    original = room.sink.write

    def write(rollouts: Any, verdicts: Any) -> None:
        original(rollouts, verdicts)
        if rollouts[0].step == step:
            room.sink.write = original
            raise Killed

    room.sink.write = write


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(folder / "model.safetensors"))


def met(room: SimpleNamespace) -> list[tuple[int, str, str]]:
    return [(rollout.step, rollout.problem_id, rollout.text) for rollout in room.sink.counted]


@pytest.mark.parametrize(("step", "resumed_step"), [(0, 0), (3, 2), (4, 4)])
def test_a_killed_run_ends_as_an_uninterrupted_one(
    room: SimpleNamespace, tmp_path: Path, step: int, resumed_step: int
) -> None:
    fixed: dict[str, Any] = {"steps": 6, "group_size": 4, "micro_batch_size": 2, "save_every": 2}
    whole = room.train("31241", **fixed)
    straight, room.sink.writes, logged, room.sink.logs = met(room), [], room.sink.logs, []
    output = tmp_path / "killed"
    kill_at(room, step)
    with pytest.raises(Killed):
        room.train("31241", output=output, **fixed)
    assert latest_state(states_folder(output, whole.run))[1].step == resumed_step
    again = room.train("31241", output=output, **fixed)
    assert met(room) == straight
    assert (
        len({rollout.id for rollout in room.sink.rollouts})
        == len(room.sink.rollouts)
        == (6 + step + 1 - resumed_step) * 4
    )
    assert again.rewards == whole.rewards
    assert again.tokens == whole.tokens
    left, right = weights(whole.checkpoint), weights(again.checkpoint)
    assert all(left[name].equal(right[name]) for name in left)
    assert [path.name for path in output.iterdir()] == ["step-6"]
    losses = {place: values["loss"] for place, values in room.sink.logs}  # the last of each step
    assert losses == {place: values["loss"] for place, values in logged}


def test_what_was_made_twice_stays_and_counts_once(room: SimpleNamespace) -> None:
    kill_at(room, 1)
    with pytest.raises(Killed):
        room.train(steps=3, save_every=0)
    room.train(steps=3, save_every=0)
    assert [rollout.step for rollout in room.sink.rollouts] == [*[0] * 4, *[1] * 4, *[0] * 4, *[1] * 4, *[2] * 4]
    assert [rollout.step for rollout in room.sink.counted] == [*[0] * 4, *[1] * 4, *[2] * 4]
    assert {rollout.policy_name for rollout in room.sink.counted} == {
        f"tiny+step-{step}+attempt-1" for step in range(3)
    }
    assert "continuing after step 0 of 3; attempt 2 from there" in room.reporter.lines


def test_a_kill_after_the_last_step_makes_no_step_again(room: SimpleNamespace) -> None:
    def die(trained: Any) -> None:
        raise Killed

    with pytest.raises(Killed):
        room.train(steps=4, save_every=2, on_saved=die)
    first = weights(room.output / "step-4")
    trained = room.train(steps=4, save_every=2)
    assert [rollout.step for rollout in room.sink.rollouts[::4]] == [0, 1, 2, 3]
    assert all(first[name].equal(tensor) for name, tensor in weights(trained.checkpoint).items())
    assert len(trained.rewards) == 4


def test_a_stop_ends_after_the_step_at_hand_and_is_resumed_without_a_second_attempt(room: SimpleNamespace) -> None:
    asked = iter([False, True])
    with pytest.raises(Stopped, match="after step 2 of 4"):
        room.train(steps=4, save_every=0, stop=lambda: next(asked))
    room.train(steps=4, save_every=0)
    assert [rollout.step for rollout in room.sink.rollouts[::4]] == [0, 1, 2, 3]
    assert room.sink.superseded == set()


def test_a_state_that_was_being_written_is_passed_over(tmp_path: Path) -> None:
    for step in (5, 10):
        (tmp_path / f"checkpoint-{step}").mkdir()
        mark_complete(tmp_path / f"checkpoint-{step}", ResumeState(step, 7, (0.5, None)))
    (tmp_path / "checkpoint-15").mkdir()
    assert latest_state(tmp_path) == (tmp_path / "checkpoint-10", ResumeState(10, 7, (0.5, None)))
    (tmp_path / "checkpoint-10" / COMPLETE_FILE).unlink()
    assert latest_state(tmp_path)[1].step == 5
    assert latest_state(tmp_path / "nowhere") == (None, ResumeState())
    assert json.loads((tmp_path / "checkpoint-5" / COMPLETE_FILE).read_text())["step"] == 5
