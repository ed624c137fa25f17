"""Keep the keys and values of many samples in one tensor per layer, with room to grow and replaceable rows."""

from functools import lru_cache
from typing import Any

SPARE_COLUMNS = 64  # of a growing cache


def reserve_columns(cache: Any) -> None:
    """Give plain layers spare columns.

    A new token is then written in place, and not into a copy of everything before it.
    """
    from transformers.cache_utils import DynamicLayer

    preallocated = _preallocated_layer(DynamicLayer)
    for layer in cache.layers:
        if type(layer) is DynamicLayer:
            layer.__class__ = preallocated


@lru_cache(maxsize=1)
def _preallocated_layer(layer_class: Any) -> type:
    """Return the layer class with its columns at the front of a larger tensor; `keys` and `values` are views of it."""

    class Preallocated(layer_class):  # type: ignore[misc]  # its base is known only once transformers is imported
        keys: Any
        values: Any

        def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
            self.keys, self.values = append_columns(self.keys, key_states), append_columns(self.values, value_states)
            return self.keys, self.values

    return Preallocated


def append_columns(old: Any, new: Any) -> Any:
    """Append `new` (r, h, 1, d) to `old` (r, h, t, d), copying only where no spare column is left behind `old`.

    Returns:
        One view, (r, h, t + 1, d).
    """
    rows, heads, columns, width = old.shape
    spare = old.stride(1) // width - columns if old.stride(2) == width else 0
    if spare < new.shape[2] or old.storage_offset():
        wide = old.new_empty(rows, heads, columns + new.shape[2] + SPARE_COLUMNS, width)
        wide[:, :, :columns] = old
        old = wide[:, :, :columns]
    longer = old.as_strided((rows, heads, columns + new.shape[2], width), old.stride())
    longer[:, :, columns:] = new
    return longer


def keeps_every_column(cache: Any) -> bool:
    """Return whether every layer keeps every column, so that rows may be replaced in it.

    A sliding window or a recurrent state does not.
    """
    from transformers.cache_utils import DynamicLayer

    return all(type(layer) in (DynamicLayer, _preallocated_layer(DynamicLayer)) for layer in cache.layers)


def replace_rows(cache: Any, rows: Any, other: Any) -> None:
    """Replace those `rows` of `cache` by the rows of `other`, with their last columns aligned; neither grows.

    `other` has no more columns than `cache`. The columns before them belong to no row any more and have to be masked.
    """
    for layer, new in zip(cache.layers, other.layers, strict=True):
        width = new.keys.shape[2]
        layer.keys[rows, :, -width:] = new.keys
        layer.values[rows, :, -width:] = new.values


def shift_columns(cache: Any, columns: int) -> None:
    """Add so many empty columns on the left, or cut off as many where the number is negative."""
    from torch.nn.functional import pad

    for layer in cache.layers:
        layer.keys, layer.values = (pad(tensor, (0, 0, columns, 0)) for tensor in (layer.keys, layer.values))
