"""Verifiers: (problem, label, rollout) -> Verdict, judged in worker processes that can be killed.

A verifier is `NAME.py`, or a folder NAME whose `__init__.py` exports its class; `answers/` reads final answers for all
of them, `pool/` runs them, `isolation/` and `jail/` confine what they run. To add one, write the file, its test and its
row in `docs/methods.md`.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Import the part whose class has this name, when it is named."""
    if not name[:1].isupper():  # a module, which Python looks for next
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from assay.core.parts import find_class

    return find_class("verifier", name)
