"""Selectors: which problems of a pool to train on, within a budget, and why each of the others was left out.

To add one: a file NAME.py with a frozen dataclass of that name whose `needs` lists the columns it reads and whose
`select(pool, budget, rng)` returns a `Selection`. `_pool_rows` reads columns and builds the result; the Protocol is
`core.ports.Selector`.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Import the part whose class has this name, when it is named."""
    if not name[:1].isupper():  # a module, which Python looks for next
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from assay.core.parts import find_class

    return find_class("selector", name)
