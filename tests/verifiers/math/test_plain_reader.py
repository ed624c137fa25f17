"""The plain reader builds the trees that latex2sympy's grammar builds, and leaves the rest to it."""

import random

import pytest
from sympy import srepr

from assay.verifiers.math import symbolic
from assay.verifiers.math.plain_reader import read_plain

PLAIN = (
    "x^{2}+3x-1", "-x^2", r"\frac{\sqrt{3}}{2}-\frac{1}{2}", r"\frac{x+1}{-2y}", "2^{-3}x", "-2x*-3", "3/4x", "1/2/3",
    r"2\frac{1}{3}", r"-2\frac{1}{3}",
    r"x\frac{1}{3}", "2 3", r"\sqrt[3]{x+1}^{2}", "3!!", "-(x-1)(x+2)", "(x+1)^{2}/3", "e^{x}-e", r"2\pi r^{2}", r"\theta+\pi/2", "x_1+x_{12}-a_{n}",
    r"\sin x \cos 2y+1", r"\sin^{2} x", r"\cos^{-1}(x)", r"\log_2 3-\ln 5", r"\log_{10} x", r"\exp(2)", "0.50-.5", "3+4i", "I", r"a-\frac{6}{3}",
    r"5-\frac{1}{2}-x", r"\begin{pmatrix} 1 & -\frac{1}{2} \\ x & 0 \\ \end{pmatrix}", r"x(y+1)", r"a\cdot b \div c", "2--3", "+x", "2{x+1}^{2}",
    r"\sin x\sqrt{2}", r"\ln\sqrt{2}x",
)  # fmt: skip
PIECES = (
    "1", "12", ".5", "x", "e", "i", "I", "E", "d", "T", r"\pi", r"\theta ", "+", "-", "*", "/", "^2", "^{-1}", "^x",
    "_1", "(", ")", "(x+1)", "(2)", "{", "}",
    "!", r"\cdot ", r"\frac{1}{2}", r"\dfrac{-1}{x+1}", r"\sqrt{2}", r"\sqrt[3]{x}", r"\sin ", r"\cos^{2} ", r"\tan^{-1} ", r"\log_2 ", r"\ln ", " ",
)  # fmt: skip
LEFT = (
    "f(x)", "x(2)", "I^2", "a^x_1", r"\sin(x)^2", r"\ln(2)!",
    "{x+1}^{2}y", "(1,2)", "(x+1)", "{x}", "[1,2]", "x=1", "x<1", "dx", r"d\theta", "2^3^4", "x^{T}", "x^T", "a+", "x'", "str",
    r"\sin x \cdot y",
    r"\sin(x)y", r"\sin\cos x", r"\sum_{k=1}^{3} k", r"\int_0^1 x dx", r"\pm 3", "5%", r"90^\circ", "2E5",
    "|x|", r"\text{x}", "", r"\frac12", "1.", "x^-1",
    "é", r"\gcd(2,3)",
)  # fmt: skip


@pytest.mark.parametrize("latex", PLAIN)
def test_a_plain_expression_has_the_grammars_tree(latex, monkeypatch):
    ours = read_plain(latex, is_real=not symbolic._COMPLEX.search(latex))
    monkeypatch.setattr(symbolic, "read_plain", lambda *_, **__: None)
    assert ours is not None
    assert srepr(ours) == srepr(symbolic._parse_latex.__wrapped__(latex))


@pytest.mark.parametrize("latex", LEFT)
def test_what_may_be_read_in_two_ways_is_left_to_the_grammar(latex):
    assert read_plain(latex, is_real=True) is None


def test_a_text_without_end_is_left_to_the_grammar_and_no_error():
    assert read_plain("(" * 100_000, is_real=True) is None
    assert read_plain("x+" * 199 + "x", is_real=True) is not None
    assert read_plain("x+" * 201 + "x", is_real=True) is None


def test_random_texts_have_the_grammars_trees(monkeypatch):
    monkeypatch.setattr(symbolic, "read_plain", lambda *_, **__: None)
    rng, n_read = random.Random(5), 0
    for _ in range(400):
        latex = "".join(rng.choice(PIECES) for _ in range(rng.randint(1, 6)))
        ours = read_plain(latex, is_real=not symbolic._COMPLEX.search(latex))
        if ours is not None and not symbolic._DANGLING.search(latex):
            n_read += 1
            assert (latex, srepr(ours)) == (latex, srepr(symbolic._parse_latex.__wrapped__(latex)))
    assert n_read > 50
