"""When the held-out problems are attempted, and by which weights. Importing this file imports torch and transformers, so only functions import it."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import TrainerCallback

from assay.core.identity import derive_seed
from assay.training.held_out.attempts import HeldOut
from assay.training.trainer.rollout_recorder import RolloutRecorder

ROWS = 128  # rollouts at once


class Evaluate(TrainerCallback):  # type: ignore[misc]
    """Before the first step, every so many steps, and after the last; training's own random stream does not notice."""

    def __init__(self, evidence: RolloutRecorder, held_out: HeldOut, every: int) -> None:
        self.evidence, self.held_out, self.every = evidence, held_out, every
        self.trainer: Any = None
        self.prompts: dict[str, list[int]] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == 0:
            self._attempt(0)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step % self.every == 0 or state.global_step == state.max_steps:
            self._attempt(state.global_step)

    def _attempt(self, step: int) -> None:
        was = self.trainer.model.training
        self.trainer.model.eval()
        with torch.random.fork_rng(), torch.no_grad():
            self.held_out.attempt(self.evidence, step, self._draw)
        self.trainer.model.train(was)

    def _draw(self, ids: Sequence[str], step: int) -> list[list[int]]:
        torch.manual_seed(derive_seed("evaluation", self.evidence.run, step))
        rows = [self._prompt(id_) for id_ in ids]
        drawn: list[list[int]] = []
        for first in range(0, len(rows), ROWS):
            drawn += self.trainer._generate_single_turn(rows[first : first + ROWS], None, {}, 1)[0]
        return drawn

    def _prompt(self, id_: str) -> list[int]:
        if id_ not in self.prompts:
            chat = [message._asdict() for message in self.evidence.sampler.render(self.held_out.problems[id_])]
            fixed = self.trainer.chat_template_kwargs
            made = self.trainer._tokenizer.apply_chat_template(
                chat, add_generation_prompt=True, tokenize=True, return_dict=True, **fixed
            )
            self.prompts[id_] = list(made["input_ids"])
        return self.prompts[id_]
