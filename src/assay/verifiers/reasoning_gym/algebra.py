"""Build sympy trees, node by node, from expressions that were parsed here: sympy is never given text."""

import importlib
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from assay.verifiers.reasoning_gym.expressions import ExpressionError, ExpressionNode, read_expression, split_equation

MAX_NUMBER_EXPONENT = 200  # of a number: sympy evaluates such powers while it builds them
MAX_EXPONENT = 1_000  # of anything else
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


def is_antiderivative(answer: str, integrand: str, variable: str) -> bool:
    """Return whether the derivative of an answer is the integrand; other names in the answer, such as C, are constants.

    Args:
        answer: An expression, or an equation such as `F(x) = ...`.
        integrand: The expression to be integrated.
        variable: The name of the integration variable.

    Raises:
        ExpressionError: The integrand is not an expression.
    """
    sympy: Any = importlib.import_module("sympy")
    target = read_expression(integrand)
    try:
        tree = read_expression(_take_right_side(answer))
        if "Abs" in _function_names(tree):  # its derivative is simple once the sign is known
            return all(
                _derivative_matches(tree, target, sympy.Symbol(variable, **{sign: True}))
                for sign in ("positive", "negative")
            )
        return _derivative_matches(tree, target, sympy.Symbol(variable))
    except ExpressionError:
        return False


def _derivative_matches(tree: ExpressionNode, target: ExpressionNode, symbol: Any) -> bool:
    sympy: Any = importlib.import_module("sympy")
    symbols = {symbol.name: symbol}
    return bool(sympy.simplify(sympy.diff(_build(tree, symbols), symbol) - _build(target, symbols)) == 0)


def is_same_polynomial(answer: str, gold: str) -> bool:
    """Return whether two polynomials are multiplied out alike; sums and products may stand in any order.

    Raises:
        ExpressionError: The gold answer is not an expression.
    """
    target = _build(read_expression(gold), {})
    try:
        return bool(_build(read_expression(_take_right_side(answer)), {}) == target)
    except ExpressionError:
        return False


def _take_right_side(answer: str) -> str:
    """Return what follows `F(x) =`, or the whole text."""
    left, right = split_equation(answer)
    return right if right.strip() else left


def _function_names(tree: ExpressionNode) -> set[str]:
    names = {SPELLINGS.get(str(tree.value), str(tree.value))} if tree.kind == "call" else set()
    return names.union(*(_function_names(part) for part in tree.parts))


def _build(tree: ExpressionNode, symbols: Mapping[str, Any]) -> Any:
    """Build the sympy tree; a name without a symbol becomes one, or a constant where nothing else has its name."""
    sympy: Any = importlib.import_module("sympy")
    if tree.kind == "number":
        value = Fraction(tree.value)
        return sympy.Rational(value.numerator, value.denominator)
    if tree.kind == "name":
        return _resolve_name(str(tree.value), symbols)
    parts = [_build(part, symbols) for part in tree.parts]
    if tree.kind == "call":
        return _resolve_function(str(tree.value))(*parts)
    if tree.kind == "^":
        return _raise_power(*parts)
    if tree.kind == "negative":
        return -parts[0]
    if tree.kind == "/" and parts[1] == 0:
        raise ExpressionError("division by zero")
    left, right = parts
    return {"+": sympy.Add, "-": lambda a, b: a - b, "*": sympy.Mul, "/": lambda a, b: a / b}[tree.kind](left, right)


def _resolve_name(name: str, symbols: Mapping[str, Any]) -> Any:
    sympy: Any = importlib.import_module("sympy")
    if name in symbols:
        return symbols[name]
    if symbols and name in CONSTANTS:
        return getattr(sympy, CONSTANTS[name])
    return sympy.Symbol(name)


def _resolve_function(name: str) -> Any:
    sympy: Any = importlib.import_module("sympy")
    spelled = SPELLINGS.get(name, name)
    if spelled not in FUNCTIONS:
        raise ExpressionError(f"{name!r} is not a known function")
    return getattr(sympy, spelled)


def _raise_power(base: Any, exponent: Any) -> Any:
    if exponent.is_number:
        max_exponent = MAX_NUMBER_EXPONENT if base.is_number else MAX_EXPONENT
        if not exponent.is_Rational or abs(exponent.p) > max_exponent or exponent.q > max_exponent:
            raise ExpressionError("an exponent too large to work out")
    return base**exponent
