"""Forms of gold answers: plain, worked solution, number with a unit, JSON, ambiguous text, damaged LaTeX."""

import ast
import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any

from assay.core.alternatives import join_answers, split_answers
from assay.core.types import Label, Problem
from assay.maths.text.latex import formulas
from assay.maths.text.options import listed_options, options_are_shown, question_options

FREE_TEXT = frozenset(["math", "numeric"])  # verifiers whose golds are mathematics
TOOLS_COLUMN = "tools_column"  # in the metadata of a problem whose row offers tools: the name of that column
ANSWER_FIELDS = (
    "answer",
    "final_answer",
    "ground_truth",
    "gold",
    "gold_answer",
    "solution",
    "target",
    "label",
    "value",
    "output",
    "result",
    "text",
)
_NUMBER = r"-?[$€£]?\s?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:/\d+)?"
_MATHS = (
    "pi|sqrt|mod|ln|log|sin|cos|tan|exp|and|or|to|of|if|for|million|billion|thousand|hundred|trillion|dozen|more|less"
)
_CLOCK = (
    r"[ap]\.?\s?m|noon|midnight|o['’]clock|january|february|march|april|may|june|july|august|september|october"
    r"|november|december"
)
_NO_UNIT = rf"(?!(?:{_MATHS}|times|(?i:{_CLOCK})|[a-z])\b)"
_IN_BRACKETS = rf"(?!(?:{_MATHS}|[a-z])\b(?!-))"
_BRACKETS = re.compile(
    rf"({_NUMBER})(?:\s*\(\s*{_IN_BRACKETS}([^()\d=+*/^\\$]*[A-Za-z%°][^()\d=+*/^\\$]*)\)|\s+\([mglLs]\))\.?"
)
_COUNTED = re.compile(r"[A-Za-z]{2}[A-Za-z .-]*")  # things that are counted, in brackets
_WORDS = re.compile(rf"({_NUMBER})\s+{_NO_UNIT}([A-Za-z][A-Za-z.'’ -]*[A-Za-z²³]|%|°[CF]?)\.?")
_TYPESET = re.compile(  # 8\text{ cm}, 2400 \mbox{ cm}^2
    rf"({_NUMBER}|-?\\[dt]?frac\{{\d+\}}\{{\d+\}})(?:\\[ ,;!]|[\s~])*"
    rf"\\(?:text[a-z]*|mbox|mathrm)\s*\{{\s*{_NO_UNIT}(?:[A-Za-z][A-Za-z. ]*)\}}(?:\^\{{?[23]\}}?)?\.?"
)
# of units; other letters are variables, and i is the imaginary unit
_LETTER = re.compile(rf"({_NUMBER})\s?([mgLlsthdKCFNJWVA])")
MAX_SEARCHED = 100_000  # characters at the end of a gold answer in which a box is searched
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
# "A: 18" ends a solution where a line begins with it
_A_LINE = re.compile(r"^\s*\**A\**:\**[ \t]*(?=\S)", re.MULTILINE)
_MARK = re.compile(r"####\s*|(?:final answer|answer|ответ|答案)\**\s*(?:is|are|:|=|：|是)\s*:?\s*", re.IGNORECASE)
_SENTENCES = re.compile(r"[.!?。]\s+(?=[A-Z\\$\d])|\n")
_WORD = re.compile(r"[A-Za-z]{2,}|[\u4e00-\u9fff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LOST_ESCAPES = {  # a control character, its escape, and the commands of LaTeX that lose their first letter to it
    "\x07": ("a", ""),
    "\x08": ("b", ""),
    "\x0b": ("v", ""),
    "\x0c": ("f", ""),
    "\t": (
        "t",
        "ext|textbf|extbf|textit|extit|extrm|imes|heta|riangle|riangleq|frac|an|anh|au|o|op|ilde|binom|herefore|ag"
        "|hickspace",
    ),
    "\n": ("n", "eq|e|eg|abla|ot|otin|mid|u|leq|geq|ewline|subseteq|exists|parallel"),
    "\r": ("r", "ight|ightarrow|angle|ho|ceil|floor|vert|brace|Vert"),
}
_LOST = {
    mark: re.compile(rf"{re.escape(mark)}(?:{names})(?![a-z])") for mark, (_, names) in _LOST_ESCAPES.items() if names
}
_SURE = {
    "\n": re.compile(r"(?<!\n)\n(?:eq|abla|otin|mid|leq|geq|subseteq)(?![a-z])"),
    "\t": _LOST["\t"],
    "\r": _LOST["\r"],
}


def find_lost_escape(text: str, *, gold: bool) -> str:
    """The control character that an unescaped LaTeX command has left in a text, and the command; "" if there is none.

    In JSON and in many languages "\\\\frac" with one backslash is a form feed and "rac". Form feeds, backspaces, bells
    and similar characters always count in a gold answer, and in a prompt before a letter. Tabs, newlines and returns
    count before the rest of a command; in a prompt only if no word begins like that rest.

    >>> find_lost_escape("\\x0crac{1}{2}", gold=True)
    "U+000C before 'rac{1}{2}', which was \\\\frac"
    >>> find_lost_escape("Two\\nlines", gold=False)
    ''
    """
    for match in _CONTROL.finditer(text):
        if gold or (match[0] in _LOST_ESCAPES and text[match.end() : match.end() + 1].isalpha()):
            return _describe_lost(text, match.start())
    for mark, pattern in (_LOST if gold else _SURE).items():
        if mark in text and (lost := pattern.search(text)):
            return _describe_lost(text, lost.start())
    return ""


def _describe_lost(text: str, position: int) -> str:
    rest = text[position + 1 : position + 11]
    letter = _LOST_ESCAPES.get(text[position], ("", ""))[0]
    name = re.match("[A-Za-z]*", rest)
    command = f", which was \\{letter}{name[0]}" if letter and name and name[0] else ""
    return f"U+{ord(text[position]):04X} before {rest!r}{command}"


def repair_escapes(text: str) -> str:
    """The text with the LaTeX commands restored that lost their first letter to a control character.

    >>> repair_escapes("x \\neq 0, \\x0crac{1}{2}")
    'x \\\\neq 0, \\\\frac{1}{2}'
    """
    for mark, (letter, names) in _LOST_ESCAPES.items():
        if mark in text:
            text = (
                _LOST[mark].sub(lambda match, letter=letter: f"\\{letter}{match[0][1:]}", text)  # type: ignore[misc]
                if names
                else text.replace(mark, f"\\{letter}")
            )
    return text


@lru_cache(1 << 14)  # a gold has many attempts
def readings(answer: str, verifier: str, *, united: bool = False) -> tuple[str, ...]:
    """The answers that a gold answer's text stands for under a verifier, of which any one is right.

    Under every verifier these are its alternatives; for mathematics also the contents of JSON, the end of a worked
    solution, the number before a unit in brackets, and LaTeX with its lost backslashes restored.

    Args:
        answer: the gold answer's text.
        verifier: name of the verifier.
        united: keep words in brackets, for a verifier that reads them as a unit: 8 girls are not `8 (boys)`.

    >>> readings("9 (apples)", "math"), readings("9 (apples)", "exact"), readings('["4"]', "math")
    (('9',), ('9 (apples)',), ('4',))
    """
    if verifier not in FREE_TEXT:
        return split_answers(answer)
    whole = [repair_escapes(alternative) for alternative in split_answers(answer)]
    return tuple(
        dict.fromkeys(
            _read(part, united=united) for alternative in whole for part in json_answers(alternative) or [alternative]
        )
    ) or (answer,)


def _read(answer: str, *, united: bool) -> str:
    if united and "####" not in answer and len(_BOX.findall(answer)) > 1:
        return answer  # several boxes may be one answer; the verifier decides
    bare = solution_answer(answer) if is_solution(answer) or _begins_with_mark(answer) else answer
    match = _BRACKETS.fullmatch(bare.strip())
    return (
        bare
        if match is None or (united and (match[2] is None or _COUNTED.fullmatch(match[2].strip())))
        else match[1].strip()
    )


def find_oddities(problem: Problem, label: Label) -> Iterator[tuple[str, str]]:
    """(name, detail with a remedy) for each odd form of a gold answer of mathematics; nothing for a plain answer.

    A number with a letter that the problem uses as a variable is a product and not ambiguous. Options in the metadata
    of a problem whose prompt does not show them are reported too, and so are tools that the row offers and, of the
    verifier `choice`, a gold answer that may be the index of an option.

    >>> problem = Problem.of("How many?")
    >>> [name for name, _ in find_oddities(problem, Label.of(problem.id, "9 (apples)", verifier="math"))]
    ['gold_has_unit']
    """
    for turn in problem.messages[:-1]:
        if turn.role == "assistant" and _final_line(turn.content) == label.answer.strip():
            yield (
                "gold_in_assistant_turn",
                f"an earlier turn of the assistant ends with the gold answer {label.answer[:80]!r}",
            )
            break
    metadata = json.loads(problem.metadata) if problem.metadata != "{}" else {}
    if tools := metadata.get(TOOLS_COLUMN):
        yield (
            "tools_not_offered",
            f"the column {tools!r} offers tools, which the policy does not get: only the prompt is sent",
        )
    if label.verifier == "choice" and _counts_options(label.answer, problem, metadata):
        yield (
            "gold_is_an_index",
            f"the gold answer {label.answer!r} seems to count the options; the source's setting answer_index "
            "(the number of the first option, 0 or 1) makes it a letter",
        )
    if label.verifier not in FREE_TEXT:
        return
    options = listed_options(metadata) if metadata else {}
    if options and not options_are_shown(" ".join(turn.content for turn in problem.messages), options):
        first = next(iter(options.values()))
        yield (
            "options_not_shown",
            f"options such as {first[:40]!r} stand in the metadata alone; the source's setting options shows them",
        )
    for answer in label.answers:
        if (oddity := find_oddity(answer)) and not (
            oddity[0] == "gold_is_ambiguous" and _is_variable(answer[-1], problem)
        ):
            yield oddity
            return


def _counts_options(gold: str, problem: Problem, metadata: dict[str, Any]) -> bool:
    """Whether a gold answer is a whole number that may be the index of one of a question's options."""
    if not gold.isascii() or not gold.isdecimal():
        return False
    options = question_options(problem.text, metadata)
    return bool(options) and int(gold[:9]) <= len(options)


def _is_variable(letter: str, problem: Problem) -> bool:
    """Whether a problem uses a letter as a variable: alone in a formula, or in prose but not after a number."""
    alone = re.compile(rf"(?<![A-Za-z\\'’]){letter}(?![A-Za-z])")
    for turn in problem.messages:
        text, position = turn.content, 0
        for before, start, end, after in formulas(text):
            if alone.search(text, start, end) or _in_prose(alone, text[position:before]):
                return True
            position = after
        if _in_prose(alone, text[position:]):
            return True
    return False


def _in_prose(alone: re.Pattern[str], text: str) -> bool:
    return any(not text[: match.start()].rstrip()[-1:].isdigit() and match[0] != "A" for match in alone.finditer(text))


def find_oddity(answer: str) -> tuple[str, str] | None:
    """The name of a gold answer's odd form, with a detail that names a remedy; None for a plain answer.

    >>> find_oddity("She has 5.\\n#### 5")[0], find_oddity("2m")[0], find_oddity("x + 1")
    ('gold_is_a_solution', 'gold_is_ambiguous', None)
    """
    if (answer.isascii() and answer.isdecimal()) or (len(answer) < 3 and not _LETTER.fullmatch(answer)):
        return None
    answer_text = repr(answer if len(answer) <= 80 else answer[:40] + " ... " + answer[-35:])
    if is_solution(answer):
        return "gold_is_a_solution", f'{answer_text}; answer_form = "solution" keeps its final answer alone'
    if answer[:1] in "[{" and json_answers(answer) is not None:
        return "gold_is_json", f"{answer_text} is read as it stands"
    if _LETTER.fullmatch(answer):
        return "gold_is_ambiguous", f"{answer_text} may be an amount with a unit, or a product"
    if _amount(answer):
        return "gold_has_unit", f'{answer_text}; answer_form = "number" keeps the number alone'
    return None


def is_solution(answer: str) -> bool:
    """Whether a text is a worked solution that ends with an answer, and not an answer itself.

    >>> is_solution("We get \\\\boxed{5}."), is_solution("the sum of all primes")
    (True, False)
    """
    if "####" in answer or _BOX.search(answer) or ("\n" in answer and _A_LINE.search(answer)):
        return True
    if len(answer) < 40:
        return False
    words = len(_WORD.findall(answer))
    return words >= 8 and (bool(_MARK.search(answer)) or len(_SENTENCES.split(answer.strip())) >= 2 or words >= 25)


def solution_answer(answer: str) -> str:
    """The final answer of a worked solution: after the last ####, in the last box, after "answer is" or "A:".

    A text without any of these is returned as it is.

    >>> solution_answer("48/2 = <<48/2=24>>24\\n#### 24"), solution_answer("so \\\\boxed{\\\\frac{1}{2}}.")
    ('24', '\\\\frac{1}{2}')
    >>> solution_answer("The answer is 12.")
    '12'
    """
    if "####" in answer:
        return answer.rpartition("####")[2].strip().split("\n")[0].strip() or answer
    if box := _last_box(answer):
        return box
    marks = list(_MARK.finditer(answer)) if is_solution(answer) or len(answer) < 200 else []
    if "\n" in answer and (lines := list(_A_LINE.finditer(answer))):
        marks = [max([*marks[-1:], lines[-1]], key=lambda match: match.end())]
    rest = answer[marks[-1].end() :].strip().split("\n")[0] if marks else ""
    return re.split(r"\.(?=\s|$)", rest, maxsplit=1)[0].strip().strip("*").strip() or answer


def leading_number(answer: str) -> str:
    """The number of an answer that consists of a number and a unit, in brackets or not; else the answer as it is.

    >>> leading_number("9 (apples)"), leading_number("1,500 miles"), leading_number("x + 1 (m)")
    ('9', '1,500', 'x + 1 (m)')
    """
    match = _amount(answer.strip())
    return match[1].strip() if match else answer


def _amount(answer: str) -> re.Match[str] | None:
    return _BRACKETS.fullmatch(answer) or _WORDS.fullmatch(answer) or _TYPESET.fullmatch(answer)


def usual_form(answer: str) -> str:
    """The answer as one writes it at the end of a solution: without working, brackets, JSON and full stop around it.

    >>> usual_form("9 (apples)"), usual_form("She sold 72.\\n#### 72")
    ('9', '72')
    >>> usual_form('{"answer": "4"}'), usual_form("$h=4$.")
    ('4', '$h=4$')
    """
    bare = readings(answer, "math")[0]
    bare = solution_answer(bare) if _begins_with_mark(bare) else bare
    return bare.strip().removesuffix(".").strip() or answer


def _begins_with_mark(answer: str) -> bool:
    """Whether a text announces its answer at once: "So the final answer is 12"."""
    mark = _MARK.search(answer, 0, 60)
    return mark is not None and mark.start() <= 12


def json_answers(text: str) -> list[str] | None:
    """The answers in a JSON text: a list of texts, or an object with a field named like an answer; else None.

    A list of numbers gives None: [1, 2] is an interval, or a list that is itself the answer.

    >>> json_answers('["4"]'), json_answers('{"answer": 4}'), json_answers("[1, 2]"), json_answers("{1, 2}")
    (['4'], ['4'], None, None)
    """
    bare = text.strip()
    if bare[:1] not in ("[", "{") or ('"' not in bare and not bare.startswith("['")) or len(bare) > 20_000:
        return None
    try:
        value = ast.literal_eval(bare) if bare.startswith("['") else json.loads(bare)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return list_answers(value, numbers=isinstance(value, dict))


def list_answers(value: Any, *, numbers: bool = True) -> list[str] | None:
    """The answers of a list or an object, each as text; None if it holds anything but texts (and numbers, if allowed).

    >>> list_answers(["2", "two"]), list_answers({"final_answer": [3.0]})
    (['2', 'two'], ['3'])
    >>> list_answers([{"a": 1}]), list_answers([3], numbers=False)
    (None, None)
    """
    if isinstance(value, dict):
        name = next((name for name in ANSWER_FIELDS if name in value), "")
        return (
            list_answers(value[name] if isinstance(value[name], list | dict) else [value[name]], numbers=numbers)
            if name
            else None
        )
    if not isinstance(value, list) or not value:
        return None
    if len(value) == 1 and isinstance(value[0], list | dict):
        return list_answers(value[0], numbers=numbers)
    if not all(isinstance(item, str) or (numbers and is_number(item)) for item in value):
        return None
    return [item if isinstance(item, str) else decimal_text(item) for item in value]


def is_number(value: object) -> bool:
    """Whether a value is a finite number; True is not."""
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and math.isfinite(value)
    )


def decimal_text(value: int | float) -> str:
    """The shortest decimal that reads back as the same number, without exponent or trailing zeros.

    >>> decimal_text(145.0), decimal_text(0.1), decimal_text(-0.0), decimal_text(1e3)
    ('145', '0.1', '0', '1000')
    """
    text = format(Decimal(repr(value)), "f")
    short = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if short == "-0" else short


def join_gold_answers(answers: list[str], *, every: bool = False) -> str:
    """Several answers as one: alternatives in the notation of `core.alternatives`, or with `every` a list with commas.

    >>> join_gold_answers(["2"]), join_gold_answers(["1", "2"], every=True), join_gold_answers(["2", "2 "])
    ('2', '1, 2', '2')
    """
    bare = list(dict.fromkeys(answer.strip() for answer in answers if answer.strip()))
    return ", ".join(bare) if every or len(bare) < 2 else join_answers(bare)


def _final_line(text: str) -> str:
    return solution_answer(text) if is_solution(text) or "answer" in text.casefold() else text.strip().removesuffix(".")


def _last_box(text: str) -> str:
    starts = [match.end() for match in _BOX.finditer(text[-MAX_SEARCHED:])]
    text = text[-MAX_SEARCHED:]
    for start in reversed(starts[-8:]):
        level = 1
        for position in range(start, min(len(text), start + 4000)):
            level += {"{": 1, "}": -1}.get(text[position], 0)
            if level == 0:
                return text[start:position].strip()
    return ""
