"""Options of multiple-choice questions: put below a prompt, named in a label, and missed where a prompt hides them."""

import json
from collections.abc import Mapping
from typing import Any

from assay.core.types import Message
from assay.maths.text.options import LETTERS, are_shown, listed_options, parsed_options


def option_lines(options: Mapping[str, str], template: str) -> str:
    """The lines that show options below a question.

    >>> option_lines({"A": "x", "B": "y"}, "({letter}) {text}")
    '\\n\\n(A) x\\n(B) y'
    """
    lines = (template.replace("{letter}", letter).replace("{text}", text) for letter, text in options.items())
    return "\n\n" + "\n".join(lines) if options else ""


def append_options(turns: tuple[Message, ...], options: Mapping[str, str], template: str) -> tuple[Message, ...]:
    """The turns with options below the last question, unless it shows them already."""
    if not options or shows_options(turns, options):
        return turns
    last = max((index for index, turn in enumerate(turns) if turn.role == "user"), default=len(turns) - 1)
    asked = Message(turns[last].role, turns[last].content.rstrip() + option_lines(options, template))
    return (*turns[:last], asked, *turns[last + 1 :])


def shows_options(turns: tuple[Message, ...], options: Mapping[str, str]) -> bool:
    """Whether every option's text stands in the turns, in the order of the options."""
    return are_shown(" ".join(turn.content for turn in turns), options)


def find_hidden_options(row: Mapping[str, Any], turns: tuple[Message, ...], answer: str, *, chosen: bool) -> str:
    """The field, or the fields, whose options a prompt does not show although the gold answer is one of them, as a
    setting; "" where there are none.

    Args:
        row: the row as read.
        turns: the prompt.
        answer: the gold answer.
        chosen: whether the verifier judges choices only.
    """
    options = listed_options(row)
    if not options or shows_options(turns, options):
        return ""
    bare = answer.strip().strip("().").upper()
    if not chosen and bare not in options:
        return ""
    one = next(
        (
            str(name)
            for name, value in row.items()
            if isinstance(value, list | tuple | dict | str) and parsed_options(value) == options
        ),
        "",
    )
    several = [str(name) for name, value in row.items() if str(value) in options.values()]
    return json.dumps(one or several, ensure_ascii=True)


def letter_of_index(value: Any, first: int, options: Mapping[str, str]) -> str:
    """The letter of an index that counts from `first`, "" where the value is no whole number.

    Raises:
        ValueError: there is no such option.

    >>> letter_of_index("2", 0, {"A": "x", "B": "y", "C": "z"}), letter_of_index(1, 1, {}), letter_of_index("B", 0, {})
    ('C', 'A', '')
    """
    text = str(value).strip()
    if isinstance(value, bool) or not text.isascii() or not text.removesuffix(".0").isdecimal():
        return ""
    index = int(text.removesuffix(".0")[:9]) - first
    letters = list(options) or list(LETTERS)
    if not 0 <= index < len(letters):
        raise ValueError(f"counted from {first} it names no option of {len(letters)}")
    return letters[index]
