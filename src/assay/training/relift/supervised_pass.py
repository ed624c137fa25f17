"""The supervised pass between two GRPO steps, by TRL's own optimiser and forward pass.

Importing this file imports torch and transformers, so only functions import it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import TrainerCallback
from trl.trainer.utils import pad

from assay.training.objectives.sft import Sft
from assay.training.relift.buffer import FailedProblems
from assay.training.trainer.loss import Tokens
from assay.training.trainer.rollout_recorder import RolloutRecorder

Shown = tuple[list[int], list[int]]  # ids of a prompt, ids of its demonstration


class Relift(TrainerCallback):  # type: ignore[misc]
    """Fills the buffer after each step and empties it by one pass when it is full."""

    def __init__(
        self,
        evidence: RolloutRecorder,
        buffer: FailedProblems,
        demonstrations: Callable[[str], Sequence[str]],
        rate: float,
    ) -> None:
        self.evidence, self.buffer, self.demonstrations, self.rate = evidence, buffer, demonstrations, rate
        self.trainer: Any = None

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.buffer.add(self.evidence.failed)
        if taken := self.buffer.take():
            self._pass(taken)
        self.evidence.values["relift_waiting"] = float(len(self.buffer.waiting))

    def _pass(self, ids: Sequence[str]) -> None:
        evidence = self.evidence
        proven = {id_: evidence.proven(evidence.blank(id_), self.demonstrations(id_)) for id_ in ids}
        texts = {id_: text for id_, text in proven.items() if text is not None}
        loss = (
            supervise(self.trainer, [self._shown(id_, text) for id_, text in texts.items()], self.rate)
            if texts
            else 0.0
        )
        evidence.values |= {
            "relift_shown": float(len(texts)),
            "relift_undemonstrated": float(len(ids) - len(texts)),
            "relift_loss": loss,
        }
        evidence.reporter.say(
            f"{len(ids)} problems whose groups all failed: {len(texts)} shown once, {len(ids) - len(texts)} without a demonstration"
        )

    def _shown(self, id_: str, text: str) -> Shown:
        tokenizer, evidence = self.trainer._tokenizer, self.evidence
        chat = [message._asdict() for message in evidence.sampler.render(evidence.problems[id_])]
        fixed = self.trainer.chat_template_kwargs
        prompt = tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, tokenize=True, return_dict=True, **fixed
        )["input_ids"]
        return list(prompt), [*tokenizer.encode(text, add_special_tokens=False), tokenizer.eos_token_id]


def supervise(trainer: Any, shown: Sequence[Shown], rate: float) -> float:
    """One pass over demonstrations, one optimiser step for each batch as large as a GRPO step; the mean loss of a token.

    The optimiser and its moments are GRPO's; only its rate is changed for the pass.
    """
    model, rows, size = trainer.model, trainer.args.per_device_train_batch_size, trainer.args.generation_batch_size
    groups = trainer.optimizer.param_groups
    before = [group["lr"] for group in groups]
    total = 0.0
    try:
        for group in groups:
            group["lr"] = rate
        for first in range(0, len(shown), size):
            batch = shown[first : first + size]
            tokens = float(sum(len(answer) for _, answer in batch))
            for place in range(0, len(batch), rows):
                loss = _loss(trainer, model, batch[place : place + rows], len(batch), tokens)
                trainer.accelerator.backward(loss)
                total += loss.item() * tokens
            trainer.accelerator.clip_grad_norm_(model.parameters(), trainer.args.max_grad_norm)
            trainer.optimizer.step()
            trainer.optimizer.zero_grad()
    finally:
        for group, old in zip(groups, before, strict=True):
            group["lr"] = old
    return total / sum(len(answer) for _, answer in shown)


def _loss(trainer: Any, model: Any, shown: Sequence[Shown], step_rows: int, step_tokens: float) -> Tensor:
    device, blank = trainer.accelerator.device, trainer._tokenizer.pad_token_id
    prompts = pad([torch.tensor(prompt) for prompt, _ in shown], padding_value=blank, padding_side="left").to(
        device
    )  # (B, P)
    prompt_mask = pad([torch.ones(len(prompt)).long() for prompt, _ in shown], padding_value=0, padding_side="left").to(
        device
    )  # (B, P)
    answers = pad([torch.tensor(answer) for _, answer in shown], padding_value=blank, padding_side="right").to(
        device
    )  # (B, T)
    mask = pad([torch.ones(len(answer)).long() for _, answer in shown], padding_value=0, padding_side="right").to(
        device
    )  # (B, T)
    ids, attended = torch.cat([prompts, answers], 1), torch.cat([prompt_mask, mask], 1)  # (B, P + T) each
    logp = trainer._get_per_token_logps_and_entropies(model, ids, attended, answers.size(1), compute_entropy=True)[
        0
    ]  # (B, T)
    one = Tokens(
        logp, logp.detach(), torch.ones(len(shown), 1, device=device), mask, step_rows, step_tokens, answers.size(1)
    )
    return Sft().mean(Sft().per_token(one), one)
