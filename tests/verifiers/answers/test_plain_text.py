"""Plain text and Unicode spelled as LaTeX."""

import pytest

from assay.verifiers.answers.plain_text import END, TEXT, restore_escapes, spell_as_latex


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        *(
            ("x**2", "x^{2}"),
            ("sqrt(x+1)", "\\sqrt{x+1}"),
            ("√(x+1)", "\\sqrt{x+1}"),
            ("∛8", "\\sqrt[3]{8}"),
            ("1½", "1\\frac{1}{2}"),
            ("−5", "-5"),
        ),
        *(
            ("2pi", "2\\pi"),
            ("2^10", "2^{10}"),
            ("10^-3", "10^{-3}"),
            ("2^(n-1)", "2^{n-1}"),
            ("C(10,3)", "\\binom{10}{3}"),
            ("x₁", "x_{1}"),
        ),
        *(
            ("\\frac12", "\\frac{1}{2}"),
            ("\\sqrt 3", "\\sqrt{3}"),
            ("abs(x)", "|x|"),
            ("٧٢", "72"),
            ("７２", "72"),
            ("\\left(1,2\\right]", "(1,2]"),
        ),
    ],
)
def test_an_expression_is_spelled_as_latex(text, latex):
    assert spell_as_latex(text) == latex


def test_words_in_text_keep_their_letters():
    assert spell_as_latex("5 \\text{ pi}") == f"5 {TEXT} pi{END}"
    assert spell_as_latex("\\mathrm{e}") == "e"
    assert spell_as_latex("\\text{m}") == f"{TEXT}m{END}"


def test_commands_that_lost_their_backslash_get_it_back():
    assert restore_escapes("\frac{1}{2} \times 3") == "\\frac{1}{2} \\times 3"
    assert restore_escapes("a\tb\nc") == "a\tb\nc"


def test_spelling_evaluates_nothing_and_ends_on_unclosed_brackets():
    assert spell_as_latex("__import__('os')") == "__import__('os')"
    assert spell_as_latex("sqrt(" * 50)
    assert spell_as_latex("√(" * 50)
    assert spell_as_latex("\\text{" * 50)
