"""Expressions read by a grammar of our own: numbers, names, + - * / and powers, brackets, functions of a list. Nothing is evaluated as a program."""

import re
from fractions import Fraction
from typing import NamedTuple

LONGEST = 2_000  # characters
DEEPEST = 40  # nested brackets
DIGITS = 60  # of one number
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))|(?P<name>[A-Za-z]+)|(?P<command>\\[A-Za-z]+)|(?P<mark>\*\*|[-+*/^()\[\]{}=]))",
    re.ASCII,
)
_SAME = str.maketrans({"−": "-", "–": "-", "×": "*", "·": "*", "⋅": "*", "÷": "/", "²": "^2", "³": "^3"})
_COMMANDS = {"times": "*", "cdot": "*", "div": "/"}
_SILENT = ("left", "right")
_FRACTIONS = ("frac", "dfrac", "tfrac")
_CLOSES = {"(": ")", "[": "]", "{": "}"}


class ExpressionNode(NamedTuple):
    """One operation: a number, a name, a function of a name, + - * / ^ of two, or a change of sign."""

    kind: str  # number name call + - * / ^ negative
    value: str | Fraction = ""
    parts: tuple["ExpressionNode", ...] = ()


class NoExpression(ValueError):
    """A text outside the grammar, too long, or nested too deep."""


def read_expression(text: str) -> ExpressionNode:
    """The tree of a text that is one expression as a whole.

    A number before a name or a bracket multiplies it; `^` is a power as `**` is; LaTeX's fractions, roots and products are read.

    Raises:
        NoExpression: it is none.

    >>> read_expression("2x").kind, read_expression("-(3 - 1)").kind
    ('*', 'negative')
    """
    reader = _Reader(_tokens(text))
    tree = reader.sum_of_products(0)
    if reader.next != "":
        raise NoExpression(f"{reader.next!r} stands behind a whole expression")
    return tree


def sides(text: str) -> tuple[str, str]:
    """What stands before and behind the one equals sign of a text; "" behind where there is none."""
    left, _, right = text.partition("=")
    return left, right


def integers(tree: ExpressionNode) -> list[int]:
    """The numbers as written, in order.

    Raises:
        NoExpression: one is no integer.
    """
    if tree.kind == "number":
        value = Fraction(tree.value)
        if value.denominator != 1:
            raise NoExpression(f"{value} is no integer")
        return [int(value)]
    return [number for part in tree.parts for number in integers(part)]


def arithmetic(tree: ExpressionNode) -> Fraction:
    """The value of a tree of numbers, sums, products and quotients; there are no powers, so it is as short as the text.

    Raises:
        NoExpression: a name, a function, a power, or a division by zero.
    """
    if tree.kind == "number":
        return Fraction(tree.value)
    if tree.kind == "negative":
        return -arithmetic(tree.parts[0])
    if tree.kind not in ("+", "-", "*", "/"):
        raise NoExpression(f"{tree.kind} is no arithmetic")
    left, right = (arithmetic(part) for part in tree.parts)
    if tree.kind == "/":
        if right == 0:
            raise NoExpression("division by zero")
        return left / right
    return {"+": left + right, "-": left - right, "*": left * right}[tree.kind]


def _tokens(text: str) -> list[str]:
    if len(text) > LONGEST:
        raise NoExpression(f"{len(text)} characters, at most {LONGEST} are read")
    plain, at, found = text.translate(_SAME).strip(), 0, []
    while at < len(plain):
        match = _TOKEN.match(plain, at)
        if match is None:
            raise NoExpression(f"{plain[at : at + 10]!r} is no part of an expression")
        at = match.end()
        token = match[match.lastgroup or "mark"]
        bare = token[1:] if token[0] == "\\" else ""
        if bare not in _SILENT:
            found.append(_COMMANDS.get(bare, token))
    return found


class _Reader:
    """Walks the tokens once."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.at = tokens, 0

    @property
    def next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1]

    def sum_of_products(self, depth: int) -> ExpressionNode:
        if depth > DEEPEST:
            raise NoExpression(f"nested more than {DEEPEST} deep")
        tree = self.product(depth)
        while self.next in ("+", "-"):
            tree = ExpressionNode(self.take(), "", (tree, self.product(depth)))
        return tree

    def product(self, depth: int) -> ExpressionNode:
        tree = self.signed(depth)
        while True:
            if self.next in ("*", "/"):
                tree = ExpressionNode(self.take(), "", (tree, self.signed(depth)))
            elif (
                self.next
                and (self.next[0].isalpha() or self.next[0] in "\\([{")
                and _multiplies(self.tokens[self.at - 1], self.next)
            ):
                tree = ExpressionNode("*", "", (tree, self.power(depth)))
            else:
                return tree

    def signed(self, depth: int) -> ExpressionNode:
        negative = False
        while self.next in ("+", "-"):
            negative ^= self.take() == "-"
        tree = self.power(depth)
        return ExpressionNode("negative", "", (tree,)) if negative else tree

    def power(self, depth: int) -> ExpressionNode:
        tree = self.atom(depth)
        if self.next in ("^", "**"):
            self.take()
            if depth > DEEPEST:
                raise NoExpression(f"nested more than {DEEPEST} deep")
            return ExpressionNode("^", "", (tree, self.exponent(depth + 1)))
        return tree

    def exponent(self, depth: int) -> ExpressionNode:
        if self.next == "-":
            self.take()
            return ExpressionNode("negative", "", (self.power(depth),))
        return self.power(depth)

    def atom(self, depth: int) -> ExpressionNode:
        if not self.next:
            raise NoExpression("an expression that breaks off")
        token = self.take()
        if token[0].isdigit() or token[0] == ".":
            if len(token) > DIGITS:
                raise NoExpression(f"a number of {len(token)} digits")
            return ExpressionNode("number", Fraction(token.removesuffix(".")))
        if token in _CLOSES:
            return self.group(token, depth)
        name = token.removeprefix("\\")
        if token[0] == "\\" and name in _FRACTIONS:
            return ExpressionNode("/", "", (self.braced(depth), self.braced(depth)))
        if name.isalpha() and self.next in ("(", "{") and len(name) > 1:
            return ExpressionNode("call", name, (self.group(self.take(), depth),))
        if name.isalpha():
            return ExpressionNode("name", name)
        raise NoExpression(f"{token!r} where a number or a name should stand")

    def group(self, opening: str, depth: int) -> ExpressionNode:
        tree = self.sum_of_products(depth + 1)
        if self.next != _CLOSES[opening]:
            raise NoExpression(f"{opening!r} is not closed")
        self.take()
        return tree

    def braced(self, depth: int) -> ExpressionNode:
        if self.next != "{":
            raise NoExpression("a fraction without braces")
        return self.group(self.take(), depth)


def _multiplies(before: str, following: str) -> bool:
    """Whether two neighbours are a product: 2x, 2(x + 1), 2\\frac{1}{2} is a mixed number and none, x(x + 1) a function perhaps."""
    if following.startswith("\\") and following[1:] in _FRACTIONS:
        return before[0].isalpha()
    return (before[-1].isdigit() and following != "{") or (before in (")", "]", "}") and following[0] not in "[{")
