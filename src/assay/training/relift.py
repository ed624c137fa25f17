"""ReLIFT: collect problems whose whole group failed, and train on their demonstrations between two steps.

The pass uses TRL's own optimizer and forward pass. Source: arXiv:2506.07527. Differs: the oldest problems come first;
the released code takes the newest, which can leave old problems waiting for ever.

Importing this file imports torch and transformers, so only functions import it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import TrainerCallback
from trl.trainer.utils import pad

from assay.training.objectives.sft import Sft
from assay.training.trainer.loss import TokenBatch
from assay.training.trainer.rollout_recorder import RolloutRecorder

Example = tuple[list[int], list[int]]  # ids of a prompt, ids of its demonstration


@dataclass
class FailedProblems:
    """Ids of problems in the order in which their groups failed: none is here twice, and they leave in full batches."""

    size: int  # ids per batch
    waiting: list[str] = field(default_factory=list)

    def add(self, ids: Iterable[str]) -> None:
        """Append the ids that are not here yet."""
        self.waiting += [id_ for id_ in dict.fromkeys(ids) if id_ not in self.waiting]

    def take_batch(self) -> list[str]:
        """Remove and return the oldest `size` ids; none while there are fewer.

        >>> problems = FailedProblems(2, ["a"])
        >>> problems.take_batch(), problems.add("bc"), problems.take_batch(), problems.waiting
        ([], None, ['a', 'b'], ['c'])
        """
        if len(self.waiting) < self.size:
            return []
        batch, self.waiting = self.waiting[: self.size], self.waiting[self.size :]
        return batch


class Relift(TrainerCallback):  # type: ignore[misc]
    """Collect failed problems after each step, and make a supervised pass when a batch is full.

    Args:
        recorder: Knows which problems failed, and which demonstrations the verifier accepts.
        problems: Where they wait; kept in resume states.
        demonstrations: Problem id -> texts that may solve it, the best first.
        learning_rate: Of the pass.
    """

    def __init__(
        self,
        recorder: RolloutRecorder,
        problems: FailedProblems,
        demonstrations: Callable[[str], Sequence[str]],
        learning_rate: float,
    ) -> None:
        self.recorder, self.problems, self.demonstrations = recorder, problems, demonstrations
        self.learning_rate = learning_rate
        self.trainer: Any = None  # set once it is built

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.problems.add(self.recorder.failed_problems)
        if batch := self.problems.take_batch():
            self._train_on(batch)
        self.recorder.metrics["relift_waiting"] = float(len(self.problems.waiting))

    def _train_on(self, ids: Sequence[str]) -> None:
        recorder = self.recorder
        accepted_rollouts = {
            id_: recorder.find_accepted(recorder.empty_rollout(id_), self.demonstrations(id_)) for id_ in ids
        }
        texts = {id_: text for id_, text in accepted_rollouts.items() if text is not None}
        examples = [self._encode(id_, text) for id_, text in texts.items()]
        loss = train_on_examples(self.trainer, examples, self.learning_rate) if examples else 0.0
        recorder.metrics |= {
            "relift_shown": float(len(texts)),
            "relift_undemonstrated": float(len(ids) - len(texts)),
            "relift_loss": loss,
        }
        recorder.reporter.say(
            f"{len(ids)} problems whose whole groups failed: {len(texts)} shown once, "
            f"{len(ids) - len(texts)} without a demonstration"
        )

    def _encode(self, id_: str, text: str) -> Example:
        tokenizer, recorder = self.trainer._tokenizer, self.recorder
        chat = [message._asdict() for message in recorder.sampler.render(recorder.problems[id_])]
        variables = self.trainer.chat_template_kwargs
        prompt = tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, tokenize=True, return_dict=True, **variables
        )["input_ids"]
        return list(prompt), [*tokenizer.encode(text, add_special_tokens=False), tokenizer.eos_token_id]


def train_on_examples(trainer: Any, examples: Sequence[Example], learning_rate: float) -> float:
    """Make one pass over demonstrations, with one optimizer step per batch as large as a GRPO step.

    The optimizer and its moments are GRPO's; only its rate is changed for the pass.

    Args:
        trainer: A `CurriculumTrainer`.
        examples: At least one.
        learning_rate: Of the pass.

    Returns:
        The mean loss per token.
    """
    model, rows, size = trainer.model, trainer.args.per_device_train_batch_size, trainer.args.generation_batch_size
    groups = trainer.optimizer.param_groups
    previous_rates = [group["lr"] for group in groups]
    total = 0.0
    try:
        for group in groups:
            group["lr"] = learning_rate
        for first in range(0, len(examples), size):
            batch = examples[first : first + size]
            tokens = float(sum(len(answer) for _, answer in batch))
            for start in range(0, len(batch), rows):
                loss = _loss(trainer, model, batch[start : start + rows], len(batch), tokens)
                trainer.accelerator.backward(loss)
                total += loss.item() * tokens
            trainer.accelerator.clip_grad_norm_(model.parameters(), trainer.args.max_grad_norm)
            trainer.optimizer.step()
            trainer.optimizer.zero_grad()
    finally:
        for group, rate in zip(groups, previous_rates, strict=True):
            group["lr"] = rate
    return total / sum(len(answer) for _, answer in examples)


def _loss(trainer: Any, model: Any, examples: Sequence[Example], step_rows: int, step_tokens: float) -> Tensor:
    device, pad_id = trainer.accelerator.device, trainer._tokenizer.pad_token_id
    prompts, prompt_mask = _pad([prompt for prompt, _ in examples], pad_id, "left", device)  # (B, P) each
    answers, mask = _pad([answer for _, answer in examples], pad_id, "right", device)  # (B, T) each
    ids, attended = torch.cat([prompts, answers], 1), torch.cat([prompt_mask, mask], 1)  # (B, P + T) each
    logp, *_ = trainer._get_per_token_logps_and_entropies(
        model, ids, attended, answers.size(1), compute_entropy=True
    )  # (B, T)
    advantages = torch.ones(len(examples), 1, device=device)  # (B, 1)
    tokens = TokenBatch(logp, logp.detach(), advantages, mask, step_rows, step_tokens, answers.size(1))
    return Sft().mean(Sft().per_token(tokens), tokens)


def _pad(rows: Sequence[Sequence[int]], pad_id: int, side: str, device: Any) -> tuple[Tensor, Tensor]:
    """Return ids and mask, (B, L) each."""
    ids = pad([torch.tensor(row) for row in rows], padding_value=pad_id, padding_side=side)
    mask = pad([torch.ones(len(row)).long() for row in rows], padding_value=0, padding_side=side)
    return ids.to(device), mask.to(device)
