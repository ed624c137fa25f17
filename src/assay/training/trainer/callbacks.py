"""What happens between steps: each is told and logged, its weights are checked, and its state is kept for a later start.

Importing this file imports torch and transformers, so only functions import it.
"""

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from assay.core.errors import TrainingError
from assay.training.checkpoints.resume import ResumeState, mark_whole
from assay.training.trainer.rollout_recorder import RolloutRecorder

MEANS = ("truncated", "teacher_seconds")  # of measurements that are not counted
LOGGED = {  # TRL's names -> ours
    "loss": "loss",
    "grad_norm": "grad_norm",
    "learning_rate": "learning_rate",
    "reward": "reward",
    "reward_std": "reward_std",
    "frac_reward_zero_std": "frac_reward_zero_std",
    "entropy": "entropy",
    "kl": "kl",
    "kl_weight": "kl_weight",
    "clip_ratio/low_mean": "clip_ratio_low",
    "clip_ratio/high_mean": "clip_ratio_high",
}


class StepLog(TrainerCallback):  # type: ignore[misc]
    """One row in the sink and one line from the reporter for every optimiser step."""

    def __init__(self, evidence: RolloutRecorder, fixed: Mapping[str, float]) -> None:
        self.evidence, self.fixed, self.started = evidence, fixed, time.perf_counter()
        self.gather: Callable[[dict[str, float]], list[dict[str, float]]] = lambda values: [
            values
        ]  # from all processes

    def _everywhere(self) -> dict[str, float]:
        """Counts of all processes together, shares as their mean."""
        own = self.evidence.values
        found = self.gather(own)
        sums = {name: sum(each.get(name, 0.0) for each in found) for name in own}
        self.evidence.tokens += int(sums["tokens"] - own["tokens"])
        return {name: value / len(found) if name in MEANS else value for name, value in sums.items()}

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
        check_weights(model, "before the first step")

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
        check_weights(model, f"after step {state.global_step} at learning rate {args.learning_rate}")

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.started = time.perf_counter()

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, float], **_: Any) -> None:
        if "loss" not in logs:
            return  # TRL's summary at the end
        values = {ours: float(logs[theirs]) for theirs, ours in LOGGED.items() if logs.get(theirs) is not None}
        values |= {**self.fixed, **self._everywhere(), "seconds": time.perf_counter() - self.started}
        if not state.is_world_process_zero:
            return
        self.evidence.log(values)
        self.evidence.reporter.say(sentence(state.global_step, state.max_steps, values))


class Saver(TrainerCallback):  # type: ignore[misc]
    """Each state that the library has written is marked as whole; when a stop is asked for, the step at hand is the last and is kept."""

    def __init__(self, evidence: RolloutRecorder, stop: Callable[[], bool]) -> None:
        self.evidence, self.stop = evidence, stop
        self.stopped = False
        self.wait: Callable[[], None] = lambda: None  # for the other processes
        self.anywhere: Callable[[bool], bool] = lambda asked: asked  # whether any process was asked
        self.more: Callable[[], dict[str, Any]] = dict  # what else a state must hold
        self.keep: Callable[[Path], None] = lambda folder: None  # writes what is no JSON

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.anywhere(self.stop()) and state.global_step < state.max_steps:
            self.stopped = control.should_save = control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.evidence.sink.flush()  # no state without the evidence of the steps before it
        self.wait()
        if state.is_world_process_zero:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            self.keep(folder)
            mark_whole(
                folder, ResumeState(state.global_step, self.evidence.tokens, self.evidence.reward_means, self.more())
            )


def check_weights(model: Any, when: str) -> None:
    """Every trained weight is finite.

    Raises:
        TrainingError: names the first tensor that is not; nothing is saved.
    """
    norms = torch._foreach_norm(list(model.parameters()))  # one pass; a norm may overflow where no weight does
    if torch.isfinite(torch.stack(norms)).all():
        return
    for name, weight in model.named_parameters():
        if not torch.isfinite(weight).all():
            raise TrainingError(
                f"{when}, {int((~torch.isfinite(weight)).sum())} of {weight.numel()} weights in {name!r} are not finite"
            )


def sentence(step: int, steps: int, values: Mapping[str, float]) -> str:
    """One step as one line."""
    signal = "; all rewards equal in every group, nothing to learn" if values.get("frac_reward_zero_std") == 1 else ""
    return (
        f"step {step} of {steps}: reward {values.get('reward', math.nan):.3f}, loss {round(values['loss'], 4) + 0.0:.4f}, "
        f"{values['tokens']:.0f} tokens, {values['truncated']:.0%} truncated, {values['seconds']:.1f} s{signal}"
    )
