"""What SFT, DPO and KTO on stored rows share, on a random model of 8,000 weights: the same checks on them."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assay.core.errors import ConfigError, Stopped
from assay.core.types import Label, Problem, SamplingConfig
from assay.training.held_out.attempts import HeldOutSet

BOTH = pytest.mark.parametrize("method", ["sft", "dpo"])
ALL = pytest.mark.parametrize("method", ["sft", "dpo", "kto"])


MEASURED = {
    "sft": {"token_accuracy"},
    "dpo": {"token_accuracy", "reward_margin", "reward_accuracy"},
    "kto": {"kl", "entropy", "reward_chosen"},
}


def weights(folder: Path) -> dict[str, Any]:
    from transformers import AutoModelForCausalLM

    return dict(AutoModelForCausalLM.from_pretrained(folder).state_dict())


def same(first: Path, second: Path) -> bool:
    one, other = weights(first), weights(second)
    return one.keys() == other.keys() and all(one[name].equal(other[name]) for name in one)


def held_out() -> HeldOutSet:
    problem = Problem.of("7+7=?")
    return HeldOutSet({problem.id: problem}, {problem.id: Label.of(problem.id, "14", verifier="parity")}, samples=3)


@ALL
def test_training_changes_the_weights_and_leaves_one_checkpoint(stored: SimpleNamespace, method: str) -> None:
    trained = getattr(stored, method)()
    assert not same(stored.tiny, trained.checkpoint)
    assert [path.name for path in stored.output.iterdir()] == ["step-4"]
    record = json.loads((trained.checkpoint / "training.json").read_text())
    assert (record["run"], record["settings"]["method"], record["settings"]["steps"]) == (trained.run, method, 4)
    for name in ("config.json", "generation_config.json"):
        assert json.loads((trained.checkpoint / name).read_text()) == json.loads((stored.tiny / name).read_text())


@ALL
def test_each_step_is_logged_and_told_in_one_line(stored: SimpleNamespace, method: str) -> None:
    trained = getattr(stored, method)(steps=0, epochs=1.0)
    rows = {"sft": 5, "dpo": 6, "kto": 5}[method]
    assert (trained.steps, trained.rows) == (3, rows)
    assert [step for step, _ in stored.sink.logs] == [0, 1, 2]
    wanted = {"loss", "grad_norm", "learning_rate", "rows", "tokens", "seconds"} | MEASURED[method]
    assert wanted <= stored.sink.logs[0][1].keys()
    assert [line.split(":")[0] for line in stored.reporter.lines] == [f"step {n} of 3" for n in (1, 2, 3)]
    assert trained.tokens == sum(values["tokens"] for _, values in stored.sink.logs)


@BOTH
def test_libraries_print_nothing(stored: SimpleNamespace, method: str, capfd: pytest.CaptureFixture[str]) -> None:
    getattr(stored, method)(steps=1)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


@ALL
def test_a_stopped_run_goes_on_to_the_weights_of_one_that_was_not(
    stored: SimpleNamespace, tmp_path: Path, method: str
) -> None:
    whole = getattr(stored, method)(output=tmp_path / "whole")
    asked = iter([False, False, True])
    with pytest.raises(Stopped, match="after step 3 of 4; its state is saved"):
        getattr(stored, method)(stop=lambda: next(asked))
    again = getattr(stored, method)()
    assert "continuing after step 3 of 4" in stored.reporter.lines
    assert same(whole.checkpoint, again.checkpoint)
    assert (whole.tokens, whole.run) == (again.tokens, again.run)


@BOTH
def test_micro_batches_make_the_same_update(stored: SimpleNamespace, tmp_path: Path, method: str) -> None:
    runs = [
        getattr(stored, method)(steps=1, rows_per_step=4, micro_batch_size=size, output=tmp_path / str(size))
        for size in (4, 1)
    ]
    whole, parts = (weights(run.checkpoint) for run in runs)
    assert max((whole[name] - parts[name]).abs().max().item() for name in whole) < 1e-5


@BOTH
def test_adapters_are_merged_and_an_average_stands_beside_the_last_weights(
    stored: SimpleNamespace, tmp_path: Path, method: str
) -> None:
    adapted = getattr(stored, method)(lora_rank=2, output=tmp_path / "adapted")
    assert weights(adapted.checkpoint).keys() == weights(stored.tiny).keys()
    assert not same(adapted.checkpoint, stored.tiny)
    averaged = getattr(stored, method)(ema_alpha=0.5, save_every=1, output=tmp_path / "averaged")
    last = averaged.checkpoint.with_name("step-4-last")
    plain = getattr(stored, method)(output=tmp_path / "plain")
    assert same(last, plain.checkpoint)
    assert not same(last, averaged.checkpoint)


@ALL
def test_evaluation_stores_attempts_and_leaves_the_weights_as_they_are(
    stored: SimpleNamespace, tmp_path: Path, method: str
) -> None:
    evaluated = getattr(stored, method)(eval_every=2, held_out=held_out())
    plain = getattr(stored, method)(output=tmp_path / "plain")
    assert same(evaluated.checkpoint, plain.checkpoint)
    assert Counter(rollout.step for rollout in stored.sink.rollouts) == {0: 3, 2: 3, 4: 3}
    assert len({rollout.id for rollout in stored.sink.rollouts}) == 9
    steps = [step for step, values in stored.sink.logs if "eval_pass_at_1" in values]
    assert steps == [0, 2, 4]


@BOTH
def test_greedy_policies_and_stop_strings_are_evaluated(stored: SimpleNamespace, method: str) -> None:
    stored.sampler = SamplingConfig(max_tokens=8, temperature=0.0, stop=("a", "1", "="))
    getattr(stored, method)(steps=1, eval_every=1, held_out=held_out())
    texts = {rollout.text for rollout in stored.sink.rollouts if rollout.step == 0}
    assert len(texts) == 1  # greedy
    assert not set("a1=") & set(texts.pop())


@ALL
def test_what_cannot_be_trained_is_refused_in_one_line(stored: SimpleNamespace, method: str) -> None:
    train = getattr(stored, method)
    refusals = {
        "there are no stored rows": {"rows": []},
        f"{method} has no loss 'mle'": {"loss": "mle"},
        "does not divide rows_per_step = 2": {"micro_batch_size": 3},
        "epochs must be above 0, found 0": {"epochs": 0, "steps": 0},
        "ema_alpha = 0.5 needs save_every above 0": {"ema_alpha": 0.5, "save_every": 0},
        "is not a checkpoint": {"checkpoint": stored.output},
    }
    for message, changes in refusals.items():
        with pytest.raises(ConfigError, match=message):
            train(**changes)
    assert not stored.output.exists()


@ALL
@pytest.mark.model
def test_a_killed_run_goes_on_to_the_same_weights(stored: SimpleNamespace, tmp_path: Path, method: str) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    names = (str(stored.tiny), str(tmp_path / "killed"), str(Path(__file__).parent), str(Path(__file__).parents[1]))
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    died = subprocess.run([sys.executable, script, method, *names], env=environment, capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    killed = getattr(stored, method)(save_every=2, output=tmp_path / "killed")
    assert "continuing after step 2 of 4" in stored.reporter.lines[0]
    assert [step for step, _ in stored.sink.logs] == [2, 3]
    whole = getattr(stored, method)(save_every=2, output=tmp_path / "whole")
    assert same(whole.checkpoint, killed.checkpoint)
    assert whole.tokens == killed.tokens


KILLED = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path

import torch

method, tiny, output, here, above = sys.argv[1:]
torch.set_num_threads(1)
import importlib.util


def load(name, folder):
    spec = importlib.util.spec_from_file_location(name, Path(folder) / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


rows, room = load("rows", here), load("room", above)
from assay.core.types import Policy, SamplingConfig
from assay.training.dpo import train_dpo
from assay.training.kto import train_kto
from assay.training.offline.settings import OfflineSettings
from assay.training.sft import train_sft


class Killed(room.RecordingReporter):
    def say(self, text):
        if text.startswith("step 3 of 4"):
            os.kill(os.getpid(), signal.SIGKILL)


train = {"sft": train_sft, "dpo": train_dpo, "kto": train_kto}[method]
train(
    {"sft": rows.targets, "dpo": rows.pairs, "kto": rows.judged}[method](),
    checkpoint=Path(tiny), base=Policy("tiny", "0" * 16), sampler=SamplingConfig(max_tokens=8), judge=room.Parity(),
    sink=room.RecordingSink(), settings=OfflineSettings(rows_per_step=2, learning_rate=1e-2, steps=4, save_every=2),
    output=Path(output), reporter=Killed(),
)
"""
