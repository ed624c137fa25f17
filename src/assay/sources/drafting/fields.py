"""Guess which fields of a table hold the question, the gold answer, options and further facts.

Names that published data sets use come first, then what the values look like. A guess is a proposal: whoever makes a
config of it reads some rows with it and shows them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError
from assay.maths.text.golds import is_number, is_solution, leading_number
from assay.maths.text.options import OPTION_FIELDS, listed_options
from assay.sources._bad_row import BadRow, escape_surrogates
from assay.sources._chats import MEDIA, MEDIA_COLUMN, parse_chat_text
from assay.sources._tables import check_kind, read_rows

ROWS = 200  # that are looked at
DEPTH = 2  # of names such as reward_model.ground_truth
MOST_SHARE = 0.5  # of the values that have a form, from which on it is a field's form
PAIRS = (("body", "question"), ("passage", "question"), ("context", "question"), ("instruction", "input"))
PROMPTS = (
    "problem",
    "question",
    "prompt",
    "problem_statement",
    "question_text",
    "query",
    "instruction",
    "input",
    "messages",
    "conversations",
    "task",
    "text",
    "content",
)
ANSWERS = (
    "final_answer",
    "answer",
    "expected_answer",
    "ground_truth",
    "gold_answer",
    "gold",
    "target",
    "correct_answer",
    "answerkey",
    "answer_key",
    "correct_option",
    "cop",
    "correct",
    "label",
    "solution",
    "response",
    "output",
    "completion",
)
TESTS = ("test_list", "tests", "test_cases", "input_output", "public_tests", "verification_info", "test")
KEPT = ("id", "level", "subject", "type", "difficulty", "category", "topic", "source", "data_source", "split")
FACTS = 8  # fields that are kept at most


@dataclass(frozen=True, slots=True)
class FieldGuess:
    """Settings of a source that may read a table's rows, with why each was chosen."""

    settings: dict[str, Any]
    reasons: dict[str, str] = field(default_factory=dict)  # by setting
    notes: tuple[str, ...] = ()  # what the settings do not say


@dataclass(frozen=True, slots=True)
class FieldValues:
    """The fields of some rows by their dotted names, with the values that are there."""

    values: dict[str, list[Any]]
    rows: int

    def named(self, names: Sequence[str]) -> list[str]:
        """List the fields whose name, or its last step, is one of these, in the order of `names`."""
        return [
            own
            for name in names
            for own in self.values
            if own.lower() == name or own.lower().rpartition(".")[2] == name
        ]

    def share(self, name: str, test: Any) -> float:
        """Return the share of a field's values that pass a test."""
        values = self.values[name]
        return sum(bool(test(value)) for value in values) / len(values)


def read_sample(path: Path, limit: int = ROWS) -> list[Mapping[str, Any]]:
    """Read the first rows of a file that are objects.

    Raises:
        ConfigError: no such file, another kind of file, or no row that is an object.
    """
    if not path.is_file():
        raise ConfigError(f"no file {escape_surrogates(str(path))!r}")
    check_kind(path.name, path)
    rows = [value for _, value in islice(read_rows(path, None), limit)]
    objects = [row for row in rows if isinstance(row, Mapping)]
    if not objects:
        first = f", the first: {rows[0].detail if isinstance(rows[0], BadRow) else repr(rows[0])[:80]}" if rows else ""
        raise ConfigError(f"{path.name}: none of its first {len(rows)} rows is an object with named fields{first}")
    return objects


def list_columns(rows: Sequence[Mapping[str, Any]]) -> FieldValues:
    """List the fields of rows by their dotted names; a field without any value is left out."""
    values: dict[str, list[Any]] = {}
    for row in rows:
        for name, value in _flatten(row, "", DEPTH):
            if value is not None and value != "":
                values.setdefault(name, []).append(value)
    return FieldValues(values, len(rows))


def guess_fields(rows: Sequence[Mapping[str, Any]]) -> list[FieldGuess]:
    """List guesses for rows of a table, the likeliest first; empty where no field looks like a question."""
    columns = list_columns(rows)
    return [
        guess
        for prompt in list_prompts(columns)
        for answer in list_answers(columns, prompt)
        if (guess := _guess_with(columns, rows, prompt, answer))
    ]


def list_prompts(columns: FieldValues) -> list[tuple[str, ...]]:
    """List fields that may hold the question, the likeliest first; of two fields of one question, both."""
    pairs = [
        (first[0], second[0])
        for pair in PAIRS
        if (first := columns.named(pair[:1])) and (second := columns.named(pair[1:])) and first[0] != second[0]
    ]
    prompt_names = [(name,) for name in columns.named(PROMPTS) if columns.share(name, _is_question) > MOST_SHARE]
    used_names = {name for names in (*pairs, *prompt_names) for name in names}
    others = [
        name for name in columns.values if name not in used_names and columns.share(name, _is_question) > MOST_SHARE
    ]
    by_length = sorted(others, key=lambda name: -_mean_length(columns.values[name]))
    texts = [(name,) for name in by_length if name not in columns.named((*ANSWERS, *TESTS, *KEPT))]
    return list(dict.fromkeys([*pairs, *_join_halves(columns, prompt_names), *texts]))


def list_answers(columns: FieldValues, prompt: Sequence[str]) -> list[str]:
    """List fields that may hold the gold answer, the likeliest first; tests of programs come last."""
    answer_names = [name for name in columns.named(ANSWERS) if name not in prompt]
    answer_names.sort(key=lambda name: len(columns.values[name]) < columns.rows / 2)  # fields of few rows last
    tests = [name for name in columns.named(TESTS) if name not in prompt]
    used_names = {*prompt, *answer_names, *tests, *columns.named(KEPT), *columns.named(OPTION_FIELDS)}
    others = [name for name in columns.values if name not in used_names and columns.share(name, _is_short) == 1]
    return list(
        dict.fromkeys([*answer_names, *tests, *sorted(others, key=lambda name: _mean_length(columns.values[name]))])
    )


def _guess_with(
    columns: FieldValues, rows: Sequence[Mapping[str, Any]], prompt: tuple[str, ...], answer: str
) -> FieldGuess | None:
    settings: dict[str, Any] = {"prompt": prompt[0] if len(prompt) == 1 else list(prompt), "answer": answer}
    reasons, notes = {}, []
    if len(prompt) > 1 and columns.share(prompt[0], _lacks_full_stop) > MOST_SHARE:
        settings["end_with_period"], reasons["end_with_period"] = True, f"{prompt[0]} ends without a full stop"
    if answer in columns.named(TESTS):
        settings["verifier"] = "code"
        reasons["verifier"] = "the answers are tests of programs"
    else:
        for name, (value, why) in {**_answer_form(columns, answer), **_choices(columns, rows, answer)}.items():
            settings[name], reasons[name] = value, why
    used_names = {*prompt, answer, *_as_list(settings.get("options", ()))}
    fact_names = list_facts(columns, used_names)
    if fact_names:
        settings["metadata_fields"], reasons["metadata_fields"] = (
            fact_names,
            "facts about a problem, for SQL and exports",
        )
    if media := _find_media(columns, prompt):
        notes.append(
            f'{media}: such rows are dropped (needs_image); media = "keep" would keep the pictures, "ignore" pose them as texts'
        )
    return FieldGuess(settings, reasons, tuple(notes))


def list_facts(columns: FieldValues, used_names: Collection[str]) -> list[str]:
    """List fields of usual names with short values, then others with one word or number in every row.

    Fields inside other fields, and those whose name is that of a question, an answer, tests or options, are left out.
    """
    questions = columns.named((*PROMPTS, *ANSWERS, *TESTS, *OPTION_FIELDS))
    others = [
        name
        for name, values in columns.values.items()
        if name not in questions
        and "." not in name
        and len(values) == columns.rows
        and columns.share(name, _is_word) == 1
    ]
    names = dict.fromkeys([*columns.named(KEPT), *others])
    return [name for name in names if name not in used_names and columns.share(name, _is_fact) == 1][:FACTS]


def _answer_form(columns: FieldValues, answer: str) -> dict[str, tuple[Any, str]]:
    if columns.share(answer, is_number) > 0:
        return {"answer_numbers": (True, "some answers are numbers, not texts")}
    if columns.share(answer, lambda value: isinstance(value, str) and is_solution(value)) > MOST_SHARE:
        return {"answer_form": ("solution", "the answers are worked solutions, of which the final answer counts")}
    if columns.share(answer, lambda value: isinstance(value, str) and leading_number(value) != value) > MOST_SHARE:
        return {"answer_form": ("number", "the answers are numbers with a unit")}
    return {}


def _choices(columns: FieldValues, rows: Sequence[Mapping[str, Any]], answer: str) -> dict[str, tuple[Any, str]]:
    options = [listed_options(row) for row in rows]
    if sum(map(bool, options)) <= MOST_SHARE * len(rows):
        return {}
    settings: dict[str, tuple[Any, str]] = {"verifier": ("choice", "each question has options")}
    if name := next((name for name in OPTION_FIELDS if name in columns.values), ""):
        settings["options"] = (name, "put below the question")
    else:
        first = next(row for row, own in zip(rows, options, strict=True) if own)
        texts = listed_options(first)
        fields = [name for text in texts.values() for name, value in first.items() if str(value) == text]
        settings["options"] = (list(dict.fromkeys(fields)), "put below the question")
    indices = [int(value) for value in columns.values[answer] if _is_index(value)]
    if len(indices) > MOST_SHARE * columns.rows:
        start = 1 if min(indices) >= 1 and max(indices) >= max(map(len, options)) else 0
        settings["answer_index"] = (start, f"the answers count the options from {start}")
    return settings


def _join_halves(columns: FieldValues, prompt_names: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Join the first name with others by | where not every row has it and another is in the rows that lack it."""
    if not prompt_names or len(columns.values[prompt_names[0][0]]) == columns.rows:
        return list(prompt_names)
    first = prompt_names[0][0]
    partners = [
        name for (name,) in prompt_names[1:] if len(columns.values[name]) + len(columns.values[first]) >= columns.rows
    ]
    return [(f"{first}|{partners[0]}",), *prompt_names] if partners else list(prompt_names)


def _find_media(columns: FieldValues, prompt: Sequence[str]) -> str:
    if names := [name for name in columns.values if MEDIA_COLUMN.fullmatch(name)]:
        return f"the field {names[0]!r} holds pictures, videos or sounds"
    for name in prompt:
        for value in columns.values.get(name, ()):
            if isinstance(value, str) and (match := MEDIA.search(value)):
                return f"{name!r} holds {match[0][:40]!r}"
    return ""


def _flatten(row: Mapping[str, Any], prefix: str, depth: int) -> list[tuple[str, Any]]:
    pairs = []
    for name, value in row.items():
        full = f"{prefix}{name}"
        is_inner = isinstance(value, Mapping) and depth > 1 and name not in OPTION_FIELDS
        pairs += _flatten(value, f"{full}.", depth - 1) if is_inner else [(full, value)]
    return pairs


def _is_question(value: Any) -> bool:
    if isinstance(value, str):
        return len(value.split()) > 1 or len(value) > 5 or _is_chat_text(value)
    return isinstance(value, list) and bool(value) and all(map(_is_turn, value))


def _is_turn(value: Any) -> bool:
    return isinstance(value, Mapping) and ("role" in value or "from" in value)


def _is_short(value: Any) -> bool:
    return is_number(value) or (isinstance(value, str) and len(value) <= 80)


def _lacks_full_stop(value: Any) -> bool:
    return isinstance(value, str) and value.rstrip()[-1:] not in ".!?"


def _is_chat_text(value: str) -> bool:
    try:
        return parse_chat_text(value, "") is not None
    except BadRow:
        return False


def _is_index(value: Any) -> bool:
    text = str(value).strip()
    return not isinstance(value, bool) and text.isascii() and text.isdecimal() and len(text) < 3


def _is_fact(value: Any) -> bool:
    return isinstance(value, bool) or _is_short(value)


def _is_word(value: Any) -> bool:
    return _is_fact(value) and len(str(value).split()) == 1


def _as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _mean_length(values: Sequence[Any]) -> float:
    return sum(len(str(value)) for value in values) / len(values)
