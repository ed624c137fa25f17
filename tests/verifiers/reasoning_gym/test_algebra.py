import pytest

from assay.verifiers.reasoning_gym.algebra import is_antiderivative, is_same_polynomial
from assay.verifiers.reasoning_gym.expressions import ExpressionError

pytest.importorskip("sympy")


@pytest.mark.parametrize(
    ("answer", "integrand", "right"),
    [
        ("x**2/2 + C", "x", True),
        ("x^2/2 + C", "x", True),
        ("0.5x^2", "x", True),
        (r"\frac{x^{2}}{2} + C", "x", True),
        ("F(x) = x**2/2", "x", True),
        ("y = x**2/2", "x", True),
        ("-cos(x) + K", "sin(x)", True),
        ("x*asin(3*x) + sqrt(1 - 9*x**2)/3 + C", "asin(3*x)", True),
        ("exp(2*x)/2", "exp(2*x)", True),
        ("e^(2x)/2", "exp(2*x)", True),
        ("ln(Abs(x))", "1/x", True),
        ("pi*x", "pi", True),
        ("x**2", "x", False),
        ("x**2/2", "x + 1", False),
        ("x", "x", False),
        ("9**9**9**9", "x", False),
        ("2**(10**12)*x", "x", False),
        ("(x+1)**(10**9)", "x", False),
        ("__import__('os').system('true')", "x", False),
        ("integrate(x, x)", "x", False),
        ("Integral(x, x)", "x", False),  # the question itself
        ("lambda", "x", False),
        ("x/0", "x", False),
    ],
)
def test_an_antiderivative_is_one_by_its_derivative(answer, integrand, right):
    assert is_antiderivative(answer, integrand, "x") is right


def test_an_integrand_that_cannot_be_read_is_no_fault_of_the_answer():
    with pytest.raises(ExpressionError):
        is_antiderivative("x", "__import__('os')", "x")


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("2*x**2 - 3*x + 1", True),
        ("1 + 2x^2 - 3x", True),
        ("1 - 3*x + 2*x**2", True),
        ("(2*x - 1)*(x - 1)", False),  # the question's own words
        ("2*x**2 - 3*x", False),
        ("E*2", False),
        ("S", False),
    ],
)
def test_a_product_of_polynomials_is_multiplied_out(answer, right):
    assert is_same_polynomial(answer, "2*x**2 - 3*x + 1") is right
