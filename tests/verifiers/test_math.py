"""Exact paths, Math-Verify behind them, and what Math-Verify gets wrong."""

import time

import pytest

from assay.verifiers.answers.phrase_values import take_last_side
from assay.verifiers.math.verifier import Math


def outcome(case, gold, text, **changes):
    return Math().judge(case(gold, text, **changes)).outcome


@pytest.mark.parametrize(
    ("gold", "text", "path"),
    [
        ("18", "9 * 2 = 18\nA: 18", "exact"),
        ("\\frac{1}{2}", "\\[ x = \\boxed{\\dfrac{1}{2}}. \\]", "exact"),
        ("1234", "#### 1,234", "numeric"),
        ("1/2", "\\boxed{0.5}", "numeric"),
        ("1/3", "\\boxed{0.333333}", "numeric"),
        ("18", "The answer is 9 * 2 = 18 coins.", "symbolic"),
        ("4", "First 3 and then it is 4", "last number"),
        ("4", "\\boxed{4 \\text{ apples}}", "symbolic"),
        ("x^2+1", "It is $1+x^2$", "symbolic"),
        ("(1,2)", "\\boxed{\\left( 1, 2.0 \\right)}", "symbolic"),
        ("50\\%", "\\boxed{50}", "symbolic"),
        (
            "\\begin{pmatrix} 1 \\\\ -2 \\end{pmatrix}",
            "\\boxed{\\begin{pmatrix} 1 \\\\ -2.0 \\end{pmatrix}}",
            "symbolic",
        ),
        ("5", "\\boxed{x=5}", "symbolic"),
        ("\\sqrt{2}", "\\boxed{1.414214}", "symbolic"),
        ("1,2", "\\boxed{1} and \\boxed{2}", "exact"),
    ],
)
def test_a_right_answer_is_found_on_the_path_that_suits_it(case, gold, text, path):
    verdict = Math().judge(case(gold, text))
    assert (verdict.outcome, verdict.reason) == ("correct", path)


@pytest.mark.parametrize(
    ("gold", "text"),
    [
        ("\\frac{1}{2^{99}}", "\\boxed{\\frac{1}{2^{98}}}"),
        ("\\frac{1}{2004!}", "\\boxed{\\frac{1}{2006!}}"),
        ("1-\\frac{1}{\\mathrm{e}}", "\\boxed{1+\\frac{1}{\\mathrm{e}}}"),
        ("1-\\frac{1}{\\mathrm{e}}", "\\boxed{1}"),
        ("1-\\frac{1}{\\mathrm{abc}}", "\\boxed{1}"),
        ("\\frac{x}{2^{99}}", "\\boxed{\\frac{x}{2^{98}}}"),
        ("\\{1, 2^{-99}\\}", "\\boxed{\\{1, 2^{-98}\\}}"),
        ("0.0000001", "\\boxed{0.0000002}"),
        ("0", "\\boxed{2^{-80}}"),
    ],
)
def test_what_math_verify_holds_for_equal_by_mistake_is_wrong(case, gold, text):
    assert outcome(case, gold, text) == "wrong"


@pytest.mark.parametrize(
    ("gold", "text"),
    [
        ("1-\\frac{1}{\\mathrm{e}}", "\\boxed{\\frac{e-1}{e}}"),
        ("\\frac{1}{2^{99}}", "\\boxed{2^{-99}}"),
        ("\\frac{1}{2004!}", "\\boxed{\\frac{2005}{2005!}}"),
    ],
)
def test_the_second_opinion_lets_equal_values_pass(case, gold, text):
    assert outcome(case, gold, text) == "correct"


def test_the_last_number_of_unfinished_prose_is_no_answer(case):
    assert outcome(case, "4", "First we add 2 + 2 = 4") == "correct"
    assert outcome(case, "4", "First we add 2 + 2 = 4", finish="length") == "truncated"
    assert outcome(case, "4", "thus \\boxed{4} and", finish="length") == "correct"


@pytest.mark.parametrize(
    "text",
    [
        "\\boxed{" + "{" * 500_000 + "}" * 500_000 + "}",
        "{" * 500_000 + "}" * 500_000,
        "\\boxed{" + "(" * 60 + "1" + ")" * 60 + "}",
    ],
)
def test_nesting_that_would_explode_is_wrong_at_once(case, text):
    start = time.process_time()
    assert outcome(case, "4", text) == "wrong"
    assert time.process_time() - start < 2


def test_a_long_answer_is_read_in_linear_time(case):
    start = time.process_time()
    assert outcome(case, "4", "we have 12 of 3 \\( x \\) " * 2_600 + "\\boxed{4}") == "correct"
    assert outcome(case, "4", "so 4 " * 30_000) == "correct"  # Math-Verify alone needs more than 15 s for it
    assert time.process_time() - start < 1


@pytest.mark.parametrize("piece", ["a", "ab ", " x 1/2", " - 1 1/2", " + 1", "1,", " "])
def test_working_that_ends_in_no_side_is_refused_in_linear_time(piece):
    start = time.process_time()
    assert take_last_side("3 = 4" + piece * 10_000 + "!") == ""
    assert time.process_time() - start < 1
    assert take_last_side("3 = 1/2 + 5/2 apples and more") == "1/2 + 5/2 apples and more"


def test_exact_paths_evaluate_no_power_and_no_factorial(case):
    for gold in ("2^{2^{2^{2^{99}}}}", "100000000!"):
        assert Math().glance(case(gold, f"\\boxed{{{gold}}}")).outcome == "correct"
        assert Math().glance(case(gold, "\\boxed{4}")) is None
        assert Math().glance(case("4", f"\\boxed{{{gold}}}")).outcome == "wrong"


def test_an_honest_tower_beside_an_honest_gold_goes_to_math_verify(case):
    for answer in ("2^{10}", "10!", "\\binom{10}{3}", "\\sum_{k=1}^{10} k"):
        assert Math().glance(case("1024", f"\\boxed{{{answer}}}")) is None


def test_golds_of_every_kind_are_readable(case):
    for gold in (
        "18",
        "-\\frac{5}{3}.",
        "\\text{(E)},",
        "\\dfrac{1}{29,\\!322,\\!216}",
        "east",
        "x \\in [-2,7]",
        "\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}",
        "a + b + c",
    ):
        assert Math().reads(case(gold, "").label), gold


def test_a_gold_without_a_letter_or_digit_is_not_readable(case):
    assert not any(Math().reads(case(gold, "").label) for gold in ("", "???", "$$", "{" * 100 + "1"))


def test_a_number_of_a_billion_digits_is_wrong_at_once(case):
    start = time.process_time()
    for text in (
        "$1000000000!$",
        "$(12!)!!$",
        "$\\sqrt[4]{4^{10^{12}}}$",
        "$2^{2^{2^{2^{99}}}}$",
        "\\boxed{10^{10^{9}} + 1}",
    ):
        assert outcome(case, "x+1", text) == "wrong", text
    assert outcome(case, "(-1)^{1000000001}", "\\boxed{-1}") == "correct"
    assert time.process_time() - start < 2


def verdict(case, gold, text, **changes):
    found = Math().judge(case(gold, text, **changes))
    return found.outcome, found.lenient or found.outcome


def test_what_is_too_long_too_deep_or_too_large_is_wrong_unless_the_gold_is_like_that(case):
    long, deep, tower = "x+" * 1_001 + "1", "(" * 21 + "1" + ")" * 21, "9^{9^{9^9}}"
    for answer in (long, deep, tower):
        judged = Math().judge(case("x+2", f"\\boxed{{{answer}}}"))
        assert (judged.outcome, judged.reward) == ("wrong", 0.0)
        assert judged.reason
    for gold in (long, deep):
        assert outcome(case, gold, "\\boxed{5}") == "verifier_error"
    assert outcome(case, tower, "\\boxed{x}") in ("verifier_error", "wrong")
    assert outcome(case, tower, "\\boxed{2^{10}}") == "verifier_error"


def test_an_unevaluated_expression_counts_where_the_setting_says_so(case):
    for gold, answer in (
        ("37", "12 + 25"),
        ("5050", "\\sum_{i=1}^{100} i"),
        ("120", "\\binom{10}{3}"),
        ("1/3", "\\int_0^1 x^2 dx"),
        ("12", "84/7"),
    ):
        text = f"\\boxed{{{answer}}}"
        assert verdict(case, gold, text) == ("wrong", "correct"), answer
        assert Math(unevaluated=True).judge(case(gold, text)).outcome == "correct", answer


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        *(
            ("45", "1 2 3 4 5 6 7 8 9"),
            ("6.626 \\times 10^{-34}", "0x"),
            ("2^{-60}", "x-x"),
            ("ABC", "BCA"),
            ("no", "on"),
            ("10:30", "5:15"),
        ),
        *(
            ("12 hours", "12 days"),
            ("x \\in (1,2)", "\\{1,2\\}"),
            ("3s", "3"),
            ("12g", "12"),
            ("x^2 m", "x^2"),
            ("12 m", "12 cm"),
            ("5", "5y"),
        ),
        *(
            ("3 x^{2} y \\div 3 x y=x", "(-2a)^{3}=-8a^{3}"),
            ("x+y=5", "5"),
            ("7", "3,7"),
            ("(20,100)", "[20,100)"),
            ("25_7", "25_9"),
        ),
    ],
)
def test_what_a_policy_may_try_is_wrong_in_both_modes(case, gold, answer):
    assert verdict(case, gold, f"\\boxed{{{answer}}}") == ("wrong", "wrong")


@pytest.mark.parametrize(
    ("gold", "text"),
    [
        *(
            ("72", "因此，她一共卖了72个。"),
            ("1234", "Die Antwort ist 1.234."),
            ("x \\geq -3, x \neq 0", "\\boxed{x \\geq -3, x \\neq 0}"),
        ),
        *(
            ('{"answer": "4"}', "\\boxed{4}"),
            ("She sold 48/2 clips.\n#### 72", "\\boxed{72}"),
            ("\\emptyset", "\\boxed{\\text{no solution}}"),
        ),
        *(
            ("\\frac{1}{2a}(\\exp{a*t} - \\exp{-a*t})", "\\boxed{\\frac{\\sinh(at)}{a}}"),
            ("\\sqrt{1/n}", "\\boxed{\\frac{1}{\\sqrt{n}}}"),
        ),
        *(
            ("x", "\\boxed{x+0}"),
            ("D", "The correct option is **(D)**."),
            ("x^2+1", "We are done.\n\nx^2 + 1"),
            ("(4,1)", "We are done.\n\n(4,1)"),
        ),
    ],
)
def test_what_a_person_accepts_is_correct_leniently(case, gold, text):
    assert verdict(case, gold, text)[1] == "correct"


def test_each_problem_has_its_own_essence(case):
    one, other = (case("5", "\\boxed{5 \\text{ cm}}", prompt=prompt) for prompt in ("How many cm?", "How many?"))
    assert Math().essence(one) != Math().essence(other)


@pytest.mark.parametrize(
    "word",
    ["Antwort", "antwort", "Ergebnis", "Lösung", "réponse", "respuesta", "RESPOSTA", "risposta", "Ответ", "antwoord",
     "svar", "odpowiedź", "cevap"],
)  # fmt: skip
def test_each_language_that_writes_a_decimal_comma_is_known_by_its_word_for_answer(case, word):
    verdict = Math().judge(case("3.5", f"{word}: \\boxed{{3,5}}."))
    assert (verdict.lenient or verdict.outcome) == "correct"
    assert Math().judge(case("3.5", "Answer: \\boxed{3,5}.")).lenient != "correct"
