"""The average of a run's last checkpoints, which takes the place of a decaying learning rate.

A rate that falls to nothing gives the last and, in an ascending order, best data the smallest steps. With a constant rate (CMA) or a moderate
decay to about a third (CDMA) the average does the smoothing. Source: arXiv:2511.18903, alpha .2 over the last 6.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

KEPT = 6  # checkpoints, the last one included


def shares(count: int, alpha: float) -> list[float]:
    """How much each of `count` checkpoints, oldest first, weighs in M_i = alpha x checkpoint_i + (1 - alpha) M_(i-1), M_1 = checkpoint_1.

    They sum to 1. alpha 1 is the last one alone; the smaller alpha, the more the oldest weighs.

    >>> [round(share, 3) for share in shares(3, 0.2)], shares(2, 1.0)
    ([0.64, 0.16, 0.2], [0.0, 1.0])
    """
    later = [alpha * (1 - alpha) ** (count - 1 - place) for place in range(1, count)]
    return [(1 - alpha) ** (count - 1), *later]


def averaged(folders: Sequence[Path], last: dict[str, Any], alpha: float) -> dict[str, Any]:
    """The last weights averaged with those of earlier checkpoints, oldest first: {name: tensor} of all that the checkpoints store.

    One checkpoint is read at a time. What is tied is stored once, so it is averaged once. Without checkpoints: the last weights.

    Raises:
        ValueError: a checkpoint stores other names than the first.
    """
    if not folders:
        return dict(last)
    weights = shares(len(folders) + 1, alpha)
    total: dict[str, Any] = {}
    for folder, weight in zip(folders, weights, strict=False):
        stored = _stored(folder)
        if total and total.keys() != stored.keys():
            raise ValueError(
                f"{str(folder)!r} stores {len(stored)} weights that are not the {len(total)} of {str(folders[0])!r}"
            )
        total = {name: tensor.double() * weight + total.get(name, 0.0) for name, tensor in stored.items()}
    return {name: (tensor + last[name].double() * weights[-1]).to(last[name].dtype) for name, tensor in total.items()}


def _stored(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    found: dict[str, Any] = {}
    for path in sorted(folder.glob("*.safetensors")):
        found |= load_file(path)
    return found
