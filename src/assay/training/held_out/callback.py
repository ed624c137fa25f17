"""Decide when held-out problems are attempted, and sample them with the current weights.

Importing this file imports torch and transformers, so only functions import it.
"""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import TrainerCallback

from assay.core.identity import derive_seed
from assay.training.held_out.attempts import HeldOutSet
from assay.training.trainer.run_record import RunRecord

ROWS = 128  # rollouts per call of generate


class HeldOutEvaluation(TrainerCallback):  # type: ignore[misc]
    """Evaluate before the first step, every `every` steps and after the last, outside of training's random stream."""

    def __init__(self, recorder: RunRecord, held_out: HeldOutSet, every: int) -> None:
        self.recorder, self.held_out, self.every = recorder, held_out, every
        self.trainer: Any = None  # set once it is built
        self.prompts: dict[str, list[int]] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == 0:
            self._evaluate(args, state, control)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step % self.every == 0 or state.global_step == state.max_steps:
            self._evaluate(args, state, control)

    def _evaluate(self, args: Any, state: Any, control: Any) -> None:
        was_training = self.trainer.model.training
        self.trainer.model.eval()
        with torch.random.fork_rng(), torch.no_grad():
            metrics = self.held_out.evaluate(self.recorder, state.global_step, self._sample)
        self.trainer.model.train(was_training)
        # Straight to the trackers: the trainer's own `log` would hand them the half-collected metrics of this step.
        should_log = control.should_log  # which `on_log` takes back, and with it the step's own line
        self.trainer.callback_handler.on_log(args, state, control, metrics)
        control.should_log = should_log

    def _sample(self, ids: Sequence[str], step: int) -> list[list[int]]:
        torch.manual_seed(derive_seed("evaluation", self.recorder.run, step))
        prompts = [self._prompt(id_) for id_ in ids]
        completions: list[list[int]] = []
        for first in range(0, len(prompts), ROWS):
            completions += self.trainer._generate_single_turn(prompts[first : first + ROWS], None, {}, 1)[0]
        return completions

    def _prompt(self, id_: str) -> list[int]:
        if id_ not in self.prompts:
            chat = [message._asdict() for message in self.recorder.sampler.render(self.held_out.problems[id_])]
            encoding = self.trainer._tokenizer.apply_chat_template(
                chat,
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                **self.trainer.chat_template_kwargs,
            )
            self.prompts[id_] = list(encoding["input_ids"])
        return self.prompts[id_]
