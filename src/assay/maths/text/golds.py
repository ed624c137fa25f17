"""What a gold answer's text is: an answer, or a solution, a unit in brackets, a list, something that two readers read differently."""

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
from assay.maths.text.options import are_shown, listed_options

FREE_TEXT = frozenset(["math", "numeric"])  # verifiers whose golds are mathematics
NAMES = (
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
_CLOCK = r"[ap]\.?\s?m|noon|midnight|o['’]clock|january|february|march|april|may|june|july|august|september|october|november|december"
_NO_UNIT = rf"(?!(?:{_MATHS}|times|(?i:{_CLOCK})|[a-z])\b)"
_IN_BRACKETS = rf"(?!(?:{_MATHS}|[a-z])\b(?!-))"
_BRACKETS = re.compile(
    rf"({_NUMBER})(?:\s*\(\s*{_IN_BRACKETS}([^()\d=+*/^\\$]*[A-Za-z%°][^()\d=+*/^\\$]*)\)|\s+\([mglLs]\))\.?"
)
_COUNTED = re.compile(r"[A-Za-z]{2}[A-Za-z .-]*")  # what a reader of units reads in brackets
_WORDS = re.compile(rf"({_NUMBER})\s+{_NO_UNIT}([A-Za-z][A-Za-z.'’ -]*[A-Za-z²³]|%|°[CF]?)\.?")
_TYPESET = re.compile(  # 8\text{ cm}, 2400 \mbox{ cm}^2
    rf"({_NUMBER}|-?\\[dt]?frac\{{\d+\}}\{{\d+\}})(?:\\[ ,;!]|[\s~])*"
    rf"\\(?:text[a-z]*|mbox|mathrm)\s*\{{\s*{_NO_UNIT}(?:[A-Za-z][A-Za-z. ]*)\}}(?:\^\{{?[23]\}}?)?\.?"
)
_LETTER = re.compile(
    rf"({_NUMBER})\s?([mgLlsthdKCFNJWVA])"
)  # of units; other letters are variables, and i is the imaginary unit
LONGEST = 100_000  # characters at the end of a gold answer that are searched for its final answer
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_A_LINE = re.compile(
    r"^\s*\**A\**:\**[ \t]*(?=\S)", re.MULTILINE
)  # "A: 18" ends a solution where a line begins with it
_MARK = re.compile(r"####\s*|(?:final answer|answer|ответ|答案)\**\s*(?:is|are|:|=|：|是)\s*:?\s*", re.IGNORECASE)
_SENTENCES = re.compile(r"[.!?。]\s+(?=[A-Z\\$\d])|\n")
_WORD = re.compile(r"[A-Za-z]{2,}|[\u4e00-\u9fff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_EATEN = {  # a control character, its escape, and the commands of LaTeX that lose their first letter to it
    "\x07": ("a", ""),
    "\x08": ("b", ""),
    "\x0b": ("v", ""),
    "\x0c": ("f", ""),
    "\t": (
        "t",
        "ext|textbf|extbf|textit|extit|extrm|imes|heta|riangle|riangleq|frac|an|anh|au|o|op|ilde|binom|herefore|ag|hickspace",
    ),
    "\n": ("n", "eq|e|eg|abla|ot|otin|mid|u|leq|geq|ewline|subseteq|exists|parallel"),
    "\r": ("r", "ight|ightarrow|angle|ho|ceil|floor|vert|brace|Vert"),
}
_LOST = {mark: re.compile(rf"{re.escape(mark)}(?:{names})(?![a-z])") for mark, (_, names) in _EATEN.items() if names}
_SURE = {
    "\n": re.compile(r"(?<!\n)\n(?:eq|abla|otin|mid|leq|geq|subseteq)(?![a-z])"),
    "\t": _LOST["\t"],
    "\r": _LOST["\r"],
}


def eaten(text: str, *, gold: bool) -> str:
    """The control character that an unescaped command of LaTeX has left in a text, and the command; "" for none.

    In JSON and in many languages "\\\\frac" with one backslash is a form feed and "rac". Form feeds, backspaces, bells and their like always
    count in a gold answer, and in a prompt where a letter follows; tabs, newlines and returns where the rest of a command follows them: in a
    prompt of one that no word begins with.

    >>> eaten("\\x0crac{1}{2}", gold=True)
    "U+000C before 'rac{1}{2}', which was \\\\frac"
    >>> eaten("Two\\nlines", gold=False)
    ''
    """
    for found in _CONTROL.finditer(text):
        if gold or (found[0] in _EATEN and text[found.end() : found.end() + 1].isalpha()):
            return _told(text, found.start())
    for mark, pattern in (_LOST if gold else _SURE).items():
        if mark in text and (lost := pattern.search(text)):
            return _told(text, lost.start())
    return ""


def _told(text: str, at: int) -> str:
    rest = text[at + 1 : at + 11]
    letter = _EATEN.get(text[at], ("", ""))[0]
    name = re.match("[A-Za-z]*", rest)
    was = f", which was \\{letter}{name[0]}" if letter and name and name[0] else ""
    return f"U+{ord(text[at]):04X} before {rest!r}{was}"


def repaired(text: str) -> str:
    """The text with the commands of LaTeX that lost their first letter to a control character.

    >>> repaired("x \\neq 0, \\x0crac{1}{2}")
    'x \\\\neq 0, \\\\frac{1}{2}'
    """
    for mark, (letter, names) in _EATEN.items():
        if mark in text:
            text = (
                _LOST[mark].sub(lambda found, letter=letter: f"\\{letter}{found[0][1:]}", text)  # type: ignore[misc]
                if names
                else text.replace(mark, f"\\{letter}")
            )
    return text


@lru_cache(1 << 14)  # a gold has many attempts
def readings(answer: str, verifier: str, *, united: bool = False) -> tuple[str, ...]:
    """The answers that a gold's text stands for under a verifier, of which any one is right.

    Alternatives under every verifier. Of mathematics also what JSON holds, the end of a worked solution, the number before a unit in
    brackets, and LaTeX whose backslashes were lost.

    Args:
        answer: the gold's text.
        verifier: who judges by it.
        united: leave words in brackets where they are, for a reader that takes them as the unit: 8 girls are not `8 (boys)`.

    >>> readings("9 (apples)", "math"), readings("9 (apples)", "exact"), readings('["4"]', "math")
    (('9',), ('9 (apples)',), ('4',))
    """
    if verifier not in FREE_TEXT:
        return split_answers(answer)
    whole = [repaired(each) for each in split_answers(answer)]
    return tuple(dict.fromkeys(_read(part, united=united) for each in whole for part in read_json(each) or [each])) or (
        answer,
    )


def _read(answer: str, *, united: bool) -> str:
    if united and "####" not in answer and len(_BOX.findall(answer)) > 1:
        return answer  # several boxes may be one answer, which the reader of boxes tells
    bare = final_of(answer) if is_solution(answer) else answer
    found = _BRACKETS.fullmatch(bare.strip())
    return (
        bare
        if found is None or (united and (found[2] is None or _COUNTED.fullmatch(found[2].strip())))
        else found[1].strip()
    )


def oddities(problem: Problem, label: Label) -> Iterator[tuple[str, str]]:
    """(name, what was seen and what would change it) for each odd form of a gold answer of mathematics; nothing for a plain answer.

    A number with a letter that the problem uses as a variable is a product and no riddle. Options that were kept beside a problem whose prompt
    does not show them are told too.

    >>> one = Problem.of("How many?")
    >>> [name for name, _ in oddities(one, Label.of(one.id, "9 (apples)", verifier="math"))]
    ['gold_has_unit']
    """
    for turn in problem.messages[:-1]:
        if turn.role == "assistant" and _last(turn.content) == label.answer.strip():
            yield (
                "gold_in_assistant_turn",
                f"an earlier turn of the assistant ends with the gold answer {label.answer[:80]!r}",
            )
            break
    if label.verifier not in FREE_TEXT:
        return
    options = listed_options(json.loads(problem.metadata)) if problem.metadata != "{}" else {}
    if options and not are_shown(" ".join(turn.content for turn in problem.messages), options):
        first = next(iter(options.values()))
        yield (
            "options_not_shown",
            f"options such as {first[:40]!r} stand in the metadata alone; the source's setting options shows them",
        )
    for answer in label.answers:
        if (found := oddity(answer)) and not (found[0] == "gold_is_ambiguous" and _is_variable(answer[-1], problem)):
            yield found
            return


def _is_variable(letter: str, problem: Problem) -> bool:
    """Whether a problem uses a letter as a variable: alone in a formula, or alone in its prose and not behind a number, as a unit stands."""
    alone = re.compile(rf"(?<![A-Za-z\\'’]){letter}(?![A-Za-z])")
    for turn in problem.messages:
        text, at = turn.content, 0
        for before, start, end, after in formulas(text):
            if alone.search(text, start, end) or _in_prose(alone, text[at:before]):
                return True
            at = after
        if _in_prose(alone, text[at:]):
            return True
    return False


def _in_prose(alone: re.Pattern[str], text: str) -> bool:
    return any(not text[: found.start()].rstrip()[-1:].isdigit() and found[0] != "A" for found in alone.finditer(text))


def oddity(answer: str) -> tuple[str, str] | None:
    """The name of a gold answer's odd form, what was seen and what would change it.

    >>> oddity("She has 5.\\n#### 5")[0], oddity("2m")[0], oddity("x + 1")
    ('gold_is_a_solution', 'gold_is_ambiguous', None)
    """
    if len(answer) < 3 and not _LETTER.fullmatch(answer):
        return None
    shown = repr(answer if len(answer) <= 80 else answer[:40] + " ... " + answer[-35:])
    if is_solution(answer):
        return "gold_is_a_solution", f'{shown}; answer_form = "solution" keeps its final answer alone'
    if answer[:1] in "[{" and read_json(answer) is not None:
        return "gold_is_json", f"{shown} is read as it stands"
    if _LETTER.fullmatch(answer):
        return "gold_is_ambiguous", f"{shown} may be an amount with a unit, or a product"
    if _amount(answer):
        return "gold_has_unit", f'{shown}; answer_form = "number" keeps the number alone'
    return None


def is_solution(answer: str) -> bool:
    """Whether a text is working that ends with an answer, and not the answer itself.

    >>> is_solution("We get \\\\boxed{5}."), is_solution("the sum of all primes")
    (True, False)
    """
    if "####" in answer or _BOX.search(answer) or ("\n" in answer and _A_LINE.search(answer)):
        return True
    if len(answer) < 40:
        return False
    words = len(_WORD.findall(answer))
    return words >= 8 and (bool(_MARK.search(answer)) or len(_SENTENCES.split(answer.strip())) >= 2 or words >= 25)


def final_of(answer: str) -> str:
    """The final answer of a worked solution: behind the last ####, in the last box, behind "answer is" or a line's "A:"; else the text as it is.

    >>> final_of("48/2 = <<48/2=24>>24\\n#### 24"), final_of("so \\\\boxed{\\\\frac{1}{2}}."), final_of("The answer is 12.")
    ('24', '\\\\frac{1}{2}', '12')
    """
    if "####" in answer:
        return answer.rpartition("####")[2].strip().split("\n")[0].strip() or answer
    if box := _last_box(answer):
        return box
    marks = list(_MARK.finditer(answer)) if is_solution(answer) or len(answer) < 200 else []
    if "\n" in answer and (lines := list(_A_LINE.finditer(answer))):
        marks = [max([*marks[-1:], lines[-1]], key=lambda found: found.end())]
    rest = answer[marks[-1].end() :].strip().split("\n")[0] if marks else ""
    return re.split(r"\.(?=\s|$)", rest, maxsplit=1)[0].strip().strip("*").strip() or answer


def number_of(answer: str) -> str:
    """The number of an answer that is a number and its unit, in brackets or behind it; else the answer as it is.

    >>> number_of("9 (apples)"), number_of("1,500 miles"), number_of("x + 1 (m)")
    ('9', '1,500', 'x + 1 (m)')
    """
    found = _amount(answer.strip())
    return found[1].strip() if found else answer


def _amount(answer: str) -> re.Match[str] | None:
    return _BRACKETS.fullmatch(answer) or _WORDS.fullmatch(answer) or _TYPESET.fullmatch(answer)


def usual(answer: str) -> str:
    """The answer as a person would write it at the end of a solution: without the working, the brackets, the JSON and the full stop around it.

    >>> usual("9 (apples)"), usual("She sold 72.\\n#### 72"), usual('{"answer": "4"}'), usual("$h=4$.")
    ('9', '72', '4', '$h=4$')
    """
    bare = readings(answer, "math")[0]
    mark = _MARK.search(bare)
    bare = final_of(bare) if mark and mark.start() <= 12 else bare  # "So the final answer is 12."
    return bare.strip().removesuffix(".").strip() or answer


def read_json(text: str) -> list[str] | None:
    """The answers that a text holds as JSON: a list of texts, or an object with a field that is named after an answer; None for anything else.

    A list of numbers is none: [1, 2] is an interval or a list that is the answer.

    >>> read_json('["4"]'), read_json('{"answer": 4}'), read_json("[1, 2]"), read_json("{1, 2}")
    (['4'], ['4'], None, None)
    """
    bare = text.strip()
    if bare[:1] not in ("[", "{") or ('"' not in bare and not bare.startswith("['")) or len(bare) > 20_000:
        return None
    try:
        value = ast.literal_eval(bare) if bare.startswith("['") else json.loads(bare)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return answers_of(value, numbers=isinstance(value, dict))


def answers_of(value: Any, *, numbers: bool = True) -> list[str] | None:
    """The answers of a list or an object, each as text; None where it holds anything but texts, or numbers where they are none.

    >>> answers_of(["2", "two"]), answers_of({"final_answer": [3.0]}), answers_of([{"a": 1}]), answers_of([3], numbers=False)
    (['2', 'two'], ['3'], None, None)
    """
    if isinstance(value, dict):
        name = next((name for name in NAMES if name in value), "")
        return (
            answers_of(value[name] if isinstance(value[name], list | dict) else [value[name]], numbers=numbers)
            if name
            else None
        )
    if not isinstance(value, list) or not value:
        return None
    if len(value) == 1 and isinstance(value[0], list | dict):
        return answers_of(value[0], numbers=numbers)
    if not all(isinstance(each, str) or (numbers and is_number(each)) for each in value):
        return None
    return [each if isinstance(each, str) else decimal_text(each) for each in value]


def is_number(value: object) -> bool:
    """Whether a value is a finite number, which True is not."""
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


def joined(answers: list[str], *, every: bool = False) -> str:
    """One answer for several: alternatives as `core.types.any_of` writes them, or all of them with commas.

    >>> joined(["2"]), joined(["1", "2"], every=True), joined(["2", "2 "])
    ('2', '1, 2', '2')
    """
    bare = list(dict.fromkeys(each.strip() for each in answers if each.strip()))
    return ", ".join(bare) if every or len(bare) < 2 else join_answers(bare)


def _last(text: str) -> str:
    return final_of(text) if is_solution(text) or "answer" in text.casefold() else text.strip().removesuffix(".")


def _last_box(text: str) -> str:
    starts = [found.end() for found in _BOX.finditer(text[-LONGEST:])]
    text = text[-LONGEST:]
    for start in reversed(starts[-8:]):
        level = 1
        for at in range(start, min(len(text), start + 4000)):
            level += {"{": 1, "}": -1}.get(text[at], 0)
            if level == 0:
                return text[start:at].strip()
    return ""
