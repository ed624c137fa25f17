"""Put a selection in the order in which training samples it, from what is known about each problem.

One file per order, found by its name (`curriculum = "bandit"`). To add one, write a frozen dataclass with `needs` and
`arrange` (`core.ports.Arranger`), its test, and a row in `docs/methods.md`; one that adapts to training also has
`begin`, and its state is a subclass of `online.state.CurriculumState`.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Import the part whose class has this name, when it is named."""
    if not name[:1].isupper():  # a module, which Python looks for next
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from assay.core.parts import find_class

    return find_class("curriculum", name)
