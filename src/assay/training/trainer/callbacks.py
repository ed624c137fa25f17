"""What happens between steps: each is logged and reported, the weights are checked, and resume states are completed.

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
from assay.core.rewards import EXTRA_TERMS
from assay.training.checkpoints.resume import ResumeState, mark_complete
from assay.training.trainer.run_record import RunRecord

REWARD_TERMS = tuple(f"reward_{name}" for name in EXTRA_TERMS)
AVERAGED = (
    "truncated",
    "teacher_seconds",
    "correct",
    *REWARD_TERMS,
)  # measurements that are no counts: their mean over processes is logged
METRICS = {  # TRL's names -> ours
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
    "mean_token_accuracy": "token_accuracy",
    "rewards/chosen": "reward_chosen",
    "rewards/rejected": "reward_rejected",
    "rewards/margins": "reward_margin",
    "rewards/accuracies": "reward_accuracy",
    "logps/chosen": "logp_chosen",
    "logps/rejected": "logp_rejected",
}


class StepLog(TrainerCallback):  # type: ignore[misc]
    """Write one row to the sink and one line to the reporter per optimizer step."""

    def __init__(self, recorder: RunRecord, constants: Mapping[str, float]) -> None:
        self.recorder, self.constants, self.started = recorder, constants, time.perf_counter()
        # of all processes
        self.gather: Callable[[dict[str, float]], list[dict[str, float]]] = lambda metrics: [metrics]

    def _metrics_of_all(self) -> dict[str, float]:
        own = self.recorder.metrics
        metrics = self.gather(own)
        sums = {name: sum(process.get(name, 0.0) for process in metrics) for name in own}
        self.recorder.tokens += int(sums["tokens"] - own["tokens"])
        return {name: value / len(metrics) if name in AVERAGED else value for name, value in sums.items()}

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
        check_weights(model, "before the first step")

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
        check_weights(model, f"after step {state.global_step} at learning rate {args.learning_rate}")

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.started = time.perf_counter()

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, float], **_: Any) -> None:
        if "loss" not in logs:
            return  # TRL's summary at the end
        metrics = {ours: float(logs[theirs]) for theirs, ours in METRICS.items() if logs.get(theirs) is not None}
        metrics |= {**self.constants, **self._metrics_of_all(), "seconds": time.perf_counter() - self.started}
        if not state.is_world_process_zero:
            return
        self.recorder.log(metrics)
        self.recorder.reporter.say(format_step(state.global_step, state.max_steps, metrics))
        if warning := self.recorder.check_rewards():
            self.recorder.reporter.warn(f"step {state.global_step}: {warning}")


class StateSaver(TrainerCallback):  # type: ignore[misc]
    """Complete each resume state that TRL has written; after a request to stop, end with the current step's state.

    The attributes set after construction connect it to other processes and to what else a state must hold.
    """

    def __init__(self, recorder: RunRecord, stop: Callable[[], bool]) -> None:
        self.recorder, self.stop = recorder, stop
        self.stopped = False
        self.wait: Callable[[], None] = lambda: None  # for the other processes
        self.any_process: Callable[[bool], bool] = lambda value: value  # whether it is true in any process
        self.extra: Callable[[], dict[str, Any]] = dict  # further JSON values of a state
        self.save_extra: Callable[[Path], None] = lambda folder: None  # writes further files of a state

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.any_process(self.stop()) and state.global_step < state.max_steps:
            self.stopped = control.should_save = control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.recorder.sink.flush()  # no state without the evidence of the steps before it
        self.wait()
        if state.is_world_process_zero:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            self.save_extra(folder)
            mark_complete(
                folder,
                ResumeState(
                    state.global_step,
                    self.recorder.tokens,
                    self.recorder.reward_means,
                    {**self.recorder.saved, **self.extra()},
                ),
            )


def check_weights(model: Any, when: str) -> None:
    """Check that every trained weight is finite.

    Args:
        model: Its parameters are checked.
        when: Begins the error's message.

    Raises:
        TrainingError: names the first tensor that is not finite; nothing is saved.
    """
    norms = torch._foreach_norm(list(model.parameters()))  # one pass; a norm may overflow where no weight does
    if torch.isfinite(torch.stack(norms)).all():
        return
    for name, weight in model.named_parameters():
        if not torch.isfinite(weight).all():
            count = int((~torch.isfinite(weight)).sum())
            raise TrainingError(f"{when}, {count} of {weight.numel()} weights in {name!r} are not finite")


STEP_FIGURES = {"kl": "KL {:.4f}", "entropy": "entropy {:.3f}", "grad_norm": "grad norm {:.3g}"}


def format_step(step: int, steps: int, metrics: Mapping[str, float]) -> str:
    """Return the reporter's line about one step.

    The loss of a step that samples is left out: at a ratio of 1 the surrogate is 0 whatever the gradient is.
    """
    if "rows" in metrics:  # stored ones
        loss = f"loss {round(metrics['loss'], 4) + 0.0:.4f}, {metrics['tokens']:.0f} tokens"
        shown = {"reward_margin": "margin", "token_accuracy": "token accuracy"}
        figures = "".join(f", {word} {metrics[name]:.3f}" for name, word in shown.items() if name in metrics)
        return f"step {step} of {steps}: {loss} of {metrics['rows']:.0f} rows{figures}, {metrics['seconds']:.1f} s"
    equal = metrics.get("frac_reward_zero_std")  # share of groups in which all rewards are equal
    signal = "; all rewards equal in every group, nothing to learn" if equal == 1 else ""
    figures = "".join(f", {words.format(metrics[name])}" for name, words in STEP_FIGURES.items() if name in metrics)
    mixed = "" if equal is None else f", {1 - equal:.0%} of groups mixed"
    return (
        f"step {step} of {steps}: reward {metrics.get('reward', math.nan):.3f}{mixed}{figures}, "
        f"{metrics['tokens']:.0f} tokens, {metrics['truncated']:.0%} truncated, {metrics['seconds']:.1f} s{signal}"
    )
