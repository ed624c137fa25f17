"""Sample completions with the weights of a trainer as they are, each distinct prompt computed once.

Importing this file imports torch and transformers, so only functions import it.
"""

from typing import Any

from assay.training.trainer.run_record import RunRecord
from assay.training.trainer.shared_prefix import cut_after_end, sample_completions
from assay.training.trainer.stop_strings import cut_ids


def generate_completions(trainer: Any, record: RunRecord, prompt_ids: list[list[int]]) -> list[list[int]]:
    """Sample one completion per prompt, cut after its end token or its first stop string.

    Args:
        trainer: Has `accelerator`, `model`, `generation_config` and `_tokenizer`.
        record: Of the run.
        prompt_ids: Token ids per prompt.
    """
    stops = list(record.sampler.stop)
    prompts = trainer._tokenizer.pad({"input_ids": prompt_ids}, padding_side="left", return_tensors="pt")
    prompts = prompts.to(trainer.accelerator.device)
    stopping = {"stop_strings": stops, "tokenizer": trainer._tokenizer} if stops else {}
    with trainer.accelerator.autocast():
        rows = sample_completions(
            trainer.accelerator.unwrap_model(trainer.model),
            prompts.input_ids,
            prompts.attention_mask,
            trainer.generation_config,
            **stopping,
        )
    return [cut_ids(ids, stops, record.decode) for ids in cut_after_end(rows, record.end_tokens)]
