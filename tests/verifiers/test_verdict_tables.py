"""Verdicts by kind of answer: what a person would say (lenient), and what is beyond doubt (strict)."""

import pytest

from assay.verifiers.choice import Choice
from assay.verifiers.code.programs import find_program
from assay.verifiers.code.verifier import Code
from assay.verifiers.math.verifier import Math

SURE, LENIENT, NEITHER = ("correct", "correct"), ("wrong", "correct"), ("wrong", "wrong")

BOXED = {
    "a domain in signs, words and inequalities": [
        ("x\\in[1,2]", "1\\le x\\le 2", SURE),
        ("-1<x<2", "x\\in(-1,2)", SURE),
        ("x\\in(1,2]", "[1,2]", NEITHER),
        ("k>2", "k\\in(2,\\infty)", SURE),
        ("(-\\infty,3)", "\\{x \\mid x<3\\}", SURE),
        ("(-\\infty,3)", "\\{x : x\\le 3\\}", NEITHER),
        ("(-1,1)", "|x|<1", LENIENT),
        ("(-1,1)", "|x|<2", NEITHER),
        ("(2,5)", "]2,5[", SURE),
        ("\\mathbb{R}", "(-\\infty,\\infty)", SURE),
        ("\\mathbb{R}", "\\text{all real numbers}", SURE),
        ("(0,\\infty)", "\\mathbb{R}", NEITHER),
        ("(-\\infty,-1)\\cup(1,\\infty)", "(-\\infty,-1),(1,\\infty)", LENIENT),
    ],
    "fractions without braces": [
        ("\\frac{\\sqrt6}2", "\\frac{\\sqrt{6}}{2}", SURE),
        ("\\frac{\\sqrt6}2", "\\sqrt6/3", NEITHER),
        ("\\frac1b", "1/b", SURE),
        ("\\frac1b", "b", NEITHER),
        ("2007 + \\frac\\pi 2", "2007+\\pi/2", SURE),
        ("2007 + \\frac\\pi 2", "2007+2\\pi", NEITHER),
        ("\\frac{270}7\\text{ degrees}", "\\frac{270}{7}", SURE),
        ("\\frac\\sqrt{3}2", "\\frac{\\sqrt3}{2}", SURE),
        ("\\frac{1}{23}", "\\frac{1}23", NEITHER),
    ],
    "a factor in brackets, which is no unit": [
        ("\\frac{bx}{h}(h-x)", "\\frac{bx(h-x)}{h}", SURE),
        ("\\frac{bx}{h}(h-x)", "\\frac{bx(h+x)}{h}", NEITHER),
    ],
    "thousands as in India": [
        ("1234567", "12,34,567", LENIENT),
        ("12,34,567", "12,34,567", SURE),
        ("1234567", "12,34,576", NEITHER),
    ],
    "a day of a month": [
        ("\\text{October 30}", "October 30", SURE),
        ("\\text{October 30}", "\\text{the 30th of October}", SURE),
        ("\\text{October 30}", "Oct. 30th", SURE),
        ("\\text{October 30}", "October 31", NEITHER),
        ("\\text{October 30}", "November 30", NEITHER),
        ("\\text{October 30}", "30", NEITHER),
        ("30", "October 30", LENIENT),
        ("31", "October 30", NEITHER),
    ],
    "a letter beyond the usual options": [
        ("\\text{(P)}", "P", SURE),
        ("\\text{(P)}", "\\text{(Q)}", NEITHER),
    ],
    "a system": [
        ("x=1,y=2", "\\begin{cases}x=1\\\\y=2\\end{cases}", SURE),
        ("\\begin{cases}x=1\\\\y=2\\end{cases}", "x=2,y=1", NEITHER),
        ("\\left\\{\\begin{array}{l}x=1\\\\y=2\\end{array}\\right.", "x=1,y=2", SURE),
        ("(a,b)=(3,4)", "(3,4)", SURE),
        ("(a,b)=(3,4)", "(4,3)", NEITHER),
    ],
    "an equation that is left to solve": [
        ("x=5", "2x=10", LENIENT),
        ("x=5", "5=x", SURE),
        ("x>2", "2x>4", LENIENT),
        ("x=5", "2x=11", NEITHER),
    ],
    "words behind a number that count nothing": [
        ("42", "42 \\text{ not seven}", NEITHER),
        ("42", "42 \\text{ wrong}", NEITHER),
        ("42", "42 \\text{ factorial}", NEITHER),
        ("42", "42 \\text{ minus one}", NEITHER),
        ("42", "42 seven", NEITHER),
        ("42", "42 \\text{ apples}", SURE),
        ("42", "42 \\text{ times}", SURE),
        ("42", "42 \\text{ groups of two}", SURE),
        ("42", "42 \\text{ people not seen}", SURE),
    ],
    "digits that belong together": [
        ("\\frac{1}{23}", "\\frac{12}{3}", NEITHER),
        ("\\frac{1}{2}3", "\\frac{1}{23}", NEITHER),
        ("x^{12}", "x^{1}2", NEITHER),
        ("x^{12}", "x^1 2", NEITHER),
        ("\\sqrt{12}", "\\sqrt{1}2", NEITHER),
        ("x_{12}", "x_{1}2", NEITHER),
        ("3^{2}1", "3^{21}", NEITHER),
        ("21/3", "2 1/3", NEITHER),
        ("2 1/3", "21/3", NEITHER),
        ("x^{2}+3", "x^2 + 3", SURE),
        ("\\frac{1}{2}x", "\\frac12 x", SURE),
        ("2 1/3", "7/3", SURE),
    ],
    "a base told by its prefix": [
        ("26", "0x1A", LENIENT),
        ("0x1A", "26", LENIENT),
        ("10", "0b1010", LENIENT),
        ("15", "0o17", LENIENT),
        ("1A_{16}", "0x1a", SURE),
        ("27", "0x1A", NEITHER),
        ("11", "0b11", NEITHER),
        ("0", "0x1A", NEITHER),
    ],
    "feet and inches": [
        ("5 feet 10 inches", "5'10\"", SURE),
        ("5'10\"", "70 \\text{ inches}", SURE),
        ("5'10\"", "5 ft 10 in", SURE),
        ("5 feet 10 inches", "5^{\\prime} 10^{\\prime\\prime}", SURE),
        ("5'10\"", "5'11\"", NEITHER),
        ("5'10\"", "510", NEITHER),
    ],
    "noon and midnight": [
        ("noon", "12:00 PM", SURE),
        ("12:00 p.m.", "12 noon", SURE),
        ("midnight", "12 a.m.", SURE),
        ("noon", "12:00", LENIENT),
        ("noon", "12:00 AM", NEITHER),
        ("midnight", "noon", NEITHER),
        ("noon", "1:00 PM", NEITHER),
    ],
    "a distance for an interval": [
        ("(-\\infty,-1)\\cup(1,\\infty)", "|x|>1", LENIENT),
        ("(-\\infty,-1)\\cup(1,\\infty)", "\\lvert x\\rvert > 1", LENIENT),
        ("(-\\infty,-1)\\cup(1,\\infty)", "|x|\\ge 1", NEITHER),
        ("(-\\infty,-1]\\cup[1,\\infty)", "|x|\\ge 1", LENIENT),
        ("(1,3)", "|x-2|<1", LENIENT),
        ("(1,3)", "|x-2|<2", NEITHER),
        ("(1,3)", "|x+2|<1", NEITHER),
        ("[-\\frac{5}{2},-\\frac{1}{2}]", "|x+\\frac{3}{2}|\\le 1", SURE),
        ("(-1,1)", "|x|<-1", NEITHER),
    ],
    "words in brackets count what is counted": [
        ("8 (boys)", "8 \\text{ girls}", NEITHER),
        ("8 (boys)", "8 \\text{ boys}", SURE),
        ("8 (boys)", "8", SURE),
        ("128 (sit-ups)", "128 (sit-ups)", SURE),
        ("36 (sq. inches)", "36 (sq. inches)", SURE),
        ("10 (m)", "10", LENIENT),
        ("10 (m)", "12", NEITHER),
    ],
    "a gold of several boxes": [("$\\boxed{1}\\boxed{2}$", "1,2", SURE), ("$\\boxed{1}\\boxed{2}$", "2", NEITHER)],
    "spellings": [
        ("10000", "1 0000", LENIENT),
        ("12345", "12 345", SURE),
        ("1000000", "1'000'000", SURE),
        ("\\log_2 3", "log2(3)", SURE),
        ("21", "7C2", LENIENT),
        ("\\binom{7}{2}", "nCr(7,2)", SURE),
        ("60 \\text{ km/h}", "60 \\frac{\\text{km}}{\\text{h}}", SURE),
        ("3.6 \\times 10^6 \\text{ J}", "3.6 \\text{ MJ}", SURE),
        ("1 \\text{ kWh}", "3.6\\times 10^6 \\text{ J}", SURE),
        ("2102_3", "2102 \\text{ (base 3)}", SURE),
        ("24", "24_{10}", LENIENT),
        ("24", "24_{7}", LENIENT),
        ("5th", "5", SURE),
        ("6 p.m.", "6", LENIENT),
        ("6 p.m.", "7", NEITHER),
        ("no solution", "\\text{No solutions}", LENIENT),
        ("DNE", "\\text{does not exist}", LENIENT),
        ("2^{100}-2", "2^{100}+2", NEITHER),
        ("['4']", "4", SURE),
        ("['4']", "5", NEITHER),
    ],
    "letters of options": [
        ("D", "\\text{Option D}", SURE),
        ("D", "\\text{Option C}", NEITHER),
        ("BD", "B, D", LENIENT),
        ("BD", "B, C", NEITHER),
    ],
}

FREE = {
    "a box that is part of a formula, or not the only answer": [
        ("42", "Thus $x=-\\boxed{42}$", LENIENT),
        ("42", "\\boxed{42}^2", LENIENT),
        ("42", "2\\boxed{42}", LENIENT),
        ("42", "\\boxed{42} \\pm 7", LENIENT),
        ("42", "\\boxed{42} or 7.", LENIENT),
        ("42", "The answer is not \\boxed{42}", NEITHER),
        ("42", "\\boxed{42} is wrong", NEITHER),
        ("42", "**\\boxed{42}**", SURE),
        ("42", "- \\boxed{42}", SURE),
        ("42", "Answer - $\\boxed{42}$ apples", SURE),
        ("42", "$\\boxed{42}\\%$", SURE),
        ("42", "12 + 30 = \\boxed{42}", SURE),
        ("1,2", "$x_1 = \\boxed{1},\\ x_2 = \\boxed{2}$", SURE),
    ],
    "a box that words set against another, or take back": [
        *(
            ("5", text, SURE)
            for text in (
                "$\\boxed{5}$ (and not $\\boxed{6}$)",
                "$\\boxed{5}$ (not $\\boxed{6}$)",
                "$\\boxed{5}$ and never $\\boxed{6}$",
                "\\boxed{5} unlike \\boxed{6}",
                "\\boxed{5}，而不是\\boxed{6}",
                "\\boxed{5} \\neq \\boxed{6}",
            )
        ),
        *(
            ("6", text, NEITHER)
            for text in (
                "$\\boxed{5}$ (and not $\\boxed{6}$)",
                "\\boxed{5}，而不是\\boxed{6}",
                "It cannot be $\\boxed{6}$",
                "$x$ is not equal to $\\boxed{6}$.",
                "The wrong answer is \\boxed{6}",
                "$\\boxed{5}$. A common mistake is $\\boxed{6}$.",
                "One might say \\boxed{6}, which is wrong.",
                "答案不是\\boxed{6}",
            )
        ),
        ("6", "It must be \\boxed{6}", SURE),
        ("6", "$x$ is equal to $\\boxed{6}$.", SURE),
    ],
    "a box that is never closed": [
        ("\\frac{1}{2}", "So \\boxed{\\frac{1}{2}", LENIENT),
        ("1", "So \\boxed{\\frac{1}{2}", NEITHER),
        ("12", "So $\\boxed{12$.", LENIENT),
    ],
    "not one but the other": [
        ("8", "The answer is not 7, but 8.", LENIENT),
        ("7", "The answer is not 7, but 8.", NEITHER),
        ("8", "Die Antwort ist nicht 7, sondern 8.", LENIENT),
        ("8", "答案不是7，而是8", SURE),
        ("7", "答案不是7，而是8", NEITHER),
    ],
    "several values in many languages": [
        ("42", "Antwort: 42 oder 7", NEITHER),
        ("42", "Ответ: 42 или 7", NEITHER),
        ("42", "答えは42か7です", NEITHER),
        ("42", "정답은 42 또는 7입니다.", NEITHER),
        ("42", "الجواب هو 42 أو 7", NEITHER),
        ("42", "คำตอบคือ 42 หรือ 7", NEITHER),
        ("42", "उत्तर 42 या 7 है", NEITHER),
        ("42", "So it is **42** or 7", NEITHER),
        ("42", "We get x=7, y=42", LENIENT),
    ],
    "values that are denied or bounded behind them": [
        *(
            ("42", text, NEITHER)
            for text in (
                "答えは42じゃない。",
                "정답은 42가 아닙니다.",
                "Cevap 42 değil.",
                "उत्तर 42 नहीं है।",
                "উত্তর 42 নয়।",
            )
        ),
        *(
            ("42", text, NEITHER)
            for text in (
                "정답은 42 이상입니다.",
                "答えは42以上です。",
                "The answer is 42? No, 43.",
                "The answer is 42, which is wrong.",
            )
        ),
        ("43", "答えは42ではなく43です。", LENIENT),
        ("43", "Cevap: 42 değil, 43", LENIENT),
        ("42", "उत्तर 42 है।", SURE),
        ("42", "答えは42です。以上の通り。", SURE),
        ("42", "The answer is 42. No other value works.", SURE),
    ],
    "values that are denied or bounded before them": [
        *(
            ("42", text, NEITHER)
            for text in (
                "Odpowiedź to nie 42.",
                "Svaret är inte 42.",
                "Het antwoord is niet 42.",
                "Răspunsul nu este 42.",
            )
        ),
        *(
            ("42", text, NEITHER)
            for text in ("Jawabannya bukan 42.", "The answer is anything but 42.", "答案大于42。", "答案至少是42。")
        ),
        *(
            ("42", text, NEITHER)
            for text in (
                "La respuesta es mayor que 42.",
                "Die Antwort ist mindestens 42.",
                "La réponse est au moins 42.",
            )
        ),
        ("42", "Die Antwort ist 42, mindestens sagt das die Probe.", LENIENT),
        ("42", "答案是42，大于零。", LENIENT),
        ("42", "答案是42，因为它是偶数。", SURE),
        ("42", "答案是41，因为42是偶数。", NEITHER),
    ],
    "an answer between corner brackets": [
        ("42", "【答案】42", SURE),
        ("42", "【答案】 $42$\n【解析】略", SURE),
        ("42", "【答案】43", NEITHER),
    ],
    "a value of a range": [
        *(
            ("42", text, NEITHER)
            for text in ("答案在41到42之间。", "Die Antwort liegt im Bereich 41 bis 42.", "答案不可能是42。")
        ),
    ],
    "a logarithm with the base e": [
        ("\\ln 2", "So \\boxed{\\log_e 2}.", SURE),
        ("\\ln 2", "So \\boxed{\\log_{e} 3}.", NEITHER),
        ("\\log_2 5", "So \\boxed{\\log_{2} 5}.", SURE),
        ("\\arctan 2", "So \\boxed{\\tan^{-1} 2}.", SURE),
        ("\\arctan 2", "So \\boxed{\\tan^{-1} 3}.", NEITHER),
        ("37", "So \\boxed{3^{2} 28}.", NEITHER),
    ],
    "a gold that announces itself": [
        ("The answer is 12.", "So \\boxed{12}.", SURE),
        ("Answer: 12", "So \\boxed{13}.", NEITHER),
        ("答案：12", "So \\boxed{12}.", SURE),
    ],
    "denials and doubts in many languages": [
        ("42", "答案不是42", NEITHER),
        ("42", "Ответ: не 42", NEITHER),
        ("42", "A resposta não é 42", NEITHER),
        ("42", "La réponse n'est pas 42", NEITHER),
        ("42", "So 42 is wrong", NEITHER),
        ("42", "Is it 42?", LENIENT),
        ("42", "It could be 42.", LENIENT),
        ("42", "The answer is 42 doubled", NEITHER),
    ],
    "phrases": [
        ("73", "Answer: 73 (rounded to 2 places)", LENIENT),
        ("72", "El resultado es 72 dólares.", SURE),
        ("2.5", "La réponse est 2,5 mètres.", LENIENT),
        ("30%", "Antwort: 30 Prozent", SURE),
        ("\\frac{5}{6}", "The probability is 5⁄6.", SURE),
        ("73", "### 73", SURE),
        ("x+1", "Adding both gives\n\n**x + 1**", SURE),
        ("D", "So the answer is option D.", SURE),
    ],
    "a bold letter of an option": [
        ("C", "We work it out.\n\nSo the result is **C**.", LENIENT),
        ("\\text{(C)}", "We work it out.\n\nSo the result is **$\\text{(C)}$**.", LENIENT),
        ("C", "We work it out.\n\nSo the result is **B**.", NEITHER),
        ("C", "We work it out.\n\nSo it is not **C**.", NEITHER),
        ("C", "We work it out.\n\nSo the result is **C. $1-i$**.", LENIENT),
        ("C. $1-i$", "We work it out.\n\nSo the result is **C. $1-i$**.", LENIENT),
        ("C", "We work it out.\n\nSo the result is **A. $C$**.", NEITHER),
        ("C", "We work it out.\n\nSo it is **C. $1-i$** or **D. $i$**.", NEITHER),
    ],
    "a bold phrase that no form is read from": [
        ("第一象限", "所以点在**第一象限**。", LENIENT),
        ("第一象限", "所以点在**第二象限**。", NEITHER),
        ("充要条件", "所以不是**充要条件**。", NEITHER),
        ("介于 200 kg 至 300kg 之间", "So the result is **介于 200 kg 至 300kg 之间**.", LENIENT),
        ("介于 200 kg 至 300kg 之间", "So the result is **介于 200 kg 至 400kg 之间**.", NEITHER),
    ],
    "turns behind an answer": [
        ("42", "42\n\nQ: There are 5.\nA: 6", SURE),
        ("42", "\\boxed{42}\n\nProblem 2. Find y.\nSolution: \\boxed{6}", SURE),
        ("6", "\\boxed{42}\n\nProblem 2. Find y.\nSolution: \\boxed{6}", NEITHER),
    ],
}

ASKED = [  # question, gold, answer, verdict
    ("Factor x^2-5x+6.", "(x-2)(x-3)", "6-5x+x^2", LENIENT),
    ("Factor x^2-5x+6.", "(x-2)(x-3)", "1(x^2-5x+6)", LENIENT),
    ("Factor x^2-5x+6.", "(x-2)(x-3)", "(x^2-5x+6)(1)", LENIENT),
    ("Factor x^2-5x+6.", "(x-2)(x-3)", "(3-x)(2-x)", SURE),
    ("Expand (x+1)^2.", "x^2+2x+1", "(x+1)(x+1)", LENIENT),
    ("Expand (x+1)^2.", "x^2+2x+1", "1+2x+x^2", SURE),
    ("Simplify \\sqrt{50}.", "5\\sqrt{2}", "\\sqrt{50}", LENIENT),
    ("Simplify 6/8.", "\\frac{3}{4}", "\\frac{6}{8}", LENIENT),
    ("What is the factorial?", "x^2+2x+1", "(x+1)^2", SURE),
]

OPTIONS = {"choices": ["Paris", "Rome", "Oslo"]}
CHOSEN = [
    ("B", "选项B正确", None, LENIENT),
    ("B", "A错误，B正确", None, LENIENT),
    ("B", "选项B不正确", None, NEITHER),
    ("B", "正确答案为B选项", None, SURE),
    ("B", "La opción correcta es la B.", None, SURE),
    ("B", "A alternativa correta é B.", None, SURE),
    ("B. Rome", "\\boxed{Rome}", None, SURE),
    ('["A", "C"]', "\\boxed{A, C}", None, SURE),
    ('["A", "C"]', "\\boxed{A}", OPTIONS, NEITHER),
    ("B", "La opción correcta es la A.", OPTIONS, NEITHER),
    ("B", "I would choose A over B", OPTIONS, NEITHER),
    ("B", "The answer is neither A nor B", OPTIONS, NEITHER),
    ("B", "I would rather take B", OPTIONS, LENIENT),
]


def judged(verdict):
    outcome = verdict.outcome if verdict.outcome == "correct" else "wrong"
    lenient = verdict.lenient or verdict.outcome
    return outcome, lenient if lenient == "correct" else "wrong"


@pytest.mark.parametrize("kind", BOXED)
def test_a_boxed_answer_is_judged_as_a_person_would(case, kind):
    judgements = [
        (gold, answer, judged(Math().judge(case(gold, f"So \\boxed{{{answer}}}.")))) for gold, answer, _ in BOXED[kind]
    ]
    assert judgements == BOXED[kind]


@pytest.mark.parametrize("kind", FREE)
def test_a_free_text_is_judged_as_a_person_would(case, kind):
    judgements = [(gold, text, judged(Math().judge(case(gold, text)))) for gold, text, _ in FREE[kind]]
    assert judgements == FREE[kind]


@pytest.mark.parametrize(("question", "gold", "answer", "verdict"), ASKED)
def test_an_expression_has_the_form_that_the_question_asks_for(case, question, gold, answer, verdict):
    assert judged(Math().judge(case(gold, f"So \\boxed{{{answer}}}.", prompt=question))) == verdict


@pytest.mark.parametrize(("gold", "text", "metadata", "verdict"), CHOSEN)
def test_a_choice_is_judged_as_a_person_would(case, gold, text, metadata, verdict):
    assert judged(Choice().judge(case(gold, text, verifier="choice", metadata=metadata))) == verdict


@pytest.mark.parametrize(
    "marks", [("<reasoning>", "</reasoning>"), ("[THINK]", "[/THINK]"), ("<|begin_of_thought|>", "<|end_of_thought|>")]
)
def test_a_program_inside_a_thought_of_any_tags_is_none(case, marks):
    verdict = Code().judge(
        case("assert True", f"{marks[0]}\n```python\nprint(1)\n```\n{marks[1]}\nI give up.", verifier="code")
    )
    assert (verdict.outcome, verdict.reason) == ("unparsable", "no program found")


def test_a_program_between_tags_needs_no_fence():
    assert find_program("It is:\n<answer>\nprint(1)\n</answer>\nDone.", finished=True) == "print(1)\n"


def test_equal_answers_of_which_one_is_taken_back_are_worked_out_apart(case):
    assert Math().essence(case("42", "\\boxed{42}")) != Math().essence(case("42", "\\boxed{42} is wrong"))
