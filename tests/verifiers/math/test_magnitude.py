"""What is too large to work out, told from its LaTeX."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.verifiers.math.magnitude import overflows

PIECES = [
    *"{}()[]^!_=kx109.,$/+-é²٣\\\\",
    r"\sum",
    r"\prod",
    r"\frac",
    r"\binom",
    r"\sqrt",
    "{10^{9}}",
    r"\(",
    r"\)",
    r"\infty",
    r"\text{a}",
    "_{k=1}",
    r"\sin",
]


@pytest.mark.parametrize(
    "text",
    [
        "2^{2^{2^{2^{99}}}}",
        "so it is $300000000!$.",
        r"\(\sqrt[4]{4^{10^{12}}}\)",
        r"\binom{10^{17}}{1000000017}",
        "(12!)!!",
        "x + 10^{10^{7}}",
        r"\frac{1}{\left(10^{9}\right)!}",
        r"\sum_{k=1}^{10^{6}} \frac{1}{k^k}",
        r"\sum_{k=1}^{20000} \sin k",
        r"\sum_{k=1}^{10^{6}} k!",
        r"\prod_{k=1}^{10^{9}} \frac{k}{k+1}",
        "9" * 400 + "!",
    ],
)
def test_towers_factorials_and_long_sums_overflow(text):
    assert overflows(text)


@pytest.mark.parametrize(
    "text",
    [
        "2^{100}",
        "10!!",
        "10!",
        "2^10000000",  # 2^1 0000000 to TeX
        "(10^{20}/10^{18})!",
        r"(\frac{10^{20}}{10^{18}})!",
        r"\frac{2006!}{2004!}",
        r"\binom{1000}{500}",
        r"\binom{10^{8}}{1000000008}",  # 0
        r"\sum_{k=1}^{100} \frac{1}{k^k}",
        r"\sum_{k=1}^{10^{6}} k^2",
        r"\sum_{k=1}^{10^{6}} \frac{k}{2^k}",
        r"\sum_{k=1}^{\infty} \frac{1}{k^k}",
        r"\prod_{k=1}^{10^{6}} 2",
        r"120000000 \text{ ways!}",
        "n! + x^{y^{z}}",
        "10^{6",
        "^!",
        "²!",
        "",
    ],
)
def test_what_can_be_worked_out_or_is_no_arithmetic_does_not(text):
    assert not overflows(text)


def test_only_the_last_formula_of_a_phrase_counts():
    assert not overflows(r"not $10^{10^{9}}$ but $10^{9}$")
    assert overflows(r"not $10^{9}$ but $10^{10^{9}}$")


@given(st.lists(st.sampled_from(PIECES), max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_text_raises(pieces):
    assert overflows("".join(pieces)) in (True, False)


@pytest.mark.parametrize("piece", ["^", "!", "2^", "\\frac{", "\\sin k", "\\(", "$", "k^{", "((", "\\frac{1}{1}"])
def test_a_repeated_piece_is_read_in_a_blink(piece):
    start = time.process_time()
    overflows("\\sum_{k=1}^{10^{9}}" + piece * (1_900 // len(piece)) + "!")
    assert time.process_time() - start < 0.5
