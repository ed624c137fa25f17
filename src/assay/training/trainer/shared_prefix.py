"""A prompt that several rows share is computed once: in sampling, in the forward pass and in the backward pass.

The rollouts of a group have one prompt, which with few-shot turns is most of the tokens: 8 rollouts of 16 tokens after a prompt of 256
are 2,176 tokens row by row, and 384 here. The numbers are the same, since keys and values of a prompt do not depend on what follows;
gradients reach the prompt through every row that reads it. Costs: the logits of all completion tokens are held at once (B x T x
vocabulary floats), and activations cannot be recomputed, so gradient checkpointing takes the row-by-row path.
"""

from typing import Any

import torch
from torch import Tensor


def distinct(ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The different rows of left-padded (B, P) prompts: ids (U, P), mask (U, P), and which of the U each row is, (B,)."""
    rows, which = torch.unique(torch.cat([ids, mask], dim=1), dim=0, return_inverse=True)
    return rows[:, : ids.size(1)], rows[:, ids.size(1) :], which


def positions(mask: Tensor) -> Tensor:
    """The place of each token in its row, not counting padding, (B, L)."""
    return (mask.cumsum(-1) - 1).clamp(min=0)


def read_prompts(model: Any, ids: Tensor, mask: Tensor) -> tuple[Any, Tensor]:
    """Keys and values of (B, P) prompts, one row each, and the logits of what follows, (B, V); each different prompt is computed once."""
    unique, unique_mask, which = distinct(ids, mask)
    out = model(
        input_ids=unique,
        attention_mask=unique_mask,
        position_ids=positions(unique_mask),
        use_cache=True,
        logits_to_keep=1,
    )
    out.past_key_values.batch_select_indices(which)
    return out.past_key_values, out.logits[which, -1]


def token_logps(
    model: Any, prompts: Tensor, prompt_mask: Tensor, completions: Tensor, mask: Tensor, *, temperature: float
) -> tuple[Tensor, Tensor]:
    """log p of each completion token at the sampling temperature, and the entropy of what it was drawn from, (B, T) each.

    The entropy carries no gradient. Where the mask is 0 the values mean nothing.
    """
    cache, first = read_prompts(model, prompts, prompt_mask)
    logits = first.unsqueeze(1)  # (B, 1, V)
    if completions.size(1) > 1:
        attended = torch.cat([prompt_mask, mask], dim=1)[:, :-1]  # (B, P + T - 1)
        place = positions(attended)[:, prompts.size(1) :]  # (B, T - 1)
        out = model(
            input_ids=completions[:, :-1],
            attention_mask=attended,
            position_ids=place,
            past_key_values=cache,
            use_cache=True,
        )
        logits = torch.cat([logits, out.logits], dim=1)  # (B, T, V)
    every = (logits.float() / temperature).log_softmax(-1)  # (B, T, V)
    with torch.no_grad():
        entropy = -(every.exp() * every).sum(-1)  # (B, T)
    return every.gather(-1, completions.unsqueeze(-1)).squeeze(-1), entropy


def sample(model: Any, prompts: Tensor, mask: Tensor, config: Any, **rest: Any) -> Tensor:
    """Sampled completions of (B, P) prompts, (B, T), padded after their end; `rest` goes to the model's own `generate`."""
    with torch.no_grad():
        if prompts.size(1) > 1:  # generate reads the last token itself
            rest["past_key_values"], _ = read_prompts(model, prompts[:, :-1], mask[:, :-1])
        whole: Tensor = model.generate(input_ids=prompts, attention_mask=mask, generation_config=config, **rest)
    return whole[:, prompts.size(1) :]


def until_end(rows: Tensor, ends: frozenset[int]) -> list[list[int]]:
    """Each row up to and with its first end token, as lists; a row without one is whole."""
    lists = rows.tolist()
    lengths = [next((place + 1 for place, token in enumerate(row) if token in ends), len(row)) for row in lists]
    return [row[:length] for row, length in zip(lists, lengths, strict=True)]
