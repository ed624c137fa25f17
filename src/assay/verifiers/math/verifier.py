"""`math`: what an answer says is read from its form, and compared with the gold strictly and leniently; algebra is asked last."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from assay.core.types import GradingCase, Label, Problem, Verdict
from assay.verifiers.answers.extraction import ExtractedAnswer, depth, final_answer
from assay.verifiers.answers.meaning import OptionLetter, QuantityValue, RelationChain, UnreadAnswer, WordAnswer, read
from assay.verifiers.answers.numbers import Number, number, same, tidy
from assay.verifiers.answers.phrase_values import PhraseValue, last_side, letter_at_end, value_at_end, value_of_phrase
from assay.verifiers.answers.verdicts import Grade, outcome, settle, verdict
from assay.verifiers.math.comparison import NO, NeedsProof, Opinion, QuestionFacts, Rules
from assay.verifiers.math.equality import alternatives, compare
from assay.verifiers.math.magnitude import overflows
from assay.verifiers.math.symbolic import readable, same_expression

LONGEST = (
    2_000  # characters of one answer, of which MATH's golds have 159 at most; reading 3,000 takes a third of a second
)
DEEPEST = (
    20  # nested brackets, of which MATH's golds have 3 at most; reading 20 for the first time takes a third of a second
)
WHOLE = 200  # characters of a last line that may be an answer as a whole
TAIL = 600  # characters at the end of a text of which one must be a digit, or it names no value
DIGITS = 300  # of an integer that is compared at once
LONGEST_TEXT = 500_000  # characters of a text without any marked answer
_MARKS = re.compile(r"[.,]")
_MONEY = re.compile(r"[$€£¥₹]")
_DIVIDED = re.compile(r"/|\\[dt]?frac")
_COMMA_LANGUAGES = re.compile(
    r"\b(?:Antwort|Lösung|Ergebnis|réponse|respuesta|resposta|risposta|[Оо]твет|antwoord|svar|odpowiedź|cevap)\b",
    re.IGNORECASE,
)
_DECIMAL = re.compile(r"(?<=\d),(?=\d{1,2}(?!\d))")
_PROSE = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{2,}")
_BOLD_LETTER = re.compile(
    r"(?<!not )(?<!n't )\*\*\s?\$?(?:\\text\{)?\(?([A-J])\)?\}?\$?[.,]?\s?\*\*[.!]?$"
)  # at the end of a line
_HEAVY = re.compile(r"\\(?:sum|prod|int|lim|binom)|!|\^\{?[^{}]*\^")
_WARM = (  # one of each common kind; the first one needs simplifying
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
)


@dataclass(frozen=True)
class Math:
    """Correct where the final answer says the same as the gold answer: strictly beyond doubt, leniently as a person would accept it.

    Paths, in order: the same characters (`exact`), two numbers (`numeric`), and a comparison by form (`symbolic`, or `last number` where no
    answer is marked): quantities with units, times, tuples, sets, intervals, equations. Only expressions that form cannot decide are parsed, by
    latex2sympy's grammar, and compared by Math-Verify; equal values must agree to 1e-9 of their size. Nothing of an answer is evaluated
    as code. Math-Verify's own time-outs are off (they need signals and the main thread): call this inside a `Grader`.

    An answer that is too long, too deep or too large to work out is wrong; a gold answer like that is an error. A cut text counts only where
    it marks its final answer. `docs/grading.md` holds the rules, one per row.
    Source: Math-Verify 0.9.0, github.com/huggingface/Math-Verify; pint for factors between units.
    """

    unevaluated: bool = False  # whether 12 + 25 is, strictly, an answer where the gold is 37

    version: ClassVar[str] = "6"

    def warm(self) -> None:
        """Import the algebra and compare one pair of each common kind, so that no case pays for that."""
        for gold, answer in _WARM:
            compare(gold, answer, Rules())
            same_expression(gold, answer)

    def judge(self, case: GradingCase) -> Verdict:
        """The verdict of one case; may hang on hostile input."""
        return settle(case, self._grade, verifier="math", version=self.version)

    def glance(self, case: GradingCase) -> Verdict | None:
        """The verdict where form decides it, in time linear in the text; None where algebra must be asked."""
        if case.rollout.finish == "error":
            return self.judge(case)
        quick = _quick(case, unevaluated=self.unevaluated)
        return None if quick is None else verdict(case, "math", self.version, outcome(case, quick), quick)

    def essence(self, case: GradingCase) -> str:
        """All that algebra reads of a text: equal answers to one problem are worked out once, whatever led to them."""
        found = final_answer(case.rollout.text)
        value = None if found else value_at_end(case.rollout.text)
        said = f"{found.text} {found.doubt}" if found else f"{value.text} {value.certain}" if value else ""
        last = None if found else final_answer(case.rollout.text, finished=True)
        short = f"{_last_line(case.rollout.text)} {last.text if last else ''}" if not found else ""
        return f"{case.problem.id} {found.how if found else 'end'} {_decimal_comma(case)} {said} {short}"

    def suspect(self, row: GradingCase | Label) -> bool:
        """Whether working it out may take long; such rows go first, so that they hang side by side and not at the end."""
        return bool(_HEAVY.search(row.answer if isinstance(row, Label) else self.essence(row)))

    def reads(self, label: Label) -> bool:
        """Whether the gold answer can be parsed and evaluated; may hang on hostile input."""
        quick = self.glance_label(label)
        return _readable(label.answer) and not _breaks(label.answer) if quick is None else quick

    def glance_label(self, label: Label) -> bool | None:
        """Whether a gold answer is readable, where that can be told without algebra."""
        if number(label.answer) is not None:
            return True
        gold = tidy(label.answer)
        if len(gold) > LONGEST or depth(gold) > DEEPEST or not any(char.isalnum() for char in gold):
            return False
        return None

    def _grade(self, case: GradingCase) -> Grade:
        return _quick(case, unevaluated=self.unevaluated) or _proved(case, unevaluated=self.unevaluated)


def _quick(case: GradingCase, *, unevaluated: bool) -> Grade | None:
    """The grade where no algebra is needed; None where it is."""
    try:
        return _judged(case, unevaluated=unevaluated, prove=False)
    except NeedsProof:
        return None


def _proved(case: GradingCase, *, unevaluated: bool) -> Grade:
    """The grade with algebra; what explodes is the answer's fault unless the gold explodes by itself."""
    try:
        return _judged(case, unevaluated=unevaluated, prove=True)
    except (OverflowError, RecursionError) as error:
        found = final_answer(case.rollout.text)
        shown = found.text if found else case.rollout.text[-80:]
        reason = f"{type(error).__name__} while comparing"
        return (
            Grade(None, shown, reason, failed=True)
            if any(map(_breaks, alternatives(case.label.answer)))
            else Grade(False, shown, reason)
        )


def _judged(case: GradingCase, *, unevaluated: bool, prove: bool) -> Grade:
    """The grade under each alternative of the gold: the first that is right, else leniently right."""
    golds = alternatives(case.label.answer)
    if len(golds) == 1:
        return _judged_by(golds[0], case, unevaluated=unevaluated, prove=prove)
    grades = [_judged_by(gold, case, unevaluated=unevaluated, prove=prove) for gold in golds]
    return max(grades, key=lambda grade: (bool(grade.right), bool(grade.lenient)))


def _judged_by(gold: str, case: GradingCase, *, unevaluated: bool, prove: bool) -> Grade:
    text = case.rollout.text
    if not text.strip():
        return Grade(None, reason="empty text")
    found = final_answer(text)
    bare, target, whole = _read_gold(gold)
    if found is not None and (said := tidy(found.text)) and said == bare:
        return _doubted(Grade(True, found.text, "exact"), found)
    if refusal := _refused_gold(gold):
        return refusal
    if (
        found is not None
        and whole is not None
        and found.text.isdecimal()
        and found.text.isascii()
        and len(found.text) < DIGITS
    ):
        return _doubted(
            Grade(whole == int(found.text), found.text, "numeric"), found
        )  # the most common answer, at once
    if found is None:
        return _unmarked(gold, case, _rules(case, unevaluated=unevaluated), prove=prove)
    value = number(found.text) if target and not _MONEY.search(found.text + gold) else None
    if (
        target
        and value
        and not _DIVIDED.search(found.text)
        and ((equal := same(target, value)) or not (_MARKS.search(found.text) and _decimal_comma(case)))
    ):
        return _doubted(Grade(equal, found.text, "numeric"), found)
    if refusal := _refused(found.text, "answer", failed=False) or _overflow(found.text, gold):
        return refusal
    rules = _rules(case, unevaluated=unevaluated)
    opinion, shown = _opinion(gold, found, rules, prove=prove)
    if opinion is None:
        return _silent(found.text)
    return _doubted(_graded(opinion, shown, "symbolic"), found)


def _doubted(grade: Grade, found: ExtractedAnswer) -> Grade:
    """A grade of an answer whose place is in doubt: right leniently at most."""
    if found.doubt == "a denial" and (grade.right or grade.lenient):
        return grade._replace(right=False, lenient=None, reason=f"{grade.reason}, {found.doubt}")
    if not (found.doubt and grade.right):
        return grade
    return grade._replace(right=False, lenient=True, reason=f"{grade.reason}, {found.doubt}")


@lru_cache(4096)  # a gold has many attempts
def _read_gold(gold: str) -> tuple[str, Number | None, int | None]:
    """(the gold without its dress, its number, that number again where it is whole, written exactly, and no sum of money)."""
    value = number(gold)
    whole = value is not None and value.value.denominator == 1 and not value.decimal and not _MONEY.search(gold)
    return tidy(gold), value, value.value.numerator if value is not None and whole else None


@lru_cache(4096)
def _refused_gold(gold: str) -> Grade | None:
    return _refused(gold, "gold answer", failed=True)


@lru_cache(1024)
def _facts(problem: Problem) -> QuestionFacts:
    return QuestionFacts.of("\n".join(message.content for message in problem.messages if message.role == "user"))


def _opinion(gold: str, found: ExtractedAnswer, rules: Rules, *, prove: bool) -> tuple[Opinion | None, str]:
    """The opinion on a marked answer and what it was read from; None where a phrase names no value at all."""
    if found.how == "boxed":
        return compare(gold, found.text, rules, prove=prove), found.text
    whole = read(found.text)
    prose = isinstance(whole, (UnreadAnswer, WordAnswer)) or _PROSE.search(found.text)
    if not prose:
        return compare(gold, found.text, rules, prove=prove), found.text
    opinion = (
        compare(gold, found.text, rules, prove=prove)
        if isinstance(whole, WordAnswer) and isinstance(read(gold), (WordAnswer, OptionLetter))
        else NO
    )
    if not opinion.lenient and not isinstance(whole, (UnreadAnswer, WordAnswer)):
        opinion = compare(gold, found.text, rules, prove=prove)
    if opinion.lenient:
        return opinion, found.text
    value = value_of_phrase(found.text)
    if value is None and rules.comma and (value := value_of_phrase(_DECIMAL.sub(".", found.text))):
        value = value._replace(certain=False)
    if value is None:
        return (
            NO if re.search(r"\d", found.text) or not isinstance(whole, (UnreadAnswer, WordAnswer)) else None
        ), found.text
    return _valued(gold, value, rules, prove=prove), value.text


def _valued(gold: str, value: PhraseValue, rules: Rules, *, prove: bool) -> Opinion:
    """The opinion on a phrase's value; plain working that does not hold is leniently worth its last side."""
    opinion = compare(gold, value.text, rules, prove=prove)
    if not opinion.lenient and (side := last_side(value.text)):
        opinion = Opinion(False, compare(gold, side, rules, prove=prove).lenient)
    return Opinion(opinion.strict and value.certain, opinion.lenient)


def _rules(case: GradingCase, *, unevaluated: bool) -> Rules:
    return Rules(_facts(case.problem), unevaluated, _decimal_comma(case))


def _decimal_comma(case: GradingCase) -> bool:
    """Whether the question or the end of the text is in a language that writes 1.234,5."""
    return _COMMA_LANGUAGES.search(case.rollout.text[-400:]) is not None


def _last_line(text: str) -> str:
    """The last line where it is short, and may be an answer as a whole; else ""."""
    line = text.rstrip()[-WHOLE - 1 :].rpartition("\n")[2].strip().lstrip("#> ")
    return line if len(line) <= WHOLE else ""


def _unmarked(gold: str, case: GradingCase, rules: Rules, *, prove: bool) -> Grade:
    """The last value of a finished text without a marked answer, or a short text as a whole."""
    text = case.rollout.text
    if case.rollout.finish != "stop":
        return Grade(None, reason="cut before a final answer")
    if len(text) > LONGEST_TEXT:
        return Grade(
            False, reason=f"no final answer marked in {len(text)} characters, at most {LONGEST_TEXT} are searched"
        )
    line = _last_line(text)
    if line and (opinion := compare(gold, line, rules, prove=prove)).lenient:
        return _graded(opinion, line, "symbolic")
    if isinstance(read(gold), OptionLetter):
        letter = letter_at_end(text)
        if letter:
            return _graded(compare(gold, letter, rules), letter, "last letter")
        letter = _bold_option(text, line)
        if letter and compare(gold, letter, rules).lenient:
            return Grade(False, letter, "letter, not marked", lenient=True)
        return Grade(None, reason="no final answer")
    value = value_at_end(text)
    grade = _valued_at_end(gold, value, rules, prove=prove) if value else None
    if grade and (grade.right or grade.lenient):
        return grade
    last = final_answer(text, finished=True)
    same_text = last is not None and tidy(last.text) == tidy(gold)
    said = _opinion(gold, last, rules, prove=prove)[0] if last and not same_text else None
    if last and (same_text or (said and said.lenient)):
        return Grade(
            False, last.text, "symbolic, not marked", lenient=True
        )  # the bold part of a last line, or a last line that is an answer
    if grade or last:
        return grade or Grade(False, last.text if last else "", "symbolic")
    silent = not re.search(r"\d", text[-TAIL:])
    return Grade(None if silent else False, reason="no final answer" if silent else "no single value at the end")


def _bold_option(text: str, line: str) -> str:
    """The option in bold at the end of a text, as its letter or with what it says; "" where there is none."""
    letter = _BOLD_LETTER.search(line)
    if letter and line.count("**") == 2:
        return letter[1]
    bold = final_answer(text, finished=True)
    return bold.text if bold and bold.how == "bold" and isinstance(read(bold.text), OptionLetter) else ""


def _valued_at_end(gold: str, value: PhraseValue, rules: Rules, *, prove: bool) -> Grade:
    """The grade of the last value of a text."""
    if refusal := _refused(value.text, "answer", failed=False) or _overflow(value.text, gold):
        return refusal
    return _graded(_valued(gold, value, rules, prove=prove), value.text, "last number" if number(gold) else "symbolic")


def _graded(opinion: Opinion, shown: str, reason: str) -> Grade:
    lenient = None if opinion.strict == opinion.lenient else opinion.lenient
    return Grade(opinion.strict, shown, reason if lenient is None else f"{reason}, leniently", lenient=lenient)


def _silent(text: str) -> Grade:
    return Grade(None, text[-80:], "the final answer cannot be parsed")


def _refused(answer: str, name: str, *, failed: bool) -> Grade | None:
    """What is not read: an answer's fault, or its gold's."""
    if len(answer) > LONGEST:
        return Grade(
            None if failed else False,
            answer,
            f"{name} of {len(answer)} characters, at most {LONGEST} are read",
            failed=failed,
        )
    nested = depth(answer)
    if nested > DEEPEST:
        return Grade(
            None if failed else False, answer, f"{name} nested {nested} deep, at most {DEEPEST} are read", failed=failed
        )
    return None


def _overflow(answer: str, gold: str) -> Grade | None:
    """An answer too large to work out, beside a gold answer that is not."""
    if not overflows(answer) or overflows(gold):
        return None
    return Grade(False, answer[-80:], "a number of more than a million digits, or a sum of more than 10,000 terms")


def _breaks(gold: str) -> bool:
    """Whether a gold answer cannot be compared with another number: it explodes by itself."""
    try:
        meaning = read(gold)
        if isinstance(meaning, QuantityValue):
            same_expression(meaning.latex, "7919")
        elif isinstance(meaning, RelationChain):
            for side in meaning.sides:
                same_expression(side, "7919")
    except (OverflowError, RecursionError):
        return True
    return False


def _readable(gold: str) -> bool:
    """Whether a gold answer is of a form that can be compared."""
    meaning = read(gold)
    if isinstance(meaning, UnreadAnswer):
        return False
    return not isinstance(meaning, QuantityValue) or readable(meaning.latex)
