"""Twin of `shared_prefix.py`: what is computed once equals what is computed row by row."""

from typing import Any

import pytest
import torch
from torch import Tensor, tensor

from assay.training.trainer.shared_prefix import (
    cut_after_end,
    position_ids,
    sample_completions,
    token_logps,
    unique_prompts,
)

PROMPTS = tensor([[0, 0, 5, 6], [7, 8, 9, 4], [0, 0, 5, 6]])
MASK = tensor([[0, 0, 1, 1], [1, 1, 1, 1], [0, 0, 1, 1]])
COMPLETIONS = tensor([[4, 5, 2], [6, 2, 0], [9, 9, 9]])
WRITTEN = tensor([[1, 1, 1], [1, 1, 0], [1, 1, 1]])


@pytest.fixture(params=["Llama", "Qwen3", "Gemma2"])
def model(request: pytest.FixtureRequest) -> Any:
    """Three families: plain, with normed keys, and with a sliding window of 4 and capped logits."""
    import transformers

    transformers.set_seed(1)
    shape = {
        "vocab_size": 12,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    shape |= {
        "num_key_value_heads": 1,
        "head_dim": 8,
        "max_position_embeddings": 64,
        "initializer_range": 0.5,
        "pad_token_id": 0,
    }
    if request.param == "Gemma2":
        shape |= {"sliding_window": 4}
    config = getattr(transformers, f"{request.param}Config")(**shape, bos_token_id=1, eos_token_id=2)
    return transformers.AutoModelForCausalLM.from_config(config).float().train()


def by_row(model: Any, temperature: float) -> Tensor:
    whole, attended = torch.cat([PROMPTS, COMPLETIONS], 1), torch.cat([MASK, WRITTEN], 1)
    logits = (
        model(input_ids=whole, attention_mask=attended, position_ids=position_ids(attended)).logits[:, 3:-1]
        / temperature
    )
    return logits.log_softmax(-1).gather(-1, COMPLETIONS.unsqueeze(-1)).squeeze(-1)


def test_each_prompt_is_kept_once() -> None:
    ids, mask, which = unique_prompts(PROMPTS, MASK)
    assert ids.shape == mask.shape == (2, 4)
    assert ids[which].equal(PROMPTS)
    assert mask[which].equal(MASK)


def test_positions_do_not_count_padding() -> None:
    assert position_ids(MASK).tolist() == [[0, 0, 0, 1], [0, 1, 2, 3], [0, 0, 0, 1]]


def test_log_probabilities_and_gradients_equal_those_of_whole_rows(model: Any) -> None:
    ours, entropy = token_logps(model, PROMPTS, MASK, COMPLETIONS, WRITTEN, temperature=0.7)
    theirs = by_row(model, 0.7)
    assert (ours - theirs).abs()[WRITTEN.bool()].max() < 1e-5
    assert ((entropy >= 0) & (entropy <= torch.tensor(12.0).log() + 1e-5)).all()
    assert not entropy.requires_grad
    weights = list(model.parameters())
    left = torch.autograd.grad((ours * WRITTEN).sum(), weights, allow_unused=True)
    right = torch.autograd.grad((theirs * WRITTEN).sum(), weights, allow_unused=True)
    for gradient, expected in zip(left, right, strict=True):
        assert (gradient is None) == (expected is None)
        assert gradient is None or (gradient - expected).abs().max() < 1e-4


def test_one_token_needs_no_second_pass(model: Any) -> None:
    whole, _ = token_logps(model, PROMPTS, MASK, COMPLETIONS, WRITTEN, temperature=1.0)
    first, _ = token_logps(model, PROMPTS, MASK, COMPLETIONS[:, :1], WRITTEN[:, :1], temperature=1.0)
    assert (whole[:, :1] - first).abs().max() < 1e-6


def test_samples_equal_those_of_whole_rows(model: Any) -> None:
    from transformers import GenerationConfig, set_seed

    config = GenerationConfig(max_new_tokens=5, do_sample=True, pad_token_id=0, eos_token_id=2)
    set_seed(3)
    theirs = model.generate(input_ids=PROMPTS, attention_mask=MASK, generation_config=config)[:, 4:]
    set_seed(3)
    assert sample_completions(model, PROMPTS, MASK, config).equal(theirs)
    assert sample_completions(model, tensor([[5], [5]]), torch.ones(2, 1, dtype=torch.long), config).shape[0] == 2


def test_rows_end_with_their_first_end_token() -> None:
    assert cut_after_end(tensor([[4, 2, 0], [2, 2, 2], [4, 5, 6]]), frozenset({2})) == [[4, 2], [2], [4, 5, 6]]
