"""Filters: drops with reasons, corrected labels, and notes; a problem without a drop is kept.

To add one: a file NAME.py with a frozen dataclass of that name whose `sift(problems, labels, context)` returns drops.
`needs` names the fields of `FilterContext` that it uses; `joint` says whether it compares problems with each other.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Import the part whose class has this name, when it is named."""
    if not name[:1].isupper():  # a module, which Python looks for next
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from assay.core.parts import find_class

    return find_class("filter", name)
