"""The options of a question, from metadata of any usual shape or from the question itself."""

import ast
import json
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Any

LETTERS = "ABCDEFGHIJ"
OPTION_FIELDS = (
    "choices",
    "options",
    "answer_choices",
    "answerChoices",
    "candidates",
    "endings",
)  # where data sets keep options
_ONE_FIELD = (
    ("A", "B"),
    ("a", "b"),
    ("option_a", "option_b"),
    ("opa", "opb"),
    ("choice_a", "choice_b"),
    ("option1", "option2"),
    ("choice1", "choice2"),
)
_TEXTS, _NAMES = (
    ("text", "texts", "value", "content", "answer", "option"),
    ("label", "labels", "key", "letter", "id", "name"),
)
_WRAP = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|rm|bf|mbox|operatorname)\s*\{([^{}]*)\}")
_LABEL = r"[(\[（]?\s?([{letters}])\s?(?:[)\]）]|[.:：．、](?!\w\.)|\s[-–—]\s)\s*[.:：]?\s*"
_DRESSED = re.compile(
    r"\\(?:text|textbf|textrm|mathrm|mathbf|rm|bf)\s*\{\s*([(\[]?[A-Ja-j][)\]]?[.:]?)\s*\}|\\q?quad(?![A-Za-z])|\*\*"
)
_SPACES = re.compile(r"\\[,;:! ]|\\q?quad|~|\$|\*\*")


def question_options(text: str, metadata: Any, letters: str = LETTERS) -> dict[str, str]:
    """The options of a question as plain texts by letter; metadata first, then the question's own lines.

    >>> question_options("", {"options": ["A)21", "B)32"]})
    {'A': '21', 'B': '32'}
    >>> question_options("How many? (A) 1 (B) 2", {})
    {'A': '1', 'B': '2'}
    """
    options = listed_options(metadata, letters) if isinstance(metadata, Mapping) else {}
    return {letter: plain_option(option) for letter, option in (options or labelled_options(text, letters)).items()}


def listed_options(row: Mapping[str, Any], letters: str = LETTERS) -> dict[str, str]:
    """The options that a row holds under one of the usual names, as written, by letter.

    >>> listed_options({"choices": {"label": ["A", "B"], "text": ["x", "y"]}})
    {'A': 'x', 'B': 'y'}
    """
    for name in OPTION_FIELDS:
        if row.get(name) is not None and (options := parsed_options(row[name], letters)):
            return options
    for first, second in _ONE_FIELD:
        if first in row and second in row:
            stem, digit = first[:-1], first[-1].isdigit()
            names = [
                f"{stem}{index + 1}" if digit else f"{stem}{chr(ord(first[-1]) + index)}"
                for index in range(len(letters))
            ]
            return {
                letter: str(row[name])
                for letter, name in zip(letters, names, strict=True)
                if row.get(name) not in (None, "")
            }
    return {}


def may_list_options(names: Collection[object]) -> bool:
    """Whether a row with these fields may hold options under one of the usual names; without, `listed_options` is {}.

    >>> may_list_options(["question", "choices"]), may_list_options(["question", "option_a"])
    (True, False)
    """
    return any(name in names for name in OPTION_FIELDS) or any(a in names and b in names for a, b in _ONE_FIELD)


def parsed_options(value: Any, letters: str = LETTERS) -> dict[str, str]:
    """Options by letter from a list, a mapping, a list of mappings, or a text with one of these or `A) ... B) ...`.

    >>> parsed_options("a ) 38 , b ) 27.675 , c ) 30")
    {'A': '38', 'B': '27.675', 'C': '30'}
    """
    if isinstance(value, str):
        structured = _parse_structure(value)
        return labelled_options(value, letters) if structured is None else parsed_options(structured, letters)
    if isinstance(value, Mapping):
        return _options_of_mapping(value, letters)
    if isinstance(value, Sequence):
        return _options_of_list(value, letters)
    return {}


def labelled_options(text: str, letters: str = LETTERS) -> dict[str, str]:
    """The options that stand after their letters in a text, on lines or in a row; of several lists the last."""
    text = _DRESSED.sub(lambda match: f" {match[1] or ''} ", text)
    for kind in (letters, letters.lower()):
        pattern = re.compile(r"(?:^|(?<=[\s,;$(}?？。：:]))" + _LABEL.format(letters=re.escape(kind)), re.MULTILINE)
        runs = _runs(list(pattern.finditer(text)), kind)
        if runs:
            run = runs[-1]
            ends = [match.start() for match in run[1:]] + [_line_end(text, run[-1].end())]
            return {
                letters[index]: text[match.end() : end].strip(" \t\n,;")
                for index, (match, end) in enumerate(zip(run, ends, strict=True))
            }
    return {}


def options_are_shown(text: str, options: Mapping[str, str]) -> bool:
    """Whether a text holds every option's text, in the order of the options.

    >>> options_are_shown("Pick: x or y?", {"A": "x", "B": "y"}), options_are_shown("Pick one.", {"A": "x", "B": "y"})
    (True, False)
    """
    option_text, position = plain_option(text), 0
    for option in map(plain_option, options.values()):
        position = option_text.find(option, position) + len(option)
        if position < len(option):
            return False
    return True


def plain_option(text: str) -> str:
    """An option's text for comparison: NFKC, lower case, single spaces, no dollar signs, bold or final full stop.

    >>> plain_option("$\\\\text{Paris}$."), plain_option("  NEW   York ")
    ('paris', 'new york')
    """
    bare = unwrap_latex(text)
    if not bare.isascii():
        bare = unicodedata.normalize("NFKC", bare)
    return " ".join(bare.casefold().strip(" .*\"'“”").split())


def unwrap_latex(text: str) -> str:
    r"""A text without `\text{}` and similar commands, dollar signs, math spaces and bold marks.

    >>> unwrap_latex("$\\textbf{(D)}\\ 12$")
    '(D) 12'
    """
    if "\\" not in text and "$" not in text and "*" not in text and "~" not in text:
        return text.strip()
    return " ".join(_SPACES.sub(" ", _WRAP.sub(r"\1", _WRAP.sub(r"\1", text))).split())


def _parse_structure(text: str) -> Any:
    """The list or mapping that a text holds as JSON or as a Python literal; None if it holds none."""
    if text.strip()[:1] not in ("[", "{"):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(value, list | tuple | dict):
            return value
    return None


def _options_of_mapping(value: Mapping[Any, Any], letters: str) -> dict[str, str]:
    texts = next(
        (
            value[name]
            for name in _TEXTS
            if isinstance(value.get(name), Sequence) and not isinstance(value.get(name), str)
        ),
        None,
    )
    if texts is not None:  # {"label": [...], "text": [...]}
        return _options_of_list(texts, letters)
    keys = [str(key).strip("().: ").upper() for key in value]
    if all(len(key) == 1 and key in letters for key in keys):
        return dict(sorted(zip(keys, map(str, value.values()), strict=True)))
    return _options_of_list(list(value.values()), letters)  # {"0": ..., "1": ...}


def _options_of_list(value: Sequence[Any], letters: str) -> dict[str, str]:
    if not 1 < len(value) <= len(letters):
        return {}
    texts = [str(_option_text(item)).strip() for item in value]
    label = re.compile(r"[(\[]?\s?([A-Za-z])\s?[)\].:]\s*")
    matches = [label.match(text) for text in texts]
    if all(match and match[1].upper() == letters[index] for index, match in enumerate(matches)):
        texts = [text[match.end() :] for text, match in zip(texts, matches, strict=True) if match]
    return dict(zip(letters, texts))


def _option_text(item: Any) -> Any:
    if isinstance(item, Mapping):
        return next(
            (item[name] for name in _TEXTS if name in item),
            next((content for key, content in item.items() if key not in _NAMES), ""),
        )
    return item


def _runs(matches: list[re.Match[str]], letters: str) -> list[list[re.Match[str]]]:
    """The runs A, B, C, ... among matches, those of at least two, in order."""
    runs: list[list[re.Match[str]]] = []
    for match in matches:
        if match[1] == letters[0]:
            runs.append([match])
        elif runs and len(runs[-1]) < len(letters) and match[1] == letters[len(runs[-1])]:
            runs[-1].append(match)
    return [run for run in runs if len(run) > 1]


def _line_end(text: str, start: int) -> int:
    """The end of the line, where the last option ends."""
    end = text.find("\n", start)
    return len(text) if end < 0 else end
