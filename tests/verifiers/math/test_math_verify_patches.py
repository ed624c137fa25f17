"""The remembered grammar reads what Math-Verify's own parser reads."""

import subprocess
import sys

import pytest

from assay.verifiers.math import math_verify_patches

TEXTS = (
    "x^2+3x+1", "x^2+5x+7", "[2,\\infty)", "[3,\\infty)", "\\frac{\\sqrt{3}}{2}", "\\frac{\\sqrt{5}}{7}", "007", "1,234", "0.50", "x \\ge 2", "{1,2}",
    "\\begin{pmatrix} 1 \\\\ -2 \\end{pmatrix}", "4:30 \\text{ p.m.}", "\\frac{", "2 -", "(1,2]", "90^\\circ", "5\\%", "x=1, y=2", "\\pm 3", "n!",
)  # fmt: skip
SCRIPT = "import sys; from sympy import srepr; {}; r = [parse('$' + t + '$', parsing_timeout=None) for t in sys.argv[1:]]\n{}"
SHOW = "print([[e if isinstance(e, str) else srepr(e) for e in each] for each in r])"


def read_with(imports, show=SHOW):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(imports, show), *TEXTS], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.service
def test_a_text_is_read_as_math_verify_alone_reads_it():
    ours = read_with(
        "from assay.verifiers.math.math_verify_patches import load_math_verify; parse = load_math_verify().parse"
    )
    assert ours == read_with("from math_verify import parse")


def test_the_choices_of_one_text_serve_every_text_of_its_shape():
    parse = math_verify_patches.load_math_verify().parse
    assert str(parse("$z^2+11z+12$", parsing_timeout=None)[0]) == "z**2 + 11*z + 12"
    n_known = len(math_verify_patches._CHOICES)
    assert str(parse("$w^3+21w+22$", parsing_timeout=None)[0]) == "w**3 + 21*w + 22"
    assert len(math_verify_patches._CHOICES) == n_known


def test_a_shape_that_is_no_sentence_stays_none():
    parse = math_verify_patches.load_math_verify().parse
    first, again = (parse(f"$\\frac{{{number}}}{{\\frac$", parsing_timeout=None) for number in (31, 41))
    assert None in math_verify_patches._CHOICES.values()
    assert [str(text).replace("41", "31") for text in again] == [str(text) for text in first]
