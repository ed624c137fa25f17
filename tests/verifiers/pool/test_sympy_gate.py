import importlib

import pytest

from assay.verifiers.pool import sympy_gate
from assay.verifiers.pool.sympy_gate import NotRead

parser = pytest.importorskip("sympy.parsing.sympy_parser")


@pytest.fixture(autouse=True)
def gate(monkeypatch):
    monkeypatch.setattr(parser, "stringify_expr", sympy_gate._restrict(parser.stringify_expr))


@pytest.mark.parametrize("text", ["12 + 25", "(1/2)*-3", "2**10", "1e5", "1.5", "x", "alpha2"])
def test_numbers_their_products_and_single_names_are_read(text):
    assert parser.parse_expr(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "x.__class__",
        "print(1)",
        "open('f')",
        "(lambda: 1)()",
        "[x for x in (1,)]",
        "f'{1}'",
        "x if x else y",
        "os.system",
        "_",
        "x := 3",
        "ｅｖａｌ(1)",
        "1" * 6_000,
    ],
)
def test_what_could_be_more_is_not_evaluated(text):
    with pytest.raises(NotRead):
        parser.parse_expr(text)


def test_every_way_in_comes_through_the_gate():
    sympy = importlib.import_module("sympy")
    for way in (
        sympy.sympify,
        sympy.S,
        sympy.Integer,
        sympy.sin,
        sympy.simplify,
        lambda text: sympy.Matrix([text]),
        lambda text: sympy.Add(text, 1),
    ):
        with pytest.raises((NotRead, TypeError, ValueError, sympy.SympifyError)):
            way("__import__('os')")


def test_closing_twice_is_closing_once(monkeypatch):
    before = parser.stringify_expr
    sympy_gate.restrict_sympy()
    assert parser.stringify_expr is before
