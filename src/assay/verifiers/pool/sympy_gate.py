"""Restrict the text that sympy evaluates as Python to numbers, their sums and products, and single names."""

import importlib
import re
from typing import Any

MAX_CHARS = 5_000
# no call, no dot after a name, no underscore, no quote
SAFE_TEXT = re.compile(r"[0-9eE.+\-*/()\s]*|[A-Za-z][A-Za-z0-9]*")


class NotRead(ValueError):
    """A text that sympy would evaluate, and that is refused here."""


def restrict_sympy() -> None:
    """Refuse, from now on and in this process, to evaluate text that could be more than a number or a name.

    `parse_expr`, `sympify`, `S` and every constructor that takes text go through one function of sympy, which is
    replaced here.
    """
    parser: Any = importlib.import_module("sympy.parsing.sympy_parser")
    if not getattr(parser.stringify_expr, "gated", False):
        parser.stringify_expr = _restrict(parser.stringify_expr)


def _restrict(stringify: Any) -> Any:
    def stringify_expr(text: str, *arguments: Any) -> Any:
        if len(text) > MAX_CHARS or not SAFE_TEXT.fullmatch(text) or not text.isascii():
            raise NotRead(f"not evaluated: {text[:80]!r}")
        return stringify(text, *arguments)

    stringify_expr.gated = True  # type: ignore[attr-defined]
    return stringify_expr
