"""Math-Verify with a memory for the grammar: the same trees and the same verdicts, several times as fast.

Its ANTLR parser, in Python, searches the grammar anew wherever the choice depends on what surrounds it. Here the cheaper search (SLL) goes
first, the full one (LL) only where that fails, and the choices taken are kept: they depend on nothing but the kinds of the tokens, so
`\\frac{\\sqrt{3}}{2}` is read with those of `\\frac{\\sqrt{5}}{7}`. Source: Parr, Harwell and Fisher, "Adaptive LL(*) Parsing", OOPSLA 2014, and the
notes on two-stage parsing in ANTLR's ParserATNSimulator.
"""

import importlib
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

from assay.verifiers.math import fast_reject
from assay.verifiers.math.overflow import explodes

KEPT = 20_000  # token sequences whose choices are kept
LONGEST = 300  # tokens of one; longer ones rarely come twice
_CHOICES: OrderedDict[tuple[int, ...], list[int] | None] = OrderedDict()  # None = no sentence of the grammar


class UnreadableLatex(Exception):
    """Not in the grammar; Math-Verify expects any exception here."""


@lru_cache(1)
def math_verify() -> Any:
    """The `math_verify` module, patched in this process: parser, integers, and what it tries when it compares."""
    module, grader = importlib.import_module("math_verify"), cast(Any, importlib.import_module("math_verify.grader"))
    latex = importlib.import_module("latex2sympy2_extended.latex2sympy2")
    reader = latex._Latex2Sympy
    reader.create_parser = _two_staged(reader.create_parser)
    reader.parse_number = _integers_first(reader.parse_number)
    reader.convert_binom = _binomials_sized()
    grader.sympy_numeric_eq = _sized(grader.sympy_numeric_eq)
    grader.sympy_symbolic_eq = _glanced(fast_reject.expressions, grader.sympy_symbolic_eq)
    grader.sympy_compare_sets = _glanced(fast_reject.sets, grader.sympy_compare_sets)
    return module


def _two_staged(create: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    def create_parser(self: Any, text: str) -> Any:
        parser = create(self, text)
        parser._input.fill()
        kinds = tuple([token.type for token in parser._input.tokens])
        parser.math = lambda: _sentence(kinds, parser, lambda: create(self, text))
        return parser

    return create_parser


def _sentence(kinds: tuple[int, ...], parser: Any, again: Callable[[], Any]) -> Any:
    """The tree of a whole text: by the choices taken before, by SLL, or by LL."""
    start = type(parser).math
    if kinds in _CHOICES:
        _CHOICES.move_to_end(kinds)
        known = _CHOICES[kinds]
        if known is None:
            raise UnreadableLatex
        following = iter(known)
        parser._interp.adaptivePredict = lambda *_: next(following)
        return start(parser)
    choices = _noted(parser)
    parser._interp.predictionMode = importlib.import_module("antlr4.atn.PredictionMode").PredictionMode.SLL
    try:
        tree = start(parser)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  # the listener raises bare ones
        parser = again()
        choices = _noted(parser)
        try:
            tree = start(parser)
        except (MemoryError, RecursionError):
            raise
        except Exception:
            _keep(kinds, None)
            raise
    _keep(kinds, choices)
    return tree


def _noted(parser: Any) -> list[int]:
    """The list that the parser's choices will be appended to."""
    choices: list[int] = []
    predict = parser._interp.adaptivePredict

    def adaptive_predict(*given: Any) -> int:
        choices.append(predict(*given))
        return choices[-1]

    parser._interp.adaptivePredict = adaptive_predict
    return choices


def _keep(kinds: tuple[int, ...], choices: list[int] | None) -> None:
    if len(kinds) <= LONGEST:
        _CHOICES[kinds] = choices
        if len(_CHOICES) > KEPT:
            _CHOICES.popitem(last=False)


def _integers_first(parse: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """Integers without sympy's `parse_expr`, which imports all of sympy's names each time."""
    integer = importlib.import_module("sympy").Integer

    def parse_number(self: Any, text: str) -> Any:
        bare = text.replace(",", "")
        return integer(int(bare)) if bare.isascii() and bare.isdigit() and len(bare) < 300 else parse(self, text)

    return parse_number


def _binomials_sized() -> Callable[[Any, Any], Any]:
    """Binomials worked out while they are read, as ever, but for those that would explode."""
    sympy: Any = importlib.import_module("sympy")

    def convert_binom(self: Any, tree: Any) -> Any:
        parts = self.convert_expr(tree.upper), self.convert_expr(tree.lower)
        bare = sympy.binomial(*parts, evaluate=False)
        return bare if explodes(bare) else sympy.binomial(*parts)

    return convert_binom


def _sized(compare: Callable[..., bool]) -> Callable[..., bool]:
    """As it was, unless evaluating would explode: an OverflowError, which Math-Verify takes for unequal and `evaluate` then tells."""

    def numeric_eq(gold: Any, answer: Any, *places: int) -> bool:
        if explodes(gold) or explodes(answer):
            raise OverflowError("a number of more than a million digits")
        return compare(gold, answer, *places)

    return numeric_eq


def _glanced(apart: Callable[[Any, Any], bool], compare: Callable[..., bool]) -> Callable[..., bool]:
    """Not equal where that is plain; else as it was."""

    def equal(gold: Any, answer: Any, *places: int) -> bool:
        return not apart(gold, answer) and compare(gold, answer, *places)

    return equal
