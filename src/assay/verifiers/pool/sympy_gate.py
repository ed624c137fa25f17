"""sympy reads text by evaluating it as Python; in a process that judges it reads numbers, their sums and products, and single names."""

import importlib
import re
from typing import Any

LONGEST = 5_000  # characters
HARMLESS = re.compile(
    r"[0-9eE.+\-*/()\s]*|[A-Za-z][A-Za-z0-9]*"
)  # no name that is called, no dot behind a name, no underscore, no quote


class NotRead(ValueError):
    """A text that sympy would evaluate and here does not."""


def close_sympy() -> None:
    """Refuse, from now on and in this process, to evaluate text that could be more than a number or a name.

    `parse_expr`, `sympify`, `S` and every constructor that takes text come through one function, which is replaced here.
    """
    parser: Any = importlib.import_module("sympy.parsing.sympy_parser")
    if not getattr(parser.stringify_expr, "gated", False):
        parser.stringify_expr = _gated(parser.stringify_expr)


def _gated(stringify: Any) -> Any:
    def stringify_expr(text: str, *given: Any) -> Any:
        if len(text) > LONGEST or not HARMLESS.fullmatch(text) or not text.isascii():
            raise NotRead(f"not evaluated: {text[:80]!r}")
        return stringify(text, *given)

    stringify_expr.gated = True  # type: ignore[attr-defined]
    return stringify_expr
