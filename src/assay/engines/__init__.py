"""Engines let a policy attempt problems: requests go in, rollouts come out.

To add one, write NAME.py, or a folder NAME that exports its class, with a class that matches `core.ports.Engine`.
`models` finds weights by name, `requests` holds what engines share, `server` puts a local engine behind an address.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Import the part whose class has this name, when it is named."""
    if not name[:1].isupper():  # a module, which Python looks for next
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from assay.core.parts import find_class

    return find_class("engine", name)
