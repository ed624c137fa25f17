"""sympy trees built from expressions that were read here, node by node: sympy is never given text."""

import importlib
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from assay.verifiers.reasoning_gym.expressions import ExpressionNode, NoExpression, read_expression, sides

EXPONENT = 200  # of a number, at most: sympy works such powers out while it builds them
POLYNOMIAL = 1_000  # exponent of anything else, at most
FUNCTIONS = (
    *("sin", "cos", "tan", "sec", "csc", "cot", "asin", "acos", "atan", "acot", "asec", "acsc"),
    *(
        "sinh",
        "cosh",
        "tanh",
        "coth",
        "sech",
        "csch",
        "asinh",
        "acosh",
        "atanh",
        "acoth",
        "exp",
        "log",
        "sqrt",
        "Abs",
        "sign",
        "erf",
        "erfi",
    ),
)
SPELLINGS = {
    "ln": "log",
    "abs": "Abs",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arsinh": "asinh",
    "arcosh": "acosh",
    "artanh": "atanh",
}
CONSTANTS = {"pi": "pi", "E": "E", "e": "E"}


def antiderivative(answer: str, integrand: str, variable: str) -> bool:
    """Whether an answer's derivative is the integrand; other names in it, such as C, are constants.

    Raises:
        NoExpression: the integrand is none.
    """
    sympy: Any = importlib.import_module("sympy")
    target = read_expression(integrand)
    try:
        tree = read_expression(_right_side(answer))
        if "Abs" in _called(tree):  # its derivative is simple where the sign is known
            return all(
                _derived(tree, target, sympy.Symbol(variable, **{sign: True})) for sign in ("positive", "negative")
            )
        return _derived(tree, target, sympy.Symbol(variable))
    except NoExpression:
        return False


def _derived(tree: ExpressionNode, target: ExpressionNode, symbol: Any) -> bool:
    sympy: Any = importlib.import_module("sympy")
    known = {symbol.name: symbol}
    return bool(sympy.simplify(sympy.diff(_built(tree, known), symbol) - _built(target, known)) == 0)


def same_form(answer: str, gold: str) -> bool:
    """Whether two polynomials are the same, multiplied out alike; sums and products may be in any order.

    Raises:
        NoExpression: the gold answer is none.
    """
    target = _built(read_expression(gold), {})
    try:
        return bool(_built(read_expression(_right_side(answer)), {}) == target)
    except NoExpression:
        return False


def _right_side(answer: str) -> str:
    """What stands behind `F(x) =`, or the whole."""
    left, right = sides(answer)
    return right if right.strip() else left


def _called(tree: ExpressionNode) -> set[str]:
    own = {SPELLINGS.get(str(tree.value), str(tree.value))} if tree.kind == "call" else set()
    return own.union(*(_called(part) for part in tree.parts))


def _built(tree: ExpressionNode, known: Mapping[str, Any]) -> Any:
    """The sympy tree; names that are not known are symbols, or constants where nothing else has their name."""
    sympy: Any = importlib.import_module("sympy")
    if tree.kind == "number":
        value = Fraction(tree.value)
        return sympy.Rational(value.numerator, value.denominator)
    if tree.kind == "name":
        return _named(str(tree.value), known)
    parts = [_built(part, known) for part in tree.parts]
    if tree.kind == "call":
        return _function(str(tree.value))(*parts)
    if tree.kind == "^":
        return _power(*parts)
    if tree.kind == "negative":
        return -parts[0]
    if tree.kind == "/" and parts[1] == 0:
        raise NoExpression("division by zero")
    left, right = parts
    return {"+": sympy.Add, "-": lambda a, b: a - b, "*": sympy.Mul, "/": lambda a, b: a / b}[tree.kind](left, right)


def _named(name: str, known: Mapping[str, Any]) -> Any:
    sympy: Any = importlib.import_module("sympy")
    if name in known:
        return known[name]
    if known and name in CONSTANTS:
        return getattr(sympy, CONSTANTS[name])
    return sympy.Symbol(name)


def _function(name: str) -> Any:
    sympy: Any = importlib.import_module("sympy")
    spelled = SPELLINGS.get(name, name)
    if spelled not in FUNCTIONS:
        raise NoExpression(f"{name!r} is no function that is read")
    return getattr(sympy, spelled)


def _power(base: Any, exponent: Any) -> Any:
    if exponent.is_number:
        most = EXPONENT if base.is_number else POLYNOMIAL
        if not exponent.is_Rational or abs(exponent.p) > most or exponent.q > most:
            raise NoExpression("an exponent too large to work out")
    return base**exponent
