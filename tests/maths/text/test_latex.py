import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.maths.text.latex import formula_form, formulas, latex_form, pieces


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"Find $\dfrac{1}{2}$.", r"Find $\frac{1}{2}$."),
        (r"Find $\tfrac12$.", r"Find $\frac{1}{2}$."),
        (r"$\frac{10}3$", r"$\dfrac{10}{3}$"),
        (r"$x^{2}+y_{1}$", r"$x^2+y_1$"),
        (r"$60^{\circ}$", r"$60^\circ$"),
        (r"$60^\circ$", "$60°$"),
        (r"$\left(x+1\right)$", r"$\bigl(x+1\bigr)$"),
        (r"$\left(x+1\right)$", r"$( x + 1 )$"),
        (r"\[x=1\]", r"$$x = 1$$"),
        (r"\(x\)", "$x$"),
        (r"\begin{equation*}x=1\end{equation*}", "$x=1$"),
        (r"Let $x=1.$ Find it", r"Let $x=1$. Find it"),
        ("$5 − 3$", "$5-3$"),
        (r"$a\,+\;b~$", "$a+b$"),
        (r"$1{,}000$", "$1000$"),
        (r"$\mathbf{v}$", "$v$"),
        (r"$5\text{ cm}$", r"$5\mathrm{cm}$"),
        (r"$a\leq b\ne c$", "$a ≤ b ≠ c$"),
        (r"$a\cdot b \times \pi$", "$a·b × π$"),
        (r"$|x|$", r"$\lvert x\rvert$"),
        (r"$\displaystyle\sum_{i}$", r"$\sum_i$"),
        (r"$f^{\prime}(x)$", "$f'(x)$"),
        ("The **largest** sum", "The largest sum"),
        (r"\textbf{Find} it", "Find it"),
        ("$x^2$", "$x²$"),
        ("a “b” – c", 'a "b" - c'),
    ],
)
def test_another_typesetting_is_the_same_text(one, other):
    assert latex_form(one) == latex_form(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"$\frac{1}{2}$", r"$\frac{2}{1}$"),
        ("$x^{10}$", "$x^10$"),
        ("$x^2$", "$x_2$"),
        ("$x$", "$X$"),
        (r"$\frac{1}{2x}$", r"$\frac{1}{2}x$"),
        (r"$a \le b$", r"$a < b$"),
        (r"$\{1,2\}$", "$(1,2)$"),
        (r"$\begin{pmatrix}1\\2\end{pmatrix}$", r"$\begin{pmatrix}1&2\end{pmatrix}$"),
        ("$5!$", "$5$"),
        ("$-5$", "$5$"),
        (r"$\sqrt{12}$", r"$\sqrt12$"),
        ("$1.5$", "$1,5$"),
        (r"$\mathbb{R}$", "$R$"),
        ("2**3**4", "234"),
    ],
)
def test_another_formula_is_another_text(one, other):
    assert latex_form(one) != latex_form(other)


@given(st.text(alphabet="ab12+-*/=<>()^_{}\\$.,! ", max_size=40))
def test_no_digit_letter_or_sign_is_lost(text):
    kept = [character for character in text.replace("\\", "") if character in "12+=<>/"]
    if "\\" not in text:
        assert [character for character in latex_form(text) if character in "12+=<>/"] == kept


def test_prices_are_no_formulas():
    assert list(formulas("It costs $5 and $6, or \\$7 and \\$8.")) == []
    assert [text for text in ("$x$5",) if list(formulas(text))] == []


def test_the_form_of_a_formula_is_its_own_form():
    for formula in (r"\frac{a}{b}+x^{10}", r"\begin{cases}1\\2\end{cases}", r"60^{\circ}", r"\sqrt{\pi}x"):
        assert formula_form(formula_form(formula)) == formula_form(formula)


def test_a_megabyte_of_anything_takes_no_time():
    began = time.process_time()
    for text in (
        "$a" * 100_000,
        "\\(" * 100_000,
        "{" * 200_000,
        "**a" * 100_000,
        "\\frac" * 50_000,
        "^{" * 100_000,
        "$" + "{x}" * 50_000 + "$",
        "\\begin{array}" * 10_000,
    ):
        latex_form(text)
    assert time.process_time() - began < 6


@pytest.mark.parametrize(
    "text", ["", "  a  b ", "a **bold** word", "1 + 1 = **2**.", "**", "x^{2}", "~a", "a" * 300, "{}"]
)
def test_prose_of_ascii_needs_no_search_for_formulas(text: str) -> None:
    assert latex_form(text) == "".join(f"${part}$" if is_formula else part for part, is_formula in pieces(text))
