r"""Read plain expressions into the trees that latex2sympy's grammar makes of them, some ten times as fast.

ANTLR's parser and lexer are Python, and most of what an answer costs in algebra. Nearly all answers are plain: numbers,
letters, signs, `\frac`, `\sqrt`, powers, brackets, functions, one matrix. For these the grammar leaves one reading,
which a table of tokens and recursive descent find at once; the nodes are built by the same calls as
latex2sympy2_extended's converter. What is not plain, or may be read in two ways, is None here and left to the grammar:
`f(x)`, `dx`, `x^{a^b}c` with two carets in a row, names such as `tr` and `gcd`, lists and relations, sums and
integrals.

Source: `PS.g4` and `latex2sympy2.py` of latex2sympy2_extended 1.11.
"""

import importlib
import re
from functools import lru_cache
from typing import Any

MAX_TOKENS = 400
_PIECE = re.compile(
    r"[ \t\r\n]+|\\[,:;!]|(?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)|(?P<command>\\(?:begin|end)\{[pb]?matrix\}|\\[A-Za-z]+|\\\\)"
    r"|(?P<letters>[A-Za-z]+)|(?P<sign>[-+*/^_!(){}\[\]&])"
)
_DIFFERENTIAL = re.compile(r"d[ \t\r\n]*(?:[A-Za-z]|\\[A-Za-z])")
_NAMES = re.compile(
    r"ar[c]?(?:sin|cos|tan)h|gcd|lcm|floor|ceil|eye|zeros|ones|cols|rows|diag|norm|rank|tr|rref|[hv]stack|orth"
    r"|nullspace|eig|svd|SVD|matrix"
)
_SIGNS = {r"\cdot": "*", r"\times": "*", r"\div": "/"}
_FRACTIONS = frozenset((r"\frac", r"\dfrac", r"\tfrac", r"\cfrac"))
_TRIGONOMETRIC = ("sin", "cos", "tan", "csc", "sec", "cot")
_FUNCTIONS = frozenset(f"\\{name}" for name in (*_TRIGONOMETRIC, "log", "ln", "exp", "arcsin", "arccos", "arctan"))
_GREEK = frozenset(
    f"\\{name}"
    for name in re.findall(
        r"\w+",
        "alpha beta delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega"
        " Delta Theta Lambda Xi Pi Sigma Phi Psi Omega",
    )
)
_OPENING = {"(": ")", "{": "}"}
_ENDS = frozenset(("+", "-", ")", "}", "]", "&", r"\\", r"\end{matrix}", ""))  # what ends a product


def read_plain(latex: str, *, is_real: bool) -> Any:
    r"""Return the sympy tree of a plain expression; None where the grammar is to read it.

    Args:
        latex: An expression without lists, relations and units.
        is_real: Whether its letters stand for real numbers.

    >>> read_plain(r"\frac{\sqrt{3}}{2} - x^{2}", is_real=True)
    -x**2 + sqrt(3)/2
    >>> read_plain("f(x)", is_real=True), read_plain("x = 1", is_real=True)
    (None, None)
    """
    try:
        tokens = _split_tokens(latex)
        reader = _PlainReader(tokens, is_real=is_real)
        tree = reader.read_matrix() if tokens[0].startswith(r"\begin") else reader.read_sum()
    except (_NotPlain, RecursionError):
        return None
    return tree if reader.next_token == "" else None


class _NotPlain(Exception):
    """Something that is left to the grammar."""


def _split_tokens(latex: str) -> list[str]:
    """Split a text into the grammar's tokens."""
    tokens: list[str] = []
    position = 0
    while position < len(latex):
        piece = _PIECE.match(latex, position)
        if piece is None:
            raise _NotPlain
        position = piece.end()
        if piece.lastgroup == "letters":
            tokens.extend(_split_letters(latex, piece))
        elif piece.lastgroup:
            tokens.append(_SIGNS.get(piece.group(), piece.group()))
    if not tokens or len(tokens) > MAX_TOKENS or _is_enclosed(tokens):
        raise _NotPlain
    return tokens


def _split_letters(latex: str, piece: re.Match[str]) -> str:
    """Return letters that are one token each."""
    letters = piece.group()
    differential = latex.find("d", piece.start(), piece.end())
    while differential >= 0:
        if _DIFFERENTIAL.match(latex, differential):
            raise _NotPlain
        differential = latex.find("d", differential + 1, piece.end())
    is_exponent = letters[0] == "E" and latex[piece.start() - 1 : piece.start()].isdigit()
    if is_exponent or (len(letters) > 1 and _NAMES.search(letters)):
        raise _NotPlain
    return letters


def _is_enclosed(tokens: list[str]) -> bool:
    """Return whether a whole text may be a tuple or a set: it begins with a bracket that is closed by its end."""
    if tokens[0] not in "({[":
        return False
    depth = 0
    for index, token in enumerate(tokens):
        depth += (token in "({[") - (token in ")}]")
        if depth == 0:
            return tokens[0] != "(" or index == len(tokens) - 1
    return True


class _PlainReader:
    """A recursive-descent reader of tokens."""

    def __init__(self, tokens: list[str], *, is_real: bool) -> None:
        self.tokens, self.position, self.is_real = [*tokens, ""], 0, is_real
        self.sympy: Any = importlib.import_module("sympy")

    def read_matrix(self) -> Any:
        """Read a matrix that is the whole text."""
        end = self.take_token().replace("begin", "end")
        rows: list[list[Any]] = [[]]
        while True:
            rows[-1].append(self.read_sum())
            token = self.take_token()
            if token == r"\\" and self.next_token != end:
                rows.append([])
            elif token == end or (token == r"\\" and self.take_token() == end):
                return self.sympy.Matrix(rows)
            elif token not in ("&", r"\\"):
                raise _NotPlain

    def read_sum(self) -> Any:
        """Read a sum, up to what closes it or the end."""
        total = self.read_product()
        while (sign := self.next_token) in ("+", "-"):
            self.take_token()
            term = self.read_product()
            if sign == "-":
                term = -term if term.func.is_Number else self.multiply(-1, term)
            total = self.combine(self.sympy.Add, "is_Add", total, term)
        return total

    def read_product(self) -> Any:
        """Read operands with signs of multiplication and division between them."""
        value = self.read_signed()
        while (sign := self.next_token) in ("*", "/"):
            self.take_token()
            operand = self.read_signed()
            value = self.multiply(value, operand) if sign == "*" else self.divide(value, operand)
        if self.next_token not in _ENDS and not self.next_token.startswith(r"\end"):
            raise _NotPlain
        return value

    def read_signed(self) -> Any:
        """Read factors side by side, with a sign before them."""
        if self.next_token in ("+", "-"):
            sign, operand = self.take_token(), self.read_signed()
            if sign == "+":
                return operand
            return -operand if operand.func.is_Number or operand.is_Number else self.multiply(-1, operand)
        factors = [self.read_factor()]
        while self.begins_factor():
            factors.append(self.read_factor())
        return self.join_factors(factors)

    def join_factors(self, factors: list[Any]) -> Any:
        """Multiply factors from the right; an integer before a positive fraction is a mixed number."""
        value = factors[-1]
        for factor in reversed(factors[:-1]):
            if factor.is_Integer and value.is_Rational and value.p > 0 and value.q > 0:
                whole = factor * value.q
                value = self.sympy.Rational(whole - value.p if factor < 0 else whole + value.p, value.q)
            else:
                value = self.multiply(factor, value)
        return value

    def begins_factor(self) -> bool:
        token = self.next_token
        return token in ("(", "{") or token[:1].isalnum() or token[:1] == "." or token in _COMMANDS

    def read_factor(self) -> Any:
        """Read one operand with its exponent and factorials."""
        token = self.next_token
        if token in _FUNCTIONS:
            return self.read_function()
        base = self.read_operand()
        is_symbol = token in _GREEK or (token.isalpha() and token.isascii() and token != "e")
        if self.next_token == "^":
            exponent = self.read_exponent()
            base = self.sympy.exp(exponent) if token == "e" else self.sympy.Pow(base, exponent, evaluate=False)
        if is_symbol and self.next_token in ("(", "{", "["):
            self.refuse_call()
        while self.next_token == "!":
            self.take_token()
            base = self.sympy.factorial(base, evaluate=False)
        if self.next_token in ("^", "_"):
            raise _NotPlain
        return base

    def refuse_call(self) -> None:
        """Refuse a letter before a bracket that may be a function's name: no place for a sum."""
        if self.next_token != "(":
            raise _NotPlain
        depth = 0
        for index in range(self.position, len(self.tokens)):
            token = self.tokens[index]
            depth += (token in ("(", "{", "[")) - (token in (")", "}", "]"))
            if depth == 1 and token in ("+", "-"):
                return
            if depth == 0:
                break
        raise _NotPlain

    def read_operand(self) -> Any:
        """Read a number, a letter, a bracket, a fraction or a root."""
        token = self.take_token()
        if token in _OPENING:
            return self.close(self.read_sum(), _OPENING[token])
        if token[:1].isdigit() or token[:1] == ".":
            return _read_number(token)
        if token == "e":
            return self.sympy.E
        if token in _GREEK or (token.isalpha() and token.isascii()):
            return self.read_symbol(token)
        if token in _FRACTIONS:
            upper = self.read_group()
            return self.divide(upper, self.read_group())
        if token == r"\sqrt":
            if self.next_token == "[":
                self.take_token()
                degree = self.close(self.read_sum(), "]")
                return self.sympy.Pow(self.read_group(), 1 / degree, evaluate=False)
            return self.sympy.Pow(self.read_group(), self.sympy.S.Half, evaluate=False)
        raise _NotPlain

    def read_symbol(self, token: str) -> Any:
        """Read a letter with a subscript that is one number or letter."""
        if token == "I":
            if self.next_token in ("^", "_"):
                raise _NotPlain  # the converter leaves the exponent out
            return self.sympy.I
        name = token.removeprefix("\\")
        if self.next_token == "_":
            if token == "E":
                raise _NotPlain
            self.take_token()
            subscript = self.read_subscript()
            name += f"_{{{subscript}}}" if len(subscript) > 1 else f"_{subscript}"
        return _make_symbol(name, self.is_real)

    def read_subscript(self) -> str:
        braced = self.next_token == "{"
        if braced:
            self.take_token()
        token = self.take_token()
        if not (token[:1].isdigit() or (braced and token.isalpha() and token.isascii() and token not in "eE")):
            raise _NotPlain
        return self.close(token, "}") if braced else token

    def read_exponent(self) -> Any:
        """Read what stands behind a caret: a number, a letter, or a sum in braces."""
        self.take_token()
        token = self.next_token
        if token == "{":
            if self.tokens[self.position + 1] == "T":
                raise _NotPlain  # the transpose
            return self.read_group()
        if (
            token not in _GREEK and not (token[:1].isdigit() or (token.isalpha() and token.isascii()))
        ) or token in "eET":
            raise _NotPlain
        if self.tokens[self.position + 1] == "_":
            raise _NotPlain  # whose subscript it is
        exponent = self.read_operand()
        if self.next_token in ("^", "_"):
            raise _NotPlain
        return exponent

    def read_function(self) -> Any:
        """Read a function with its base or exponent and its operand."""
        name, base, power = self.take_token()[1:], None, None
        if self.next_token == "_" and name == "log":
            self.take_token()
            base = self.read_group() if self.next_token == "{" else _read_number(self.take_token())
        elif self.next_token == "^":
            power = self.read_exponent()
        operand = self.read_argument()
        if self.next_token in ("*", "/", "^", "_", "!"):
            raise _NotPlain
        return self.apply_function(name, base, power, operand)

    def read_argument(self) -> Any:
        """Read an operand in brackets that end the product, or factors up to a sign, a root or another function."""
        if self.next_token == "(":
            operand = self.read_operand()
            if self.next_token not in _ENDS:
                raise _NotPlain
            return operand
        factors = [self.read_argument_factor()]
        while self.begins_factor() and self.next_token not in _FUNCTIONS and self.next_token != r"\sqrt":
            factors.append(self.read_argument_factor())
        return self.join_factors(factors)

    def read_argument_factor(self) -> Any:
        if self.next_token == "e" or self.next_token in _FUNCTIONS or not self.begins_factor():
            raise _NotPlain
        return self.read_factor()

    def apply_function(self, name: str, base: Any, power: Any, operand: Any) -> Any:
        """Build the node of a function, unevaluated."""
        if name in ("log", "ln"):
            if base is None:
                base = 10 if name == "log" else self.sympy.E
            value = self.sympy.log(operand, base, evaluate=False)
        else:
            if name in _TRIGONOMETRIC and power == -1:
                name, power = f"a{name}", None
            value = getattr(self.sympy, name.replace("arc", "a"))(operand, evaluate=False)
        return self.sympy.Pow(value, power, evaluate=False) if power else value

    def read_group(self) -> Any:
        if self.take_token() != "{":
            raise _NotPlain
        return self.close(self.read_sum(), "}")

    def close(self, value: Any, closing: str) -> Any:
        if self.take_token() != closing:
            raise _NotPlain
        return value

    def multiply(self, left: Any, right: Any) -> Any:
        return self.combine(self.sympy.Mul, "is_Mul", left, right)

    def combine(self, node: Any, flag: str, left: Any, right: Any) -> Any:
        """Build a sum or product, unevaluated; one in it is flattened."""
        sides = [list(side.args) if getattr(side, flag, False) else [side] for side in (left, right)]
        return node(*sides[0], *sides[1], evaluate=False)

    def divide(self, left: Any, right: Any) -> Any:
        if left.is_Integer and right.is_Integer:
            return self.sympy.Rational(left, right)
        return self.sympy.Mul(left, self.sympy.Pow(right, -1, evaluate=False), evaluate=False)

    @property
    def next_token(self) -> str:
        return self.tokens[self.position]

    def take_token(self) -> str:
        token = self.tokens[self.position]
        if not token:
            raise _NotPlain
        self.position += 1
        return token


_COMMANDS = _FUNCTIONS | _GREEK | _FRACTIONS | {r"\sqrt"}  # what may begin a factor


@lru_cache(4096)
def _make_symbol(name: str, is_real: bool) -> Any:
    sympy: Any = importlib.import_module("sympy")
    return sympy.S.Pi if name == "pi" else sympy.Symbol(name, real=is_real)


@lru_cache(4096)
def _read_number(text: str) -> Any:
    sympy: Any = importlib.import_module("sympy")
    if text.isdigit() and len(text) < 300:
        return sympy.Integer(int(text))
    if not re.fullmatch(r"[0-9]*\.[0-9]+", text):
        raise _NotPlain
    return sympy.Number(text)
