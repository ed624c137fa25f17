"""Score how hard each problem is for one policy, with its uncertainty, from stored and new attempts.

One scorer per file, found by its name (`scorer = "pass_rate"`). To add one, write a frozen dataclass with `joint` and
`score` (`core.ports.Scorer`; optional hooks in `core.hooks.ScorerHooks`), its test, and a row in `docs/methods.md`.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Import the part whose class has this name, when it is named."""
    if not name[:1].isupper():  # a module, which Python looks for next
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from assay.core.parts import find_class

    return find_class("scorer", name)
