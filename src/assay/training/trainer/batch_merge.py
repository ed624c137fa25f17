"""Groups of several batches as one batch: what a step is trained on when it was refilled.

Importing this file imports torch, so only functions import it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

Rows = tuple[Mapping[str, Any], Sequence[int]]  # a batch as TRL scores it, and the rows of it that are taken


def joined(parts: Sequence[Rows], *, pad_id: int) -> dict[str, Any]:
    """One batch of the rows taken, in their order: prompts filled up on the left, all else on the right, ids with `pad_id` and the rest with 0.

    Shapes: of each part prompts (b, P), completions and what is said of their tokens (b, T), and numbers a row (b,); rows that a width of 1
    is said of keep it. `num_items_in_batch`, the tokens that count, is counted anew.
    """
    first = parts[0][0]
    made = {
        name: _column([part[name][list(rows)] for part, rows in parts], name, pad_id)
        for name, value in first.items()
        if _is_rows(value)
    }
    counted = made["completion_mask"] * made.get("tool_mask", 1)  # (B, T)
    return {**first, **made, "num_items_in_batch": counted.sum()}


def _is_rows(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dim() > 0


def _column(blocks: list[Tensor], name: str, pad_id: int) -> Tensor:
    if blocks[0].dim() == 1:
        return torch.cat(blocks)
    width = max(block.size(1) for block in blocks)
    fill = pad_id if name.endswith("_ids") else 0
    left = name.startswith("prompt")
    sides = [(width - block.size(1), 0) if left else (0, width - block.size(1)) for block in blocks]
    return torch.cat([pad(block, side, value=fill) for block, side in zip(blocks, sides, strict=True)])
