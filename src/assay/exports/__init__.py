"""Exports: the curriculum in the form that another trainer reads.

To add one: a file NAME.py with a frozen dataclass of that name, whose `rows` turns `ExportRow`s into the rows of a file
and whose `snippet` shows how that trainer reads the file. `hub` also writes a dataset card (`CardExport`).
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Import the part whose class has this name, when it is named."""
    if not name[:1].isupper():  # a module, which Python looks for next
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from assay.core.parts import find_class

    return find_class("export", name)
