"""Compare expressions of numbers and letters by algebra.

They are parsed as a whole, plain ones by a reader of our own and the rest by latex2sympy's grammar, and compared by
Math-Verify; what it finds equal is checked by value.
"""

import importlib
import re
from functools import lru_cache
from typing import Any

from assay.verifiers.answers.plain_text import END, TEXT
from assay.verifiers.math.fast_reject import EXPRESSION_TOLERANCE, is_far
from assay.verifiers.math.math_verify_patches import load_math_verify
from assay.verifiers.math.numeric_check import evaluate_at_point, evaluate_difference, values_agree
from assay.verifiers.math.overflow import explodes
from assay.verifiers.math.plain_reader import read_plain

_COMPLEX = re.compile(r"(?<![A-Za-z\\])[ij](?![A-Za-z])")
_LOG = re.compile(r"\\log(?![A-Za-z_])(?!\s*_)")
_NATURAL = re.compile(r"\\log\s*_\s*(?:e|\{\s*e\s*\})(?![A-Za-z])")
_DEGREE = re.compile(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ)")
_DANGLING = re.compile(r"[-+*/^_=<>,]\s*$|\\(?:cdot|times|div)\s*$|'")
_SLOW = ("Sum", "Product", "Integral", "Limit", "Derivative")  # what sympy works out by terms, points or limits
_MOVED = 3  # a letter is tried at a value and at three times as much
_REAL_IMAGINARY = re.compile(r"\\i(?![A-Za-z])")


def compare_latex(gold: str, answer: str) -> tuple[bool, bool]:
    """Return whether two expressions are equal as written, and whether they are leniently.

    Lenient leaves open letters' case and the base of \\log.

    Raises:
        OverflowError, MemoryError, RecursionError: Comparing them explodes.
    """
    if _are_equal(gold, answer):
        return True, True
    lenient = _equal_at_points(gold, answer) or (
        _leaves_open(gold, answer) and _are_equal(_loosen(gold), _loosen(answer))
    )
    return False, lenient


def is_readable(latex: str) -> bool:
    """Return whether the grammar reads an expression to its end."""
    return _parse_latex(latex) is not None


def evaluate_number(latex: str) -> Any:
    """Return an expression's value at 30 digits; None where it holds letters, or cannot be read."""
    expression = _parse_latex(latex)
    sympy: Any = importlib.import_module("sympy")
    if not isinstance(expression, sympy.Expr) or expression.free_symbols:
        return None
    evaluate_difference(expression, sympy.Integer(0))
    try:
        value = expression.evalf(30)
    except (TypeError, ValueError, AttributeError, NotImplementedError):
        return None
    return value if value.is_number and value.is_finite else None


def relation_ratio(gold: tuple[str, str], answer: tuple[str, str]) -> float:
    """Return the constant ratio of the differences of two relations' sides; 0 where there is none."""
    sides = [_parse_latex(side) for side in (*gold, *answer)]
    sympy: Any = importlib.import_module("sympy")
    if not all(isinstance(side, sympy.Expr) for side in sides):
        return 0.0
    left, right = sides[0] - sides[1], sides[2] - sides[3]
    evaluate_difference(left, right)
    if left.free_symbols != right.free_symbols or not left.free_symbols:
        return 0.0
    try:
        factor = sympy.simplify(left / right)
        return float(factor) if factor.is_number and factor.is_finite and not factor.is_zero else 0.0
    except (TypeError, ValueError, AttributeError, NotImplementedError, ZeroDivisionError):
        return 0.0


def _equal_at_points(gold: str, answer: str) -> bool:
    """Return whether two expressions of the same letters have the same values where the letters are positive.

    Three points are tried.
    """
    left, right = _parse_latex(gold), _parse_latex(answer)
    sympy: Any = importlib.import_module("sympy")
    if not (isinstance(left, sympy.Expr) and isinstance(right, sympy.Expr)) or left.free_symbols != right.free_symbols:
        return False
    evaluate_difference(left, right)
    if (difference := (left - right).doit()).is_Rational:
        return bool(difference.is_zero)  # 2^100 + 2 and 2^100 - 2 have the first 30 digits in common
    pairs = [evaluate_at_point(left, right, shift=shift) for shift in (0, 1, 2)]
    return all(pair is not None and abs(pair[0] - pair[1]) <= 1e-20 * max(abs(pair[0]), abs(pair[1])) for pair in pairs)


def _leaves_open(gold: str, answer: str) -> bool:
    """Return whether leaving case and logarithms open changes anything."""
    symbols = gold + answer
    return bool(_LOG.search(symbols)) or any(
        letter.swapcase() in symbols for letter in re.findall(r"(?<![\\A-Za-z])[A-Za-z](?![A-Za-z])", symbols)
    )


def _loosen(latex: str) -> str:
    bare = _LOG.sub(r"\\ln ", latex)
    return re.sub(
        r"\\[A-Za-z]+|[A-Z]",
        lambda match: match.group() if match.group().startswith("\\") else match.group().lower(),
        bare,
    )


def _are_equal(gold: str, answer: str) -> bool:
    left, right = _parse_latex(gold), _parse_latex(answer)
    if left is None or right is None:
        return False
    sympy: Any = importlib.import_module("sympy")
    if isinstance(left, sympy.Expr) != isinstance(right, sympy.Expr) or not _have_same_symbols(left, right):
        return False
    if load_math_verify().verify([left], [right], timeout_seconds=None):
        return values_agree(left, right)
    evaluate_difference(left, right)
    return any(isinstance(side, sympy.Symbol) for side in (left, right)) and bool(sympy.simplify(left - right).is_zero)


def _have_same_symbols(left: Any, right: Any) -> bool:
    """Return whether both depend on the same letters, once they are simplified: `x - x` depends on none."""
    if left.free_symbols == right.free_symbols:
        return True
    if not left.free_symbols or _depends_on_more(left, right) or _depends_on_more(right, left):
        return False
    sympy: Any = importlib.import_module("sympy")
    try:
        return bool(sympy.simplify(left).free_symbols == sympy.simplify(right).free_symbols)
    except (TypeError, ValueError, AttributeError, NotImplementedError):
        return False


def _depends_on_more(expression: Any, other: Any) -> bool:
    """Return whether the value of one expression changes with a letter that the other lacks; False is no promise.

    It spares simplifying both. Sums, integrals and the like may take long to work out and are left to that.
    """
    sympy: Any = importlib.import_module("sympy")
    extra = sorted(expression.free_symbols - other.free_symbols, key=str)
    if not extra or expression.has(*(getattr(sympy, name) for name in _SLOW)) or explodes(expression):
        return False
    try:
        near, far = evaluate_at_point(expression), evaluate_at_point(expression.subs(extra[0], _MOVED * extra[0]))
        return near is not None and far is not None and is_far(near[0], far[0], EXPRESSION_TOLERANCE)
    except (TypeError, ValueError, AttributeError, NotImplementedError):
        return False


@lru_cache(4096)
def _parse_latex(latex: str) -> Any:
    """Parse a whole expression into a sympy object; None where the grammar does not read all of it."""
    bare = latex
    if TEXT in latex or END in latex or _DANGLING.search(latex):
        return None
    bare = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", bare)
    bare = _NATURAL.sub(r"\\ln ", bare)
    bare = _DEGREE.sub("", _REAL_IMAGINARY.sub("i", bare)).replace(r"\$", "")
    is_real = not _COMPLEX.search(bare)
    if (plain := read_plain(bare, is_real=is_real)) is not None:
        return plain
    load_math_verify()  # it patches the grammar
    module: Any = importlib.import_module("latex2sympy2_extended.latex2sympy2")
    try:
        expression = module.latex2sympy(
            bare,
            is_real=is_real,
            convert_degrees=False,
            normalization_config=None,
            conversion_config=module.ConversionConfig(lowercase_symbols=False),
        )
        matrix: Any = importlib.import_module("sympy").MatrixExpr
        return expression.doit().as_mutable() if isinstance(expression, matrix) else expression
    except (OverflowError, MemoryError, RecursionError):
        raise
    except Exception:  # noqa: BLE001  # the grammar raises anything for a text that is not in it
        return None
