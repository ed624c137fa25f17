from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from assay.core.errors import ConfigError
from assay.maths.rl.evaluation import paired_difference
from assay.training.checkpoints.ema import average_checkpoints, ema_weights


@given(st.integers(1, 12), st.floats(0, 1))
def test_shares_sum_to_one_and_are_those_of_the_recursion(count: int, alpha: float) -> None:
    weights = ema_weights(count, alpha)
    assert sum(weights) == pytest.approx(1)
    values = [float(place) for place in range(count)]
    running = values[0]
    for value in values[1:]:
        running = alpha * value + (1 - alpha) * running
    assert sum(weight * value for weight, value in zip(weights, values, strict=True)) == pytest.approx(running)


def checkpoint(folder: Path, value: float) -> Path:
    folder.mkdir()
    save_file({"w": torch.full((2,), value)}, folder / "model.safetensors")
    return folder


def test_the_average_of_equal_checkpoints_is_that_checkpoint(tmp_path: Path) -> None:
    folders = [checkpoint(tmp_path / str(place), 3.0) for place in range(4)]
    assert average_checkpoints(folders, {"w": torch.full((2,), 3.0)}, 0.2)["w"].tolist() == [3.0, 3.0]


def test_two_checkpoints_by_hand_and_both_ends_of_alpha(tmp_path: Path) -> None:
    folders, last = [checkpoint(tmp_path / "a", 1.0), checkpoint(tmp_path / "b", 2.0)], {"w": torch.full((2,), 6.0)}
    assert average_checkpoints(folders, last, 0.5)["w"].tolist() == [0.25 * 1 + 0.25 * 2 + 0.5 * 6] * 2
    assert average_checkpoints(folders, last, 1.0)["w"].tolist() == [6.0, 6.0]
    assert average_checkpoints(folders, last, 0.0)["w"].tolist() == [1.0, 1.0]
    assert average_checkpoints([], last, 0.5)["w"].tolist() == [6.0, 6.0]


def test_other_weights_are_refused(tmp_path: Path) -> None:
    other = checkpoint(tmp_path / "a", 1.0)
    save_file({"v": torch.zeros(1)}, other / "model.safetensors")
    with pytest.raises(ValueError, match="that differ from the 1 of"):
        average_checkpoints([checkpoint(tmp_path / "b", 1.0), other], {"w": torch.zeros(2), "v": torch.zeros(1)}, 0.5)


def test_a_run_leaves_the_average_and_its_last_weights(room: SimpleNamespace, tmp_path: Path) -> None:
    seen: list[dict[str, torch.Tensor]] = []
    from assay.training.checkpoints import resume

    original = resume.mark_complete

    def spy(folder: Path, state: resume.ResumeState) -> None:
        seen.append(load_file(folder / "model.safetensors"))
        original(folder, state)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("assay.training.trainer.callbacks.mark_complete", spy)
        trained = room.train(steps=3, save_every=1, ema_alpha=0.4)
    left = load_file(trained.checkpoint / "model.safetensors")
    last = load_file(trained.checkpoint.with_name("step-3-last") / "model.safetensors")
    for name, tensor in left.items():
        expected = 0.36 * seen[0][name] + 0.24 * seen[1][name] + 0.4 * last[name]
        assert (tensor - expected).abs().max() < 1e-6
    assert any(not left[name].equal(last[name]) for name in left)
    assert sorted(path.name for path in room.output.iterdir()) == ["step-3", "step-3-last"]


def test_an_average_needs_states_and_whole_weights(room: SimpleNamespace) -> None:
    with pytest.raises(ConfigError, match=r"ema_alpha = 0\.2 needs save_every above 0"):
        room.train(ema_alpha=0.2, save_every=0)
    with pytest.raises(ConfigError, match="lora_rank = 2"):
        room.train(ema_alpha=0.2, lora_rank=2)


def log_error(ascending: bool, end: float, average: bool, seed: int) -> float:
    """Log error of a regression after one pass of single steps; in ascending order the noise of the data falls."""
    rng = np.random.default_rng(seed)
    truth, x, noise = rng.normal(size=8), rng.normal(size=(600, 8)), np.linspace(3, 0.05, 600)
    y = x @ truth + noise * rng.normal(size=600)
    estimate, estimates = np.zeros(8), []
    for step, row in enumerate(np.arange(600) if ascending else rng.permutation(600)):
        estimate = estimate - 0.05 * (1 + (end - 1) * step / 599) * (x[row] @ estimate - y[row]) * x[row]
        estimates += [estimate] if step % 20 == 19 else []
    last = np.asarray(ema_weights(6, 0.2)) @ np.array(estimates[-6:]) if average else estimate
    return float(np.log(((last - truth) ** 2).sum()))


def test_a_rate_that_decays_to_nothing_wastes_an_ascending_order() -> None:
    """Over 24 seeds ascending order gains more under a moderate decay, with an average and without."""

    def errors(*arm: Any) -> Any:
        return np.array([log_error(*arm, seed) for seed in range(24)])

    for average in (False, True):
        gained = {end: errors(False, end, average) - errors(True, end, average) for end in (0.0, 1 / 3)}
        assert paired_difference(gained[0.0], gained[1 / 3])[1] > 0.1
        assert gained[1 / 3].mean() > 1
    assert paired_difference(errors(False, 1 / 3, True), errors(False, 1 / 3, False))[1] > 0
