"""No pattern that reads what a model wrote tries all readings of a text that it refuses."""

import itertools
import time

import pytest

from assay.verifiers.answers.meaning import read_meaning
from assay.verifiers.choice import Choice
from assay.verifiers.math.verifier import Math
from assay.verifiers.numeric import Numeric

HEADS = ("Her total was $12 = ", "The answer is 5 \\text{ m}", "\\boxed{3 = ", "答案是選", "")
PIECES = (
    *("a", "ab ", "1/2 x ", " + 5", "^{2 ", "^ 2 \\text{ m} ", " \\text{m}^2", "^\\circ ", "選項 ", "is the "),
    *(
        "1,000",
        "1 1/2 ",
        "-1 - ",
        "(1) ",
        "{1}",
        "$1$ ",
        "12:30 ",
        "5 feet 3 ",
        "3 and ",
        "A, B ",
        "x=1,",
        "\\frac12 ",
        "\n",
        "%",
    ),
)


@pytest.mark.parametrize("piece", PIECES)
def test_a_piece_repeated_takes_no_longer_with_each_repetition(piece, case):
    for head, tail in itertools.product(HEADS, ("", "!", " per day", "}")):
        text = head + piece * 26 + tail
        # what Math does beyond a glance runs in a process of its own that has a time limit
        for read, gold in (
            (Math().glance, "1350"),
            (Math().glance, "5 \\text{ m}"),
            (Numeric().judge, "1350"),
            (Choice().judge, "B"),
        ):
            start = time.process_time()
            read(case(gold, text))
            assert time.process_time() - start < 1, (head, tail, read)


@pytest.mark.parametrize("piece", ["\\text{m}^{2 ", "\\text{m} ^ 2 } ", "^{\\circ } ", "5 feet 3 ", "m^2 "])
def test_units_in_a_row_are_refused_at_once(piece):
    start = time.process_time()
    for tail in ("!", "=", "("):
        read_meaning("5 " + piece * 20 + tail)
    assert time.process_time() - start < 1
