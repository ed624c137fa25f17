"""Patch Math-Verify: the same trees and the same verdicts, several times as fast.

Its ANTLR parser, in Python, searches the grammar anew wherever a choice depends on the context. Here the cheaper search
(SLL) goes first, the full one (LL) only where that fails, and the choices are kept: they depend on the types of the
tokens only, so `\\frac{\\sqrt{3}}{2}` is parsed with those of `\\frac{\\sqrt{5}}{7}`. Source: Parr, Harwell and Fisher,
"Adaptive LL(*) Parsing", OOPSLA 2014, and the notes on two-stage parsing in ANTLR's ParserATNSimulator.
"""

import importlib
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

from assay.verifiers.math import fast_reject
from assay.verifiers.math.overflow import explodes

MAX_SEQUENCES = 20_000  # of tokens, whose choices are kept
MAX_TOKENS = 300  # of a kept sequence; longer ones rarely come twice
_CHOICES: OrderedDict[tuple[int, ...], list[int] | None] = OrderedDict()  # None = not in the grammar


class UnreadableLatex(Exception):
    """A text outside the grammar; Math-Verify expects any exception here."""


@lru_cache(1)
def load_math_verify() -> Any:
    """Import and patch `math_verify` in this process: its parser, its integers, and what it tries when it compares."""
    module, grader = importlib.import_module("math_verify"), cast(Any, importlib.import_module("math_verify.grader"))
    latex = importlib.import_module("latex2sympy2_extended.latex2sympy2")
    reader = latex._Latex2Sympy
    reader.create_parser = _patch_parser(reader.create_parser)
    reader.parse_number = _patch_integers(reader.parse_number)
    reader.convert_binom = _patch_binomials()
    grader.sympy_numeric_eq = _refuse_overflow(grader.sympy_numeric_eq)
    grader.sympy_symbolic_eq = _reject_early(fast_reject.expressions_differ, grader.sympy_symbolic_eq)
    grader.sympy_compare_sets = _reject_early(fast_reject.sets_differ, grader.sympy_compare_sets)
    return module


def _patch_parser(create: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    def create_parser(self: Any, text: str) -> Any:
        parser = create(self, text)
        parser._input.fill()
        token_types = tuple([token.type for token in parser._input.tokens])
        parser.math = lambda: _parse_sentence(token_types, parser, lambda: create(self, text))
        return parser

    return create_parser


def _parse_sentence(token_types: tuple[int, ...], parser: Any, create_again: Callable[[], Any]) -> Any:
    """Parse a whole text: by the choices taken before, by SLL, or by LL."""
    start = type(parser).math
    if token_types in _CHOICES:
        _CHOICES.move_to_end(token_types)
        choices_before = _CHOICES[token_types]
        if choices_before is None:
            raise UnreadableLatex
        following = iter(choices_before)
        parser._interp.adaptivePredict = lambda *_: next(following)
        return start(parser)
    choices = _record_choices(parser)
    parser._interp.predictionMode = importlib.import_module("antlr4.atn.PredictionMode").PredictionMode.SLL
    try:
        tree = start(parser)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  # the listener raises bare ones
        parser = create_again()
        choices = _record_choices(parser)
        try:
            tree = start(parser)
        except (MemoryError, RecursionError):
            raise
        except Exception:
            _remember_choices(token_types, None)
            raise
    _remember_choices(token_types, choices)
    return tree


def _record_choices(parser: Any) -> list[int]:
    """Return the list to which the parser's choices will be appended."""
    choices: list[int] = []
    predict = parser._interp.adaptivePredict

    def adaptive_predict(*arguments: Any) -> int:
        choices.append(predict(*arguments))
        return choices[-1]

    parser._interp.adaptivePredict = adaptive_predict
    return choices


def _remember_choices(token_types: tuple[int, ...], choices: list[int] | None) -> None:
    if len(token_types) <= MAX_TOKENS:
        _CHOICES[token_types] = choices
        if len(_CHOICES) > MAX_SEQUENCES:
            _CHOICES.popitem(last=False)


def _patch_integers(parse: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """Parse integers without sympy's `parse_expr`, which imports all of sympy's names each time."""
    integer = importlib.import_module("sympy").Integer

    def parse_number(self: Any, text: str) -> Any:
        bare = text.replace(",", "")
        return integer(int(bare)) if bare.isascii() and bare.isdigit() and len(bare) < 300 else parse(self, text)

    return parse_number


def _patch_binomials() -> Callable[[Any, Any], Any]:
    """Evaluate binomials while they are parsed, as Math-Verify does, except for those that would explode."""
    sympy: Any = importlib.import_module("sympy")

    def convert_binom(self: Any, tree: Any) -> Any:
        parts = self.convert_expr(tree.upper), self.convert_expr(tree.lower)
        unevaluated = sympy.binomial(*parts, evaluate=False)
        return unevaluated if explodes(unevaluated) else sympy.binomial(*parts)

    return convert_binom


def _refuse_overflow(compare: Callable[..., bool]) -> Callable[..., bool]:
    """Compare as before, unless evaluating would explode.

    Math-Verify takes the OverflowError for unequal; `evaluate_difference` then reports it.
    """

    def numeric_eq(gold: Any, answer: Any, *places: int) -> bool:
        if explodes(gold) or explodes(answer):
            raise OverflowError("a number of more than a million digits")
        return compare(gold, answer, *places)

    return numeric_eq


def _reject_early(differ: Callable[[Any, Any], bool], compare: Callable[..., bool]) -> Callable[..., bool]:
    """Return unequal where that is plain; otherwise compare as before."""

    def equal(gold: Any, answer: Any, *places: int) -> bool:
        return not differ(gold, answer) and compare(gold, answer, *places)

    return equal
