"""Expressions of numbers and letters: read by latex2sympy's grammar as a whole, compared by Math-Verify and looked at a second time."""

import importlib
import re
from functools import lru_cache
from typing import Any

from assay.verifiers.answers.plain_text import END, TEXT
from assay.verifiers.math.math_verify_patches import math_verify
from assay.verifiers.math.numeric_check import agree, evaluate, values

_COMPLEX = re.compile(r"(?<![A-Za-z\\])[ij](?![A-Za-z])")
_LOG = re.compile(r"\\log(?![A-Za-z_])(?!\s*_)")
_DEGREE = re.compile(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ)")
_DANGLING = re.compile(r"[-+*/^_=<>,]\s*$|\\(?:cdot|times|div)\s*$|'")
_REAL_IMAGINARY = re.compile(r"\\i(?![A-Za-z])")


def same_expression(gold: str, answer: str) -> tuple[bool, bool]:
    """Whether two expressions are equal as written, and whether they are once letters' case and the base of \\log are left open.

    Raises:
        OverflowError, MemoryError, RecursionError: comparing explodes.
    """
    if _equal(gold, answer):
        return True, True
    lenient = _equal_at_points(gold, answer) or (_unlike(gold, answer) and _equal(_loosely(gold), _loosely(answer)))
    return False, lenient


def readable(latex: str) -> bool:
    """Whether the grammar reads an expression to its end."""
    return _read(latex) is not None


def numeric_value(latex: str) -> Any:
    """An expression's value at 30 digits; None where it holds letters, or cannot be read."""
    expression = _read(latex)
    sympy: Any = importlib.import_module("sympy")
    if not isinstance(expression, sympy.Expr) or expression.free_symbols:
        return None
    evaluate(expression, sympy.Integer(0))
    try:
        value = expression.evalf(30)
    except (TypeError, ValueError, AttributeError, NotImplementedError):
        return None
    return value if value.is_number and value.is_finite else None


def ratio(gold: tuple[str, str], answer: tuple[str, str]) -> float:
    """The constant by which the difference of one relation's sides exceeds that of the other's; 0 where there is none."""
    sides = [_read(side) for side in (*gold, *answer)]
    sympy: Any = importlib.import_module("sympy")
    if not all(isinstance(side, sympy.Expr) for side in sides):
        return 0.0
    left, right = sides[0] - sides[1], sides[2] - sides[3]
    evaluate(left, right)
    if left.free_symbols != right.free_symbols or not left.free_symbols:
        return 0.0
    try:
        factor = sympy.simplify(left / right)
        return float(factor) if factor.is_number and factor.is_finite and not factor.is_zero else 0.0
    except (TypeError, ValueError, AttributeError, NotImplementedError, ZeroDivisionError):
        return 0.0


def _equal_at_points(gold: str, answer: str) -> bool:
    """Whether two expressions of the same letters have the same values wherever the letters are positive, as far as three points tell."""
    left, right = _read(gold), _read(answer)
    sympy: Any = importlib.import_module("sympy")
    if not (isinstance(left, sympy.Expr) and isinstance(right, sympy.Expr)) or left.free_symbols != right.free_symbols:
        return False
    evaluate(left, right)
    if (difference := (left - right).doit()).is_Rational:
        return bool(difference.is_zero)  # 2^100 + 2 and 2^100 - 2 have the first 30 digits in common
    pairs = [values(left, right, shift=shift) for shift in (0, 1, 2)]
    return all(pair is not None and abs(pair[0] - pair[1]) <= 1e-20 * max(abs(pair[0]), abs(pair[1])) for pair in pairs)


def _unlike(gold: str, answer: str) -> bool:
    """Whether leaving case and logarithms open changes anything."""
    both = gold + answer
    return bool(_LOG.search(both)) or any(
        letter.swapcase() in both for letter in re.findall(r"(?<![\\A-Za-z])[A-Za-z](?![A-Za-z])", both)
    )


def _loosely(latex: str) -> str:
    bare = _LOG.sub(r"\\ln ", latex)
    return re.sub(
        r"\\[A-Za-z]+|[A-Z]",
        lambda match: match.group() if match.group().startswith("\\") else match.group().lower(),
        bare,
    )


def _equal(gold: str, answer: str) -> bool:
    left, right = _read(gold), _read(answer)
    if left is None or right is None:
        return False
    sympy: Any = importlib.import_module("sympy")
    if isinstance(left, sympy.Expr) != isinstance(right, sympy.Expr) or not _same_symbols(left, right):
        return False
    if math_verify().verify([left], [right], timeout_seconds=None):
        return agree(left, right)
    evaluate(left, right)
    return any(isinstance(side, sympy.Symbol) for side in (left, right)) and bool(sympy.simplify(left - right).is_zero)


def _same_symbols(left: Any, right: Any) -> bool:
    """Whether both depend on the same letters; `x - x` depends on none once it is simplified, and is asked."""
    if left.free_symbols == right.free_symbols:
        return True
    if not left.free_symbols:
        return False
    sympy: Any = importlib.import_module("sympy")
    try:
        return bool(sympy.simplify(left).free_symbols == sympy.simplify(right).free_symbols)
    except (TypeError, ValueError, AttributeError, NotImplementedError):
        return False


@lru_cache(4096)
def _read(latex: str) -> Any:
    """A sympy object for a whole expression, None where the grammar does not read all of it."""
    bare = latex
    if TEXT in latex or END in latex or _DANGLING.search(latex):
        return None
    bare = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", bare)
    bare = _DEGREE.sub("", _REAL_IMAGINARY.sub("i", bare)).replace(r"\$", "")
    math_verify()  # patches the grammar
    module: Any = importlib.import_module("latex2sympy2_extended.latex2sympy2")
    try:
        expression = module.latex2sympy(
            bare,
            is_real=not _COMPLEX.search(bare),
            convert_degrees=False,
            normalization_config=None,
            conversion_config=module.ConversionConfig(lowercase_symbols=False),
        )
        matrix: Any = importlib.import_module("sympy").MatrixExpr
        return expression.doit().as_mutable() if isinstance(expression, matrix) else expression
    except (OverflowError, MemoryError, RecursionError):
        raise
    except Exception:  # noqa: BLE001  # the grammar raises anything where a text is not in it
        return None
