"""Merge rows of several batches into the one batch that a resampled step is trained on.

Importing this file imports torch, so only functions import it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

BatchRows = tuple[Mapping[str, Any], Sequence[int]]  # a batch as TRL scores it, and which of its rows to take


def merge_batches(parts: Sequence[BatchRows], *, pad_id: int) -> dict[str, Any]:
    """Build one batch of the chosen rows, in their order.

    Args:
        parts: Batches with their chosen rows. Prompts are (b, P), completions and values per token (b, T), values per
            row (b,); a column of width 1 keeps that width.
        pad_id: Token id with which ids are padded; everything else is padded with 0. Prompts are padded on the left,
            the rest on the right.

    Returns:
        The batch; `num_items_in_batch`, the number of tokens that count, is computed for it.
    """
    first = parts[0][0]
    columns = {
        name: _merge_column([part[name][list(rows)] for part, rows in parts], name, pad_id)
        for name, value in first.items()
        if isinstance(value, Tensor) and value.dim() > 0
    }
    loss_mask = columns["completion_mask"] * columns.get("tool_mask", 1)  # (B, T)
    return {**first, **columns, "num_items_in_batch": loss_mask.sum()}


def _merge_column(blocks: list[Tensor], name: str, pad_id: int) -> Tensor:
    if blocks[0].dim() == 1:
        return torch.cat(blocks)
    width = max(block.size(1) for block in blocks)
    fill = pad_id if name.endswith("_ids") else 0
    pads_left = name.startswith("prompt")
    sides = [(width - block.size(1), 0) if pads_left else (0, width - block.size(1)) for block in blocks]
    return torch.cat([pad(block, side, value=fill) for block, side in zip(blocks, sides, strict=True)])
