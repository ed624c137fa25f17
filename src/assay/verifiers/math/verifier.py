"""`math`: answers are read from their form and compared strictly and leniently; algebra decides what form cannot."""

import contextlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from assay.core.types import GradingCase, Label, Problem, Verdict
from assay.verifiers.answers.extraction import (
    ExtractedAnswer,
    find_final_answer,
    find_unmarked_answer,
    measure_depth,
)
from assay.verifiers.answers.meaning import (
    OptionLetter,
    QuantityValue,
    RelationChain,
    UnreadAnswer,
    WordAnswer,
    read_meaning,
)
from assay.verifiers.answers.numbers import Number, is_same_number, parse_number, tidy
from assay.verifiers.answers.phrase_values import (
    PhraseValue,
    find_letter_at_end,
    find_value_at_end,
    read_phrase_value,
    take_last_side,
)
from assay.verifiers.answers.verdicts import Grade, build_verdict, decide_outcome, settle_verdict
from assay.verifiers.math.alternatives import read_alternatives
from assay.verifiers.math.comparison import NO, Agreement, NeedsProof, QuestionFacts, Rules
from assay.verifiers.math.equality import compare_answers
from assay.verifiers.math.magnitude import overflows
from assay.verifiers.math.symbolic import compare_latex, is_readable

MAX_CHARS = 2_000  # of one answer; MATH's gold answers have at most 159, and parsing 3,000 takes a third of a second
# nested brackets; MATH's gold answers have at most 3, and parsing 20 takes a third of a second the first time
MAX_DEPTH = 20
MAX_LINE_CHARS = 200  # of a last line that may be an answer as a whole
TAIL_CHARS = 600  # at the end of a text, which names no value without a digit there
MAX_DIGITS = 300  # of an integer that is compared directly
MAX_TEXT_CHARS = 500_000  # of a text without a marked answer
_MARKS = re.compile(r"[.,]")
_MONEY = re.compile(r"[$€£¥₹]")
_DIVIDED = re.compile(r"/|\\[dt]?frac")
_COMMA_LANGUAGES = re.compile(
    r"\b(?:Antwort|Lösung|Ergebnis|réponse|respuesta|resposta|risposta|[Оо]твет|antwoord|svar|odpowiedź|cevap)\b",
    re.IGNORECASE,
)
_ASCII_COMMA_WORDS = ("antwo", "ergebnis", "respuesta", "sposta", "svar", "cevap")  # one is in each of its ASCII words
_DECIMAL = re.compile(r"(?<=\d),(?=\d{1,2}(?!\d))")
_PROSE = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{2,}|[^\W\d_A-Za-z\u0370-\u03ff]{2,}")
# at the end of a line
_BOLD_LETTER = re.compile(r"(?<!not )(?<!n't )\*\*\s?\$?(?:\\text\{)?\(?([A-J])\)?\}?\$?[.,]?\s?\*\*[.!]?$")
_HEAVY = re.compile(r"\\(?:sum|prod|int|lim|binom)|!|\^\{?[^{}]*\^")
WARM_UP_PAIRS = (  # one pair of each common kind; the first needs simplifying
    (r"\frac{x^2-1}{x-1}", "x+1"),
    ("x^2+1", "1+x^2"),
    (r"\frac{\sqrt{2}}{2}", r"\sin 45"),
    ("(1,2]", "(1,3]"),
    (r"\text{east}", "west"),
    ("x=1", "1"),
    (r"\{1,2\}", "1,2"),
    (r"1\frac{2}{3}, -0.5", r"\sqrt{34}+3\sqrt{10}"),
    (r"4:30 \text{ p.m.}", r"2\pi r^2"),
    (r"\begin{pmatrix} 1 \\ -2 \end{pmatrix}", r"x \in [-2,7]"),
    (r"(-\infty,2)\cup(3,\infty)", "50\\%"),
    ("(2,-3)", r"90^\circ"),
    ("y=2x-3", r"(x+5)(x-5)"),
    (r"\frac{3+\sqrt{5}}{2}", r"-\frac{7}{12}"),
    ("x<-4", r"\log_2 3"),
    (r"\binom{10^{3}}{3}", "(4!)!"),
    (r"\sqrt[3]{5}", r"2^{2^{3}}"),
    ("x+3", r"\sum_{k=1}^{10^{2}} \frac{1}{k^2}"),
    ("x+4", "(3!)!!"),
    ("x+5", r"\int_0^{2} e^{x^{2}} dx"),
)


@dataclass(frozen=True)
class Math:
    """Judge mathematics: correct where the final answer says the same as the gold answer.

    Strictly correct is what is beyond doubt, leniently correct what a person would accept. In order: the same
    characters (`exact`), two numbers (`numeric`), and a comparison by form (`symbolic`, or `last number` where no
    answer is marked) of quantities with units, times, tuples, sets, intervals, equations. Only expressions that form
    cannot decide are parsed by latex2sympy's grammar and compared by Math-Verify; equal values must agree to 1e-9 of
    their size. Nothing of an answer is evaluated as code. Math-Verify's own time limits are off, since they need
    signals and the main thread: call this inside a `Grader`.

    An answer that is too long, too deep or too large to work out is wrong; a gold answer like that is an error. A
    truncated text counts only where it marks its final answer. `docs/grading.md` holds the rules, one per row.

    Source: Math-Verify 0.9.0, github.com/huggingface/Math-Verify; pint for factors between units.
    """

    unevaluated: bool = False  # whether 12 + 25 is strictly an answer to 37

    version: ClassVar[str] = "8"

    def warm(self) -> None:
        """Import the algebra and compare one pair of each common kind, so that no case has to wait for it."""
        for gold, answer in WARM_UP_PAIRS:
            compare_answers(gold, answer, Rules())
            compare_latex(gold, answer)

    def warm_glance(self) -> None:
        """Read one pair of each common kind by form, which compiles the patterns that `glance` needs."""
        for gold, answer in WARM_UP_PAIRS:
            with contextlib.suppress(NeedsProof):
                compare_answers(gold, answer, Rules(), prove=False)

    def judge(self, case: GradingCase) -> Verdict:
        """Judge one case; may hang on hostile input."""
        return settle_verdict(case, self._grade, verifier="math", version=self.version)

    def glance(self, case: GradingCase) -> Verdict | None:
        """Return the verdict where form decides it, in time linear in the text; None where algebra is needed."""
        if case.rollout.finish == "error":
            return self.judge(case)
        grade = _grade_by_form(case, unevaluated=self.unevaluated)
        return None if grade is None else build_verdict(case, "math", self.version, decide_outcome(case, grade), grade)

    def essence(self, case: GradingCase) -> str:
        """Return all that algebra reads of a text, so that equal answers to one problem are compared once."""
        how, answer_text, short_text = _read_essence(case.rollout.text)
        return f"{case.problem.id} {how} {_uses_decimal_comma(case)} {answer_text} {short_text}"

    def suspect(self, row: GradingCase | Label) -> bool:
        """Return whether comparing may take long; such rows go first, so that they hang side by side."""
        return bool(_HEAVY.search(row.answer if isinstance(row, Label) else self.essence(row)))

    def reads(self, label: Label) -> bool:
        """Return whether the gold answer can be parsed and evaluated; may hang on hostile input."""
        readable = self.glance_label(label)
        return _is_comparable(label.answer) and not _explodes(label.answer) if readable is None else readable

    def glance_label(self, label: Label) -> bool | None:
        """Return whether a gold answer is readable, where that can be told without algebra."""
        if parse_number(label.answer) is not None:
            return True
        gold = tidy(label.answer)
        if len(gold) > MAX_CHARS or measure_depth(gold) > MAX_DEPTH or not any(char.isalnum() for char in gold):
            return False
        return None

    def _grade(self, case: GradingCase) -> Grade:
        return _grade_with_algebra(case, unevaluated=self.unevaluated)


@lru_cache(4)  # it is asked for twice in a row
def _read_essence(text: str) -> tuple[str, str, str]:
    """Return how the answer of a text was found, the answer, and the short text at its end where none is marked."""
    if answer := find_final_answer(text):
        return answer.how, f"{answer.text} {answer.doubt}", ""
    value, last_answer = find_value_at_end(text), find_unmarked_answer(text)
    answer_text = f"{value.text} {value.certain}" if value else ""
    return "end", answer_text, f"{_last_line(text)} {last_answer.text if last_answer else ''}"


def _grade_by_form(case: GradingCase, *, unevaluated: bool) -> Grade | None:
    """Return the grade where no algebra is needed; None where it is."""
    try:
        return _grade_alternatives(case, unevaluated=unevaluated, prove=False)
    except NeedsProof:
        return None


def _grade_with_algebra(case: GradingCase, *, unevaluated: bool) -> Grade:
    """Grade with algebra; an explosion is the answer's fault unless the gold answer explodes by itself."""
    try:
        return _grade_alternatives(case, unevaluated=unevaluated, prove=True)
    except (OverflowError, RecursionError) as error:
        answer = find_final_answer(case.rollout.text)
        excerpt = answer.text if answer else case.rollout.text[-80:]
        reason = f"{type(error).__name__} while comparing"
        return (
            Grade(None, excerpt, reason, failed=True)
            if any(map(_explodes, read_alternatives(case.label.answer)))
            else Grade(False, excerpt, reason)
        )


def _grade_alternatives(case: GradingCase, *, unevaluated: bool, prove: bool) -> Grade:
    """Grade by each alternative of the gold answer, and return the best grade."""
    golds = read_alternatives(case.label.answer)
    if len(golds) == 1:
        return _grade_against(golds[0], case, unevaluated=unevaluated, prove=prove)
    grades = [_grade_against(gold, case, unevaluated=unevaluated, prove=prove) for gold in golds]
    return max(grades, key=lambda grade: (bool(grade.right), bool(grade.lenient)))


def _grade_against(gold: str, case: GradingCase, *, unevaluated: bool, prove: bool) -> Grade:
    text = case.rollout.text
    if not text.strip():
        return Grade(None, reason="empty text")
    answer = find_final_answer(text)
    tidy_gold, gold_number, gold_integer = _read_gold(gold)
    if answer is not None and (tidy_answer := tidy(answer.text)) and tidy_answer == tidy_gold:
        return _apply_doubt(Grade(True, answer.text, "exact"), answer)
    if refusal := _refuse_gold(gold):
        return refusal
    if (
        answer is not None
        and gold_integer is not None
        and answer.text.isdecimal()
        and answer.text.isascii()
        and len(answer.text) < MAX_DIGITS
    ):
        # the most common answer, graded directly
        return _apply_doubt(Grade(gold_integer == int(answer.text), answer.text, "numeric"), answer)
    if answer is None:
        return _grade_unmarked(gold, case, _make_rules(case, unevaluated=unevaluated), prove=prove)
    value = parse_number(answer.text) if gold_number and not _MONEY.search(answer.text + gold) else None
    if (
        gold_number
        and value
        and not _DIVIDED.search(answer.text)
        and (
            (is_equal := is_same_number(gold_number, value))
            or not (_MARKS.search(answer.text) and _uses_decimal_comma(case))
        )
    ):
        return _apply_doubt(Grade(is_equal, answer.text, "numeric"), answer)
    if refusal := _refuse_size(answer.text, "answer", failed=False) or _refuse_overflow(answer.text, gold):
        return refusal
    rules = _make_rules(case, unevaluated=unevaluated)
    agreement, excerpt = _compare_marked(gold, answer, rules, prove=prove)
    if agreement is None:
        return _make_unparsable(answer.text)
    return _apply_doubt(_make_grade(agreement, excerpt, "symbolic"), answer)


def _apply_doubt(grade: Grade, answer: ExtractedAnswer) -> Grade:
    """Make the grade of an answer whose place is in doubt at most leniently correct."""
    if answer.doubt == "a denial" and (grade.right or grade.lenient):
        return grade._replace(right=False, lenient=None, reason=f"{grade.reason}, {answer.doubt}")
    if not (answer.doubt and grade.right):
        return grade
    return grade._replace(right=False, lenient=True, reason=f"{grade.reason}, {answer.doubt}")


@lru_cache(4096)  # a gold answer has many rollouts
def _read_gold(gold: str) -> tuple[str, Number | None, int | None]:
    """Return the tidied gold answer, its number, and that number as an integer.

    It is one only where it is written exactly and is no sum of money.
    """
    value = parse_number(gold)
    is_whole = value is not None and value.value.denominator == 1 and not value.decimal and not _MONEY.search(gold)
    return tidy(gold), value, value.value.numerator if value is not None and is_whole else None


@lru_cache(4096)
def _refuse_gold(gold: str) -> Grade | None:
    return _refuse_size(gold, "gold answer", failed=True)


@lru_cache(1024)
def _read_facts(problem: Problem) -> QuestionFacts:
    return QuestionFacts.from_text("\n".join(message.content for message in problem.messages if message.role == "user"))


def _compare_marked(gold: str, answer: ExtractedAnswer, rules: Rules, *, prove: bool) -> tuple[Agreement | None, str]:
    """Compare a marked answer, and return what was read; no agreement where a phrase names no value at all."""
    if answer.how == "boxed":
        return compare_answers(gold, answer.text, rules, prove=prove), answer.text
    answer_meaning = read_meaning(answer.text)
    is_prose = isinstance(answer_meaning, (UnreadAnswer, WordAnswer)) or _PROSE.search(answer.text)
    if not is_prose:
        return compare_answers(gold, answer.text, rules, prove=prove), answer.text
    agreement = (
        compare_answers(gold, answer.text, rules, prove=prove)
        if isinstance(answer_meaning, WordAnswer) and isinstance(read_meaning(gold), (WordAnswer, OptionLetter))
        else NO
    )
    if not agreement.lenient and not isinstance(answer_meaning, (UnreadAnswer, WordAnswer)):
        agreement = compare_answers(gold, answer.text, rules, prove=prove)
    if agreement.lenient:
        return agreement, answer.text
    value = read_phrase_value(answer.text)
    if value is None and rules.comma and (value := read_phrase_value(_DECIMAL.sub(".", answer.text))):
        value = value._replace(certain=False)
    if value is None:
        return (
            NO if re.search(r"\d", answer.text) or not isinstance(answer_meaning, (UnreadAnswer, WordAnswer)) else None
        ), answer.text
    return _compare_value(gold, value, rules, prove=prove), value.text


def _compare_value(gold: str, value: PhraseValue, rules: Rules, *, prove: bool) -> Agreement:
    """Compare a phrase's value; plain working that does not hold counts leniently by its last side."""
    agreement = compare_answers(gold, value.text, rules, prove=prove)
    if not agreement.lenient and (side := take_last_side(value.text)):
        agreement = Agreement(False, compare_answers(gold, side, rules, prove=prove).lenient)
    return Agreement(agreement.strict and value.certain, agreement.lenient)


def _make_rules(case: GradingCase, *, unevaluated: bool) -> Rules:
    return Rules(_read_facts(case.problem), unevaluated, _uses_decimal_comma(case))


def _uses_decimal_comma(case: GradingCase) -> bool:
    """Return whether the end of the text is in a language that writes 1.234,5."""
    end = case.rollout.text[-400:]
    if end.isascii() and not any(map(end.lower().__contains__, _ASCII_COMMA_WORDS)):
        return False  # as nearly every one
    return _COMMA_LANGUAGES.search(end) is not None


def _last_line(text: str) -> str:
    """Return the last line where it is short enough to be an answer; else ""."""
    line = text.rstrip()[-MAX_LINE_CHARS - 1 :].rpartition("\n")[2].strip().lstrip("#> ")
    return line if len(line) <= MAX_LINE_CHARS else ""


def _grade_unmarked(gold: str, case: GradingCase, rules: Rules, *, prove: bool) -> Grade:
    """Grade a finished text without a marked answer by its last value, or a short text as a whole."""
    text = case.rollout.text
    if case.rollout.finish != "stop":
        return Grade(None, reason="cut before a final answer")
    if len(text) > MAX_TEXT_CHARS:
        return Grade(
            False, reason=f"no final answer marked in {len(text)} characters, at most {MAX_TEXT_CHARS} are searched"
        )
    line = _last_line(text)
    if line and (agreement := compare_answers(gold, line, rules, prove=prove)).lenient:
        return _make_grade(agreement, line, "symbolic")
    if isinstance(read_meaning(gold), OptionLetter):
        letter = find_letter_at_end(text)
        if letter:
            return _make_grade(compare_answers(gold, letter, rules), letter, "last letter")
        letter = _find_bold_option(text, line)
        if letter and compare_answers(gold, letter, rules).lenient:
            return Grade(False, letter, "letter, not marked", lenient=True)
        return Grade(None, reason="no final answer")
    value = find_value_at_end(text)
    grade = _grade_end_value(gold, value, rules, prove=prove) if value else None
    if grade and (grade.right or grade.lenient):
        return grade
    last_answer = find_unmarked_answer(text)
    same_text = last_answer is not None and tidy(last_answer.text) == tidy(gold)
    marked_agreement = (
        _compare_marked(gold, last_answer, rules, prove=prove)[0] if last_answer and not same_text else None
    )
    if last_answer and (same_text or (marked_agreement and marked_agreement.lenient)):
        # the bold part of a last line, or a last line that is an answer
        return Grade(False, last_answer.text, "symbolic, not marked", lenient=True)
    if grade or last_answer:
        return grade or Grade(False, last_answer.text if last_answer else "", "symbolic")
    has_no_value = not re.search(r"\d", text[-TAIL_CHARS:])
    return Grade(
        None if has_no_value else False, reason="no final answer" if has_no_value else "no single value at the end"
    )


def _find_bold_option(text: str, line: str) -> str:
    """Return the option in bold at the end of a text: its letter, perhaps with its text; "" where there is none."""
    letter = _BOLD_LETTER.search(line)
    if letter and line.count("**") == 2:
        return letter[1]
    bold_answer = find_unmarked_answer(text)
    return (
        bold_answer.text
        if bold_answer and bold_answer.how == "bold" and isinstance(read_meaning(bold_answer.text), OptionLetter)
        else ""
    )


def _grade_end_value(gold: str, value: PhraseValue, rules: Rules, *, prove: bool) -> Grade:
    """Grade the last value of a text."""
    if refusal := _refuse_size(value.text, "answer", failed=False) or _refuse_overflow(value.text, gold):
        return refusal
    return _make_grade(
        _compare_value(gold, value, rules, prove=prove), value.text, "last number" if parse_number(gold) else "symbolic"
    )


def _make_grade(agreement: Agreement, excerpt: str, reason: str) -> Grade:
    lenient = None if agreement.strict == agreement.lenient else agreement.lenient
    return Grade(agreement.strict, excerpt, reason if lenient is None else f"{reason}, leniently", lenient=lenient)


def _make_unparsable(text: str) -> Grade:
    return Grade(None, text[-80:], "the final answer cannot be parsed")


def _refuse_size(answer: str, name: str, *, failed: bool) -> Grade | None:
    """Refuse what is too long or too deep: wrong for an answer, an error for a gold answer."""
    if len(answer) > MAX_CHARS:
        return Grade(
            None if failed else False,
            answer,
            f"{name} of {len(answer)} characters, at most {MAX_CHARS} are read",
            failed=failed,
        )
    nested = measure_depth(answer)
    if nested > MAX_DEPTH:
        return Grade(
            None if failed else False,
            answer,
            f"{name} nested {nested} deep, at most {MAX_DEPTH} are read",
            failed=failed,
        )
    return None


def _refuse_overflow(answer: str, gold: str) -> Grade | None:
    """Refuse an answer that is too large to work out, where the gold answer is not."""
    if not overflows(answer) or overflows(gold):
        return None
    return Grade(False, answer[-80:], "a number of more than a million digits, or a sum of more than 10,000 terms")


def _explodes(gold: str) -> bool:
    """Return whether a gold answer explodes when it is compared with any number."""
    try:
        meaning = read_meaning(gold)
        if isinstance(meaning, QuantityValue):
            compare_latex(meaning.latex, "7919")
        elif isinstance(meaning, RelationChain):
            for side in meaning.sides:
                compare_latex(side, "7919")
    except (OverflowError, RecursionError):
        return True
    return False


def _is_comparable(gold: str) -> bool:
    """Return whether a gold answer has a form that can be compared."""
    meaning = read_meaning(gold)
    if isinstance(meaning, UnreadAnswer):
        return False
    return not isinstance(meaning, QuantityValue) or is_readable(meaning.latex)
