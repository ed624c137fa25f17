"""Sources: problems with labels from files, datasets and generators, and a drop for each row that holds none.

To add one: a file NAME.py with a frozen dataclass of that name that matches `core.ports.Source`. A source of table rows
inherits `_rows.Fields`, which turns a row into a problem and its label.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Import the part whose class has this name, when it is named."""
    if not name[:1].isupper():  # a module, which Python looks for next
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from assay.core.parts import find_class

    return find_class("source", name)
