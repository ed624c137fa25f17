"""TRL's SFT, DPO and KTO trainers in our row order, on rows that are encoded already.

Importing this file imports torch, transformers and TRL, so only functions import it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, TrainerCallback
from trl import DPOTrainer, KTOTrainer, SFTTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference
from trl.trainer.kto_trainer import DataCollatorForUnpairedPreference
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from assay.core.errors import TrainingError
from assay.core.types import SamplingConfig
from assay.training.offline.record import StoredRowsRecord
from assay.training.offline.row_order import RowOrder
from assay.training.trainer.generation import generate_completions


class StoredRowsTrainer:
    """What these trainers share: the order of rows, and sampling for evaluation.

    Args:
        record: Of the run.
        template_arguments: Variables of the chat template.
        **options: Arguments of TRL's trainer.
    """

    def __init__(self, *, record: StoredRowsRecord, template_arguments: Mapping[str, Any], **options: Any) -> None:
        self.record, self.chat_template_kwargs = record, template_arguments
        super().__init__(**options)
        record.end_tokens = end_tokens(self.model, self._tokenizer)  # type: ignore[attr-defined]
        self.generation_config = sampling_arguments(record.sampler, self._tokenizer, record.end_tokens)  # type: ignore[attr-defined]

    def _get_train_sampler(self, dataset: Any = None) -> RowOrder:
        return self.record.order

    def _generate_single_turn(self, prompt_ids: list[list[int]], *args: Any) -> tuple[list[list[int]], Any]:
        return generate_completions(self, self.record, prompt_ids), None


class SftRowsTrainer(StoredRowsTrainer, SFTTrainer):  # type: ignore[misc]
    """Imitates targets. A row's weight multiplies its loss; the divisor stays the number of trained tokens."""

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["input_ids", "labels", "weight"]

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **options: Any) -> Any:
        weights = inputs.pop("weight", None)  # (B,)
        weighted = model if weights is None else lambda **tensors: weigh(model(**tensors), weights)
        return check_loss(super().compute_loss(weighted, inputs, *args, **options), self.state.global_step)


class DpoRowsTrainer(StoredRowsTrainer, DPOTrainer):  # type: ignore[misc]
    """Prefers chosen to rejected answers. A pair whose soft label is below 1 gets the loss of cDPO.

    With p the probability that chosen is better, that loss is -p log s(m) - (1 - p) log s(-m) for the margin m. TRL
    has one p for all pairs, in its loss "robust": -log s(m) - e / (1 - 2 e) m. With e = -(1 - p) / (2 p - 1) for each
    pair the two are the same.
    """

    def _prepare_dataset(self, dataset: Any, *args: Any) -> Any:
        return dataset

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["prompt_ids", "chosen_ids", "rejected_ids", "soft_label"]

    def _compute_loss(self, model: Any, inputs: dict[str, Any], return_outputs: bool) -> Any:
        labels = inputs.pop("soft_label", None)  # (B,), above 0.5
        if labels is not None:
            self.loss_types, self.label_smoothing = ["robust"], -(1 - labels) / (2 * labels - 1)  # (B,)
        return check_loss(super()._compute_loss(model, inputs, return_outputs), self.state.global_step)


class KtoRowsTrainer(StoredRowsTrainer, KTOTrainer):  # type: ignore[misc]
    """Raises desirable and lowers undesirable answers. Mismatched answers of its KL are of the same forward pass."""

    def _prepare_dataset(self, dataset: Any, *args: Any) -> Any:
        return dataset

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["prompt_ids", "completion_ids", "label"]

    def _compute_loss(self, model: Any, inputs: dict[str, Any], return_outputs: bool) -> Any:
        return check_loss(super()._compute_loss(model, inputs, return_outputs), self.state.global_step)


class MismatchCollator:
    """Pairs each prompt of a batch with the answer of the row before it, from which KTO estimates the KL.

    TRL's trainer does so once for the whole data set, in its order; our order is decided later, step by step.
    """

    def __init__(self, collator: Any) -> None:
        self.collator = collator

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        answers = [example["completion_ids"] for example in examples]
        others = [answers[-1], *answers[:-1]]
        rows = [{**row, "KL_completion_ids": other} for row, other in zip(examples, others, strict=True)]
        batch: dict[str, Any] = self.collator(rows)
        return batch


class ColumnCollator:
    """Adds one column of numbers to the batches of a collator of TRL."""

    def __init__(self, collator: Any, column: str) -> None:
        self.collator, self.column = collator, column

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = self.collator(examples)
        batch[self.column] = torch.tensor([example[self.column] for example in examples], dtype=torch.float32)  # (B,)
        return batch


class BeginStep(TrainerCallback):  # type: ignore[misc]
    """Tells the record which step begins."""

    def __init__(self, record: StoredRowsRecord) -> None:
        self.record = record

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.record.begin_step(state.global_step)


def target_collator(pad_id: int, *, weighted: bool) -> Any:
    """Build the collator of targets; TRL's own where every weight is 1."""
    collator = DataCollatorForLanguageModeling(pad_token_id=pad_id)
    return ColumnCollator(collator, "weight") if weighted else collator


def pair_collator(pad_id: int, *, soft: bool) -> Any:
    """Build the collator of pairs; TRL's own where every soft label is 1."""
    collator = DataCollatorForPreference(pad_token_id=pad_id)
    return ColumnCollator(collator, "soft_label") if soft else collator


def judged_collator(pad_id: int) -> Any:
    """Build the collator of single judged answers, with the mismatched ones of the KL."""
    return MismatchCollator(DataCollatorForUnpairedPreference(pad_token_id=pad_id))


def weigh(output: Any, weights: Tensor) -> Any:
    """Multiply the log-probabilities (B, T) of TRL's fused head by one weight per row, and return the output."""
    output.log_probs = output.log_probs * weights.unsqueeze(1)  # (B, T)
    return output


def check_loss(loss: Any, step: int) -> Any:
    """Return the loss.

    Raises:
        TrainingError: it is not finite.
    """
    value = loss[0] if isinstance(loss, tuple) else loss
    if not torch.isfinite(value):
        raise TrainingError(f"step {step + 1}: the loss is {value.item()}; no update was made from it")
    return loss


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return the ids that end a completion: the tokenizer's and all that the model declares."""
    declared = model.generation_config.eos_token_id
    ids = declared if isinstance(declared, list) else [] if declared is None else [declared]
    return frozenset({*ids, tokenizer.eos_token_id})


def sampling_arguments(sampler: SamplingConfig, tokenizer: Any, ends: frozenset[int]) -> GenerationConfig:
    """Build transformers' config of how held-out problems are attempted; temperature 0 is greedy."""
    chance = {"temperature": sampler.temperature, "top_p": sampler.top_p, "top_k": sampler.top_k}
    return GenerationConfig(
        max_new_tokens=sampler.max_tokens,
        do_sample=sampler.temperature > 0,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=sorted(ends),
        disable_compile=True,
        **(chance if sampler.temperature > 0 else {}),
    )
