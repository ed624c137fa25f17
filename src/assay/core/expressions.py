"""Small expressions over the columns of a row, as a user writes them on the command line: `acc == 1 and reward > 0.5`.

Only comparisons, `and`, `or`, `not`, arithmetic, numbers, texts and column names are read; nothing is called.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from assay.core.errors import ConfigError, suggest_names

_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
_LIMIT = 1_000  # characters of an expression


def parse_expression(text: str) -> Callable[[Mapping[str, Any]], bool]:
    """Read an expression, and return the function that says whether it is true of a row.

    The function raises ConfigError for a column that a row lacks, and TypeError or ZeroDivisionError where the values
    do not fit the operators.

    Raises:
        ConfigError: the text is no such expression.

    >>> parse_expression("acc == 1 and 0 < reward <= 1")({"acc": 1.0, "reward": 0.5})
    True
    """
    try:
        tree = ast.parse(text.strip(), mode="eval") if len(text) <= _LIMIT else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None
    if tree is None:
        raise ConfigError(f"{text[:80]!r} is not an expression such as 'reward > 0.5' or 'acc == 1 and reward > 0'")
    _check(tree.body, text)
    return lambda row: bool(_value(tree.body, row))


def _check(node: ast.expr, text: str) -> None:
    node_types = (ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Compare, ast.Name, ast.Constant, ast.Tuple, ast.List)
    for part in ast.walk(node):
        if isinstance(part, ast.expr) and not isinstance(part, node_types):
            raise ConfigError(f"{text[:80]!r}: {type(part).__name__.lower()} is not allowed in an expression")
        if isinstance(part, ast.BinOp) and type(part.op) not in _OPERATORS:
            raise ConfigError(f"{text[:80]!r}: {type(part.op).__name__.lower()} is not allowed in an expression")


def _value(node: ast.expr, row: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            if name not in row:
                raise ConfigError(f"no column {name!r}; {suggest_names(name, list(row))}")
            return row[name]
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return [_value(item, row) for item in items]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand, row)
        case ast.UnaryOp(op=sign, operand=operand):
            return -_value(operand, row) if isinstance(sign, ast.USub) else +_value(operand, row)
        case ast.BoolOp(op=joint, values=values):
            return (all if isinstance(joint, ast.And) else any)(_value(value, row) for value in values)
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_value(left, row), _value(right, row))
        case ast.Compare(left=left, ops=ops, comparators=others):
            values = [_value(left, row), *(_value(other, row) for other in others)]
            return all(_compare(op, *pair) for op, *pair in zip(ops, values, values[1:], strict=False))
    raise ConfigError(f"{type(node).__name__.lower()} is not allowed in an expression")


def _compare(op: ast.cmpop, left: Any, right: Any) -> Any:
    if isinstance(op, ast.Is | ast.IsNot):
        return (left is right) is isinstance(op, ast.Is)
    return _OPERATORS[type(op)](left, right)
