"""What a training step minimizes: one file per objective, found by its name (`objective = "grpo"`).

To add one, write a frozen dataclass with `arguments`, `per_token` and `mean` (`trainer.loss.Objective`), its test, and
a row in `docs/methods.md`.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Import the part whose class has this name, when it is named."""
    if not name[:1].isupper():  # a module, which Python looks for next
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from assay.core.parts import find_class

    return find_class("objective", name)
