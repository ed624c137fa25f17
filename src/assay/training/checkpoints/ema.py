"""Average a run's last checkpoints, in place of a decaying learning rate.

A rate that falls to nothing gives the last and, in an ascending order, best data the smallest steps. With a constant
rate (CMA) or a moderate decay to about a third (CDMA) the average does the smoothing. Source: arXiv:2511.18903, alpha
.2 over the last 6.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

KEPT_STATES = 6  # checkpoints, the last one included


def ema_weights(count: int, alpha: float) -> list[float]:
    """Return the weight of each of `count` checkpoints, oldest first, in their running average.

    M_1 = checkpoint_1, M_i = alpha x checkpoint_i + (1 - alpha) M_(i-1). The weights sum to 1. alpha 1 is the last one
    alone; the smaller alpha, the more the oldest weighs.

    >>> [round(weight, 3) for weight in ema_weights(3, 0.2)], ema_weights(2, 1.0)
    ([0.64, 0.16, 0.2], [0.0, 1.0])
    """
    later = [alpha * (1 - alpha) ** (count - 1 - place) for place in range(1, count)]
    return [(1 - alpha) ** (count - 1), *later]


def average_checkpoints(folders: Sequence[Path], last: dict[str, Any], alpha: float) -> dict[str, Any]:
    """Average the last weights with those of earlier checkpoints.

    One checkpoint is read at a time. Tied weights are stored once, so they are averaged once.

    Args:
        folders: Earlier checkpoints, oldest first; without any, the result is the last weights.
        last: {name: tensor} of the last weights.
        alpha: Weight of the newest in the running average.

    Returns:
        {name: tensor} of all that the checkpoints store.

    Raises:
        ValueError: a checkpoint stores other names than the first.
    """
    if not folders:
        return dict(last)
    weights = ema_weights(len(folders) + 1, alpha)
    total: dict[str, Any] = {}
    for folder, weight in zip(folders, weights, strict=False):
        tensors = _read_tensors(folder)
        if total and total.keys() != tensors.keys():
            raise ValueError(
                f"{str(folder)!r} stores {len(tensors)} weights that differ from the {len(total)} of "
                f"{str(folders[0])!r}"
            )
        total = {name: tensor.double() * weight + total.get(name, 0.0) for name, tensor in tensors.items()}
    return {name: (tensor + last[name].double() * weights[-1]).to(last[name].dtype) for name, tensor in total.items()}


def _read_tensors(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    tensors: dict[str, Any] = {}
    for path in sorted(folder.glob("*.safetensors")):
        tensors |= load_file(path)
    return tensors
