"""Options of multiple-choice questions: appended to a prompt, named in a label, and reported if a prompt hides them."""

import json
from collections.abc import Mapping
from typing import Any

from assay.core.types import Message
from assay.maths.text.options import LETTERS, listed_options, options_are_shown, parsed_options


def format_options(options: Mapping[str, str], template: str) -> str:
    """Format options as the lines that follow a question.

    >>> format_options({"A": "x", "B": "y"}, "({letter}) {text}")
    '\\n\\n(A) x\\n(B) y'
    """
    lines = (template.replace("{letter}", letter).replace("{text}", text) for letter, text in options.items())
    return "\n\n" + "\n".join(lines) if options else ""


def append_options(turns: tuple[Message, ...], options: Mapping[str, str], template: str) -> tuple[Message, ...]:
    """Append options to the last question, unless the turns show them already."""
    if not options or shows_options(turns, options):
        return turns
    last = max((index for index, turn in enumerate(turns) if turn.role == "user"), default=len(turns) - 1)
    question = Message(turns[last].role, turns[last].content.rstrip() + format_options(options, template))
    return (*turns[:last], question, *turns[last + 1 :])


def shows_options(turns: tuple[Message, ...], options: Mapping[str, str]) -> bool:
    """Tell whether the turns hold every option's text, in the order of the options."""
    return options_are_shown(" ".join(turn.content for turn in turns), options)


def find_hidden_options(row: Mapping[str, Any], turns: tuple[Message, ...], answer: str, *, is_choice: bool) -> str:
    """Find options that the prompt does not show although the gold answer is one of them.

    Args:
        row: the row as it was read.
        turns: the prompt.
        answer: the gold answer.
        is_choice: whether the verifier judges choices only.

    Returns:
        The field that holds the options, or the list of fields, as a setting in JSON; "" if nothing is hidden.
    """
    options = listed_options(row)
    if not options or shows_options(turns, options):
        return ""
    letter = answer.strip().strip("().").upper()
    if not is_choice and letter not in options:
        return ""
    single_field = next(
        (
            str(name)
            for name, value in row.items()
            if isinstance(value, list | tuple | dict | str) and parsed_options(value) == options
        ),
        "",
    )
    fields = [str(name) for name, value in row.items() if str(value) in options.values()]
    return json.dumps(single_field or fields, ensure_ascii=True)


def letter_of_index(value: Any, first: int, options: Mapping[str, str]) -> str:
    """Convert an index that counts from `first` to the letter of an option; "" if the value is not a whole number.

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
