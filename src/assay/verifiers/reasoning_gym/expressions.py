"""Parse expressions by a grammar of our own, without evaluating anything as a program.

The grammar has numbers, names, + - * / and powers, brackets, and functions of one argument.
"""

import re
from fractions import Fraction
from typing import NamedTuple

MAX_CHARS = 2_000  # characters
MAX_DEPTH = 40  # nested brackets
MAX_DIGITS = 60  # of one number
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))|(?P<name>[A-Za-z]+)"
    r"|(?P<command>\\[A-Za-z]+)|(?P<mark>\*\*|[-+*/^()\[\]{}=]))",
    re.ASCII,
)
_SPELLINGS = str.maketrans({"−": "-", "–": "-", "×": "*", "·": "*", "⋅": "*", "÷": "/", "²": "^2", "³": "^3"})
_COMMANDS = {"times": "*", "cdot": "*", "div": "/"}
_IGNORED_COMMANDS = ("left", "right")
_FRACTIONS = ("frac", "dfrac", "tfrac")
_CLOSING = {"(": ")", "[": "]", "{": "}"}


class ExpressionNode(NamedTuple):
    """One operation: a number, a name, a call of a function, one of + - * / ^ on two operands, or a change of sign."""

    kind: str  # one of: number name call + - * / ^ negative
    value: str | Fraction = ""
    parts: tuple["ExpressionNode", ...] = ()


class ExpressionError(ValueError):
    """A text outside the grammar, too long, or nested too deep."""


def read_expression(text: str) -> ExpressionNode:
    """Parse a text that is one expression as a whole.

    A number before a name or a bracket multiplies it. `^` is a power, as `**` is. LaTeX's fractions and products are
    read.

    Raises:
        ExpressionError: The text is not an expression.

    >>> read_expression("2x").kind, read_expression("-(3 - 1)").kind
    ('*', 'negative')
    """
    parser = _Parser(_tokenize(text))
    tree = parser.parse_sum(0)
    if parser.next_token != "":
        raise ExpressionError(f"{parser.next_token!r} stands behind a whole expression")
    return tree


def split_equation(text: str) -> tuple[str, str]:
    """Split a text at its first equals sign; the right side is "" where there is none."""
    left, _, right = text.partition("=")
    return left, right


def list_integers(tree: ExpressionNode) -> list[int]:
    """List the numbers of an expression as written, in order.

    Raises:
        ExpressionError: One of them is not an integer.
    """
    if tree.kind == "number":
        value = Fraction(tree.value)
        if value.denominator != 1:
            raise ExpressionError(f"{value} is no integer")
        return [int(value)]
    return [number for part in tree.parts for number in list_integers(part)]


def evaluate_arithmetic(tree: ExpressionNode) -> Fraction:
    """Evaluate a tree of numbers, sums, products and quotients; without powers the result is about as long as the text.

    Raises:
        ExpressionError: The tree has a name, a function, a power, or a division by zero.
    """
    if tree.kind == "number":
        return Fraction(tree.value)
    if tree.kind == "negative":
        return -evaluate_arithmetic(tree.parts[0])
    if tree.kind not in ("+", "-", "*", "/"):
        raise ExpressionError(f"{tree.kind} is no arithmetic")
    left, right = (evaluate_arithmetic(part) for part in tree.parts)
    if tree.kind == "/":
        if right == 0:
            raise ExpressionError("division by zero")
        return left / right
    return {"+": left + right, "-": left - right, "*": left * right}[tree.kind]


def _tokenize(text: str) -> list[str]:
    if len(text) > MAX_CHARS:
        raise ExpressionError(f"{len(text)} characters, at most {MAX_CHARS} are read")
    normalized, position, tokens = text.translate(_SPELLINGS).strip(), 0, []
    while position < len(normalized):
        match = _TOKEN.match(normalized, position)
        if match is None:
            raise ExpressionError(f"{normalized[position : position + 10]!r} is no part of an expression")
        position = match.end()
        token = match[match.lastgroup or "mark"]
        bare = token[1:] if token[0] == "\\" else ""
        if bare not in _IGNORED_COMMANDS:
            tokens.append(_COMMANDS.get(bare, token))
    return tokens


class _Parser:
    """A recursive-descent parser that goes through the tokens once."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.position = tokens, 0

    @property
    def next_token(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def take_token(self) -> str:
        self.position += 1
        return self.tokens[self.position - 1]

    def parse_sum(self, depth: int) -> ExpressionNode:
        if depth > MAX_DEPTH:
            raise ExpressionError(f"nested more than {MAX_DEPTH} deep")
        tree = self.parse_product(depth)
        while self.next_token in ("+", "-"):
            tree = ExpressionNode(self.take_token(), "", (tree, self.parse_product(depth)))
        return tree

    def parse_product(self, depth: int) -> ExpressionNode:
        tree = self.parse_signed(depth)
        while True:
            if self.next_token in ("*", "/"):
                tree = ExpressionNode(self.take_token(), "", (tree, self.parse_signed(depth)))
            elif (
                self.next_token
                and (self.next_token[0].isalpha() or self.next_token[0] in "\\([{")
                and _is_product(self.tokens[self.position - 1], self.next_token)
            ):
                tree = ExpressionNode("*", "", (tree, self.parse_power(depth)))
            else:
                return tree

    def parse_signed(self, depth: int) -> ExpressionNode:
        negative = False
        while self.next_token in ("+", "-"):
            negative ^= self.take_token() == "-"
        tree = self.parse_power(depth)
        return ExpressionNode("negative", "", (tree,)) if negative else tree

    def parse_power(self, depth: int) -> ExpressionNode:
        tree = self.parse_atom(depth)
        if self.next_token in ("^", "**"):
            self.take_token()
            if depth > MAX_DEPTH:
                raise ExpressionError(f"nested more than {MAX_DEPTH} deep")
            return ExpressionNode("^", "", (tree, self.parse_exponent(depth + 1)))
        return tree

    def parse_exponent(self, depth: int) -> ExpressionNode:
        if self.next_token == "-":
            self.take_token()
            return ExpressionNode("negative", "", (self.parse_power(depth),))
        return self.parse_power(depth)

    def parse_atom(self, depth: int) -> ExpressionNode:
        if not self.next_token:
            raise ExpressionError("an expression that breaks off")
        token = self.take_token()
        if token[0].isdigit() or token[0] == ".":
            if len(token) > MAX_DIGITS:
                raise ExpressionError(f"a number of {len(token)} digits")
            return ExpressionNode("number", Fraction(token.removesuffix(".")))
        if token in _CLOSING:
            return self.parse_group(token, depth)
        name = token.removeprefix("\\")
        if token[0] == "\\" and name in _FRACTIONS:
            return ExpressionNode("/", "", (self.parse_braces(depth), self.parse_braces(depth)))
        if name.isalpha() and self.next_token in ("(", "{") and len(name) > 1:
            return ExpressionNode("call", name, (self.parse_group(self.take_token(), depth),))
        if name.isalpha():
            return ExpressionNode("name", name)
        raise ExpressionError(f"{token!r} where a number or a name should stand")

    def parse_group(self, opening: str, depth: int) -> ExpressionNode:
        tree = self.parse_sum(depth + 1)
        if self.next_token != _CLOSING[opening]:
            raise ExpressionError(f"{opening!r} is not closed")
        self.take_token()
        return tree

    def parse_braces(self, depth: int) -> ExpressionNode:
        if self.next_token != "{":
            raise ExpressionError("a fraction without braces")
        return self.parse_group(self.take_token(), depth)


def _is_product(previous: str, following: str) -> bool:
    """Return whether two neighbouring tokens are a product.

    2x and 2(x + 1) are; 2\\frac{1}{2} is a mixed number and is not; x(x + 1) may be a function and is not.
    """
    if following.startswith("\\") and following[1:] in _FRACTIONS:
        return previous[0].isalpha()
    return (previous[-1].isdigit() and following != "{") or (previous in (")", "]", "}") and following[0] not in "[{")
