"""Compute a prompt that several rows share once: in sampling, in the forward pass and in the backward pass.

The rollouts of a group have one prompt, which with few-shot turns is most of the tokens: 8 rollouts of 16 tokens after
a prompt of 256 are 2,176 tokens row by row, and 384 here. The numbers are the same, because keys and values of a prompt
do not depend on what follows; gradients reach the prompt through every row that reads it. Cost: the logits of all
completion tokens are in memory at once (B x T x vocabulary floats), and activations cannot be recomputed, so gradient
checkpointing takes the row-by-row path.

Shapes: B rows, U different prompts, P prompt tokens (padded on the left), T completion tokens (padded on the right), V
vocabulary.
"""

from typing import Any

import torch
from torch import Tensor


def unique_prompts(ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the different rows among (B, P) prompts: ids (U, P), mask (U, P), and which of the U each row is, (B,)."""
    rows, inverse = torch.unique(torch.cat([ids, mask], dim=1), dim=0, return_inverse=True)
    return rows[:, : ids.size(1)], rows[:, ids.size(1) :], inverse


def position_ids(mask: Tensor) -> Tensor:
    """Return the position of each token in its row, not counting padding, (B, L)."""
    return (mask.cumsum(-1) - 1).clamp(min=0)


def cache_prompts(model: Any, ids: Tensor, mask: Tensor) -> tuple[Any, Tensor]:
    """Compute each different prompt once.

    Returns:
        The KV cache of all B rows, and the logits of the token that follows each prompt, (B, V).
    """
    unique, unique_mask, inverse = unique_prompts(ids, mask)
    output = model(
        input_ids=unique,
        attention_mask=unique_mask,
        position_ids=position_ids(unique_mask),
        use_cache=True,
        logits_to_keep=1,
    )
    output.past_key_values.batch_select_indices(inverse)
    return output.past_key_values, output.logits[inverse, -1]


def token_logps(
    model: Any, prompts: Tensor, prompt_mask: Tensor, completions: Tensor, mask: Tensor, *, temperature: float
) -> tuple[Tensor, Tensor]:
    """Compute the log-probability of each completion token, and the entropy of the distribution it was drawn from.

    Args:
        model: A causal language model of transformers.
        prompts: Token ids (B, P).
        prompt_mask: (B, P), 0 = padding.
        completions: Token ids (B, T).
        mask: (B, T), 0 = padding.
        temperature: At which the tokens were sampled.

    Returns:
        log p and entropy in nats, (B, T) each; the entropy carries no gradient. Where the mask is 0 the values mean
        nothing.
    """
    cache, first = cache_prompts(model, prompts, prompt_mask)
    logits = first.unsqueeze(1)  # (B, 1, V)
    if completions.size(1) > 1:
        attended = torch.cat([prompt_mask, mask], dim=1)[:, :-1]  # (B, P + T - 1)
        positions = position_ids(attended)[:, prompts.size(1) :]  # (B, T - 1)
        output = model(
            input_ids=completions[:, :-1],
            attention_mask=attended,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
        )
        logits = torch.cat([logits, output.logits], dim=1)  # (B, T, V)
    logps = (logits.float() / temperature).log_softmax(-1)  # (B, T, V)
    with torch.no_grad():
        entropy = -(logps.exp() * logps).sum(-1)  # (B, T)
    return logps.gather(-1, completions.unsqueeze(-1)).squeeze(-1), entropy


def sample_completions(model: Any, prompts: Tensor, mask: Tensor, config: Any, **options: Any) -> Tensor:
    """Sample one completion per row of (B, P) prompts.

    Args:
        model: A causal language model of transformers.
        prompts: Token ids (B, P).
        mask: (B, P), 0 = padding.
        config: transformers' GenerationConfig.
        **options: Passed to the model's own `generate`.

    Returns:
        Token ids (B, T), padded after their end.
    """
    with torch.no_grad():
        if prompts.size(1) > 1:  # generate reads the last token itself
            options["past_key_values"], _ = cache_prompts(model, prompts[:, :-1], mask[:, :-1])
        rows: Tensor = model.generate(input_ids=prompts, attention_mask=mask, generation_config=config, **options)
    return rows[:, prompts.size(1) :]


def cut_after_end(rows: Tensor, end_tokens: frozenset[int]) -> list[list[int]]:
    """Return each row up to and including its first end token, as lists; a row without one stays whole."""
    lists = rows.tolist()
    lengths = [next((place + 1 for place, token in enumerate(row) if token in end_tokens), len(row)) for row in lists]
    return [row[:length] for row, length in zip(lists, lengths, strict=True)]
