"""Keys and values of many samples in one tensor a layer.

Columns with room to grow, rows that take the place of others.
"""

from functools import lru_cache
from typing import Any

ROOM = 64  # spare columns of a growing cache


def reserve_columns(cache: Any) -> None:
    """Plain layers get spare columns, so that a new token is written in place and not into a copy of everything before
    it.
    """
    from transformers.cache_utils import DynamicLayer

    roomy = _preallocated_layer(DynamicLayer)
    for layer in cache.layers:
        if type(layer) is DynamicLayer:
            layer.__class__ = roomy


@lru_cache(maxsize=1)
def _preallocated_layer(plain: Any) -> type:
    """The plain layer with its columns at the front of a larger tensor, of which `keys` and `values` are views."""

    class Roomy(plain):  # type: ignore[misc]  # its base is known only once transformers is imported
        keys: Any
        values: Any

        def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
            self.keys, self.values = append_columns(self.keys, key_states), append_columns(self.values, value_states)
            return self.keys, self.values

    return Roomy


def append_columns(before: Any, new: Any) -> Any:
    """`before` (r, h, t, d) and `new` (r, h, 1, d) as one view (r, h, t + 1, d), copied only where no room is left
    behind `before`.
    """
    rows, heads, columns, width = before.shape
    room = before.stride(1) // width - columns if before.stride(2) == width else 0
    if room < new.shape[2] or before.storage_offset():
        wide = before.new_empty(rows, heads, columns + new.shape[2] + ROOM, width)
        wide[:, :, :columns] = before
        before = wide[:, :, :columns]
    longer = before.as_strided((rows, heads, columns + new.shape[2], width), before.stride())
    longer[:, :, columns:] = new
    return longer


def keeps_every_column(cache: Any) -> bool:
    """Whether every layer keeps every column, so that rows may be placed in it.

    A sliding window or a recurrent state does not.
    """
    from transformers.cache_utils import DynamicLayer

    return all(type(layer) in (DynamicLayer, _preallocated_layer(DynamicLayer)) for layer in cache.layers)


def replace_rows(cache: Any, rows: Any, other: Any) -> None:
    """The rows of `other` take the place of those `rows` of `cache`, their last columns aligned; neither grows.

    `other` has no more columns than `cache`. What is left of the columns before them is of no row any more and has to
    be masked.
    """
    for layer, new in zip(cache.layers, other.layers, strict=True):
        width = new.keys.shape[2]
        layer.keys[rows, :, -width:] = new.keys
        layer.values[rows, :, -width:] = new.values


def shift_columns(cache: Any, columns: int) -> None:
    """So many empty columns more on the left, or fewer where it is negative."""
    from torch.nn.functional import pad

    for layer in cache.layers:
        layer.keys, layer.values = (pad(each, (0, 0, columns, 0)) for each in (layer.keys, layer.values))
