"""One row of any table -> a problem and its label, or the reason why not; shared by the sources that read tables."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from assay.core.errors import ConfigError, suggest_names
from assay.core.identity import canonical_json
from assay.core.parts import list_parts
from assay.core.ports import SourceRow
from assay.core.types import Drop, Label, Message, Problem
from assay.maths.text.golds import (
    FREE_TEXT,
    answers_of,
    decimal_text,
    eaten,
    final_of,
    is_number,
    joined,
    number_of,
    read_json,
)
from assay.maths.text.options import FIELDS, listed_options, parsed_options
from assay.sources._bad_row import BadRow as BadRow
from assay.sources._bad_row import shorten as shorten
from assay.sources._chats import FIELD, MEDIA, parse_chat_text, read_chat
from assay.sources._options import append_options, find_hidden_options, letter_of_index

PROGRAMS = frozenset(["code", "reasoning_gym"])  # verifiers whose labels and prompts are no mathematics
# Columns that published sets of code problems hold beside the tests, and without which these cannot be run.
BESIDE_TESTS = (
    "fn_name",
    "func_name",
    "function_name",
    "entry_point",
    "test_setup_code",
    "test_imports",
    "starter_code",
    "metadata",
    "language",
)


@dataclass(frozen=True, slots=True)
class Row:
    """A row as its file holds it, or what is wrong with it, and where it stands."""

    value: Any  # a mapping, or anything else that is then a bad row
    file: str = ""
    line: int = 0  # counted from 1
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Fields:
    """Which fields of a row make the problem and its label.

    A name with dots reaches into nested objects and lists (`reward_model.ground_truth`, `final_answer.0`). Of names
    joined by | the first counts that a row has (`problem|question`).

    A gold answer may be a text, a list or an object. A list of one element is that element, one of several stands for
    all of them (`answer_list`); of an object the field counts that is named after an answer. Rows that no text alone
    can pose, or whose text was damaged, are drops: `needs_image`, `ends_with_assistant`, `gold_control_character`,
    `prompt_control_character`.
    """

    prompt: str | tuple[str, ...] = (
        "prompt"  # one field, or several joined; one field may hold a chat: a list of {role, content}
    )
    join: str = " "  # between the texts of several fields
    full_stops: bool = False  # end each joined text but the last with a full stop where it ends without . ! ?
    answer: str = "answer"
    answer_after: str = ""  # the gold answer follows the last of these marks; "" = the whole field
    answer_numbers: bool = False  # accept a JSON number as answer, as its shortest decimal: 145.0 is "145"
    answer_index: int | None = (
        None  # 0 or 1: a gold answer that is a whole number counts the options from there, and becomes a letter
    )
    options: str | tuple[str, ...] = (
        ""  # the field that holds a question's options, in any usual shape, or one field per option; put below the prompt
    )
    options_template: str = "{letter}. {text}"  # of one option's line
    answer_form: Literal["as_is", "solution", "number"] = (
        "as_is"  # solution: what a worked solution ends with; number: 9 of "9 (apples)", "9 apples"
    )
    answer_list: Literal["", "any", "all"] = (
        ""  # of several answers any one is right, or all are one answer with commas; "" = all of choice, else any
    )
    assistant_end: Literal["drop", "remove", "keep"] = (
        "drop"  # a chat whose last turn is the assistant's; remove: that turn; keep: it is gone on with
    )
    media: Literal["drop", "ignore"] = "drop"  # rows with pictures or their placeholders; ignore: pose them as texts
    keep: tuple[
        str, ...
    ] = ()  # fields that stay in the metadata; a row that lacks one goes without, and so does one that JSON cannot hold
    verifier: str = "math"
    name: str = ""  # the problems' source; "" = the file's stem
    skip: int = 0  # rows passed over at the start
    limit: int | None = None  # rows read at most, good or bad; None = all
    max_bytes: int = 1_000_000  # of a prompt, and of an answer, in UTF-8

    def __post_init__(self) -> None:
        if self.skip < 0 or (self.limit is not None and self.limit < 0) or self.max_bytes < 1:
            raise ValueError(
                f"skip {self.skip} and limit {self.limit} must be at least 0, and max_bytes {self.max_bytes} at least 1"
            )
        if self.answer_index not in (None, 0, 1) or not all(
            mark in self.options_template for mark in ("{letter}", "{text}")
        ):
            raise ValueError(
                f"answer_index is {self.answer_index}, must be 0 or 1; options_template must hold {{letter}} and {{text}}"
            )
        if not self.prompt or not self.answer:
            raise ValueError("prompt and answer each name a field")
        if not self.verifier.startswith("python:") and self.verifier not in list_parts("verifier"):
            raise ValueError(
                f"unknown verifier {self.verifier!r}; {suggest_names(self.verifier, list_parts('verifier'))}"
            )

    @property
    def wanted(self) -> tuple[str, ...]:
        """The columns that a file with a schema must have."""
        prompts = (self.prompt,) if isinstance(self.prompt, str) else self.prompt
        return tuple(dict.fromkeys((*prompts, self.answer, *self._option_fields, *self.keep)))

    @property
    def _option_fields(self) -> tuple[str, ...]:
        return self.options if isinstance(self.options, tuple) else (self.options,) if self.options else ()

    def columns(self, known: Iterable[str], where: str) -> list[str]:
        """The wanted columns of a file with these columns, a dotted name by its first step.

        Raises:
            ConfigError: a wanted column is not there.
        """
        there = list(known)
        for name in self.wanted:
            if not any(_find_column(each, there) for each in name.split("|")):
                raise ConfigError(f"{where} has no field {name!r}; {escape_surrogates(suggest_names(name, there))}")
        unasked = (
            BESIDE_TESTS if self.verifier == "code" else FIELDS if self.verifier == "choice" else ()
        )  # options that a prompt may hide
        beside = [name for name in there if name in unasked or (self.media == "drop" and FIELD.fullmatch(name))]
        steps = (column for name in self.wanted for each in name.split("|") if (column := _find_column(each, there)))
        return list(dict.fromkeys([*steps, *beside]))

    def found(self, rows: Iterable[Row]) -> Iterator[SourceRow]:
        """One problem with its label, or one drop, for each row after `skip`, up to `limit`."""
        stop = None if self.limit is None else self.skip + self.limit
        for row in islice(rows, self.skip, stop):
            try:
                yield self.pair(row)
            except BadRow as bad:
                yield Drop("ingest", bad.reason, detail=bad.detail, source=row.source, file=row.file, line=row.line)

    def pair(self, row: Row) -> tuple[Problem, Label]:
        """The problem and the label of one row.

        Raises:
            BadRow: with one reason and a detail that names what was found.
        """
        if isinstance(row.value, BadRow):
            raise row.value
        if not isinstance(row.value, Mapping):
            raise BadRow("not_an_object", f"a row is an object with fields, found {shorten(row.value)}")
        prompt = self._prompt(row.value)
        turns = (Message("user", prompt),) if isinstance(prompt, str) else self._ended(prompt)
        self._check("prompt", *(turn.content for turn in turns))
        self._check_media(row.value, turns)
        options = self._options(row.value)
        turns = append_options(turns, options, self.options_template)
        answer = self._letter(row.value, options) or self._answer(row.value)
        self._check_shown(row.value, turns, answer)
        problem = Problem.of(
            turns, source=row.source, metadata=self._kept(row.value) | ({"options": options} if options else {})
        )
        return problem, Label.of(problem.id, answer, verifier=self.verifier)

    def _prompt(self, row: Mapping[str, Any]) -> str | tuple[Message, ...]:
        if isinstance(self.prompt, str):
            value = read_field(row, self.prompt)
            if not isinstance(value, str):
                return read_chat(value, self.prompt)
            return parse_chat_text(value, self.prompt) or value
        texts = []
        for name in self.prompt:
            value = read_field(row, name)
            if not isinstance(value, str):
                if parsed_options(value) and not self.options:
                    continue  # a list of options, put below the text
                raise BadRow("prompt_not_text", f"{name!r} holds {shorten(value)}")
            texts.append(value.strip())
        if self.full_stops:
            texts[:-1] = [text + "." if text and text[-1] not in ".!?" else text for text in texts[:-1]]
        return self.join.join(text for text in texts if text)

    def _options(self, row: Mapping[str, Any]) -> dict[str, str]:
        """The options to be shown: those of `options`, or of a field of `prompt` that holds a list of them."""
        if self.options:
            values = [read_field(row, name) for name in self._option_fields]
            if not (options := parsed_options(values[0] if isinstance(self.options, str) else values)):
                raise BadRow(
                    "options_unreadable",
                    f"{self.options!r} holds {shorten(values)}, no 2 to 10 options in a known shape",
                )
            return options
        fields = () if isinstance(self.prompt, str) else self.prompt
        return next(
            (
                options
                for name in fields
                if not isinstance(row.get(name), str) and (options := parsed_options(row.get(name)))
            ),
            {},
        )

    def _letter(self, row: Mapping[str, Any], options: Mapping[str, str]) -> str:
        """The letter of a gold answer that is an index, "" where it is none."""
        if self.answer_index is None:
            return ""
        value = read_field(row, self.answer)
        try:
            return letter_of_index(value, self.answer_index, options or listed_options(row))
        except ValueError as error:
            raise BadRow("index_out_of_range", f"{self.answer!r} holds {shorten(value)}; {error}") from error

    def _check_shown(self, row: Mapping[str, Any], turns: tuple[Message, ...], answer: str) -> None:
        if not self.options and (name := find_hidden_options(row, turns, answer, chosen=self.verifier == "choice")):
            raise BadRow(
                "options_not_shown",
                f"the prompt does not show the options in {name}; options = {name} puts them below it",
            )

    def _answer(self, row: Mapping[str, Any]) -> str:
        value = read_field(row, self.answer)
        if self.verifier == "code":
            value = _pack_tests(row, self.answer, value)
        number = is_number(value)
        if self.answer_numbers and number:
            value = decimal_text(value)
        if (answers := self._answers(value)) is not None:
            value = joined(
                answers, every=(self.answer_list or ("all" if self.verifier == "choice" else "any")) == "all"
            )
        if not isinstance(value, str):
            remedy = "; answer_numbers = true accepts numbers" if number else ""
            raise BadRow("answer_not_text", f"{self.answer!r} holds {type(value).__name__} {shorten(value)}{remedy}")
        self._check("answer", value)
        if self.answer_after not in value:
            raise BadRow("marker_absent", f"{self.answer!r} lacks {self.answer_after!r}: {shorten(value)}")
        answer = value.rpartition(self.answer_after)[2].strip() if self.answer_after else value.strip()
        answer = (
            final_of(answer)
            if self.answer_form == "solution"
            else number_of(answer)
            if self.answer_form == "number"
            else answer
        )
        if not answer:
            raise BadRow("answer_empty", f"{self.answer!r} holds {shorten(value)}")
        return answer

    def _answers(self, value: Any) -> list[str] | None:
        """The answers of a list or an object, also of one stored as text.

        None where the value is one answer, or what the verifier itself reads.
        """
        if self.verifier in PROGRAMS or self.verifier.startswith("python:"):
            return None
        if isinstance(value, str):
            return read_json(value) if self.verifier in FREE_TEXT else None
        return answers_of(value, numbers=self.answer_numbers)

    def _ended(self, turns: tuple[Message, ...]) -> tuple[Message, ...]:
        """A chat that ends with a turn to answer.

        Raises:
            BadRow: it ends with an answer, or nobody asks.
        """
        if turns[-1].role != "assistant" or self.assistant_end == "keep":
            return turns
        if self.assistant_end == "drop":
            remedy = 'assistant_end = "remove" reads the turns before it, "keep" lets the policy go on behind it'
            raise BadRow(
                "ends_with_assistant",
                f"the last turn is the assistant's, often the solution: {shorten(turns[-1].content)}; {remedy}",
            )
        while turns and turns[-1].role == "assistant":
            turns = turns[:-1]
        if not turns:
            raise BadRow("bad_chat", "no turn is left without the assistant's")
        return turns

    def _check_media(self, row: Mapping[str, Any], turns: tuple[Message, ...]) -> None:
        if self.media == "ignore" or self.verifier in PROGRAMS:
            return
        for turn in turns:
            if found := MEDIA.search(turn.content):
                raise BadRow(
                    "needs_image",
                    f'the prompt holds {shorten(found[0])}; problems are texts here, and media = "ignore" poses them so',
                )
        for name, value in row.items():
            if isinstance(name, str) and FIELD.fullmatch(name) and _has_media(value):
                raise BadRow(
                    "needs_image",
                    f'the row holds {name!r}; problems are texts here, and media = "ignore" poses them so',
                )

    def _check(self, what: str, *texts: str) -> None:
        try:
            size = sum(len(text.encode()) for text in texts)
        except UnicodeEncodeError as error:
            raise BadRow(
                "lone_surrogate",
                f"the {what} holds U+{ord(error.object[error.start]):04X} at {error.start}, which is no text",
            ) from error
        if size > self.max_bytes:
            raise BadRow(f"{what}_too_long", f"the {what} has {size} bytes, more than max_bytes = {self.max_bytes}")
        if any("\0" in text for text in texts):
            raise BadRow("nul_byte", f"the {what} holds a NUL byte")
        gold = what == "answer"
        if self.verifier not in PROGRAMS and (
            lost := next((seen for text in texts if (seen := eaten(text, gold=gold and self._is_line(text)))), "")
        ):
            raise BadRow(
                f"{'gold' if gold else 'prompt'}_control_character",
                f"the {what} holds {lost}: its backslashes were not escaped where it was written",
            )

    def _is_line(self, text: str) -> bool:
        """Whether a gold answer is one, and not a solution of many lines, of which line ends are a part."""
        return self.answer_form == "as_is" and not self.answer_after and len(text) < 200

    def _kept(self, row: Mapping[str, Any]) -> dict[str, Any]:
        kept = {}
        for name in self.keep:
            try:
                value = read_field(row, name)
                canonical_json(value).encode()
            except (BadRow, ValueError, TypeError, RecursionError):
                continue  # optional by definition; a file with a schema was checked before
            kept[name] = value
        return kept


def read_field(row: Mapping[str, Any], name: str) -> Any:
    """The value of a field, or of a dotted path where no field has that whole name.

    Raises:
        BadRow: the row has neither.
    """
    for each in name.split("|"):
        value = _resolve_path(row, each)
        if value is not ABSENT and (value is not None or each == name):
            return value
    remedy = "" if "|" in name else f"; {name + '|OTHER'!r} reads OTHER where a row lacks it"
    raise BadRow(
        "missing_field", escape_surrogates(f"no field {name!r}; {suggest_names(name, map(str, row))[:300]}{remedy}")
    )


ABSENT = object()  # not None, which a field may hold


def _resolve_path(row: Mapping[str, Any], name: str) -> Any:
    if name in row:
        return row[name]
    value: Any = row
    for step in name.split("."):
        if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, Mapping) and step in value:
            value = value[step]
        else:
            return ABSENT
    return value


def _pack_tests(row: Mapping[str, Any], name: str, value: Any) -> Any:
    """A code problem's tests as one text.

    As it stands where the row tells nothing more of them, else JSON with what stands beside them.
    """
    parent = read_field(row, name.rpartition(".")[0]) if name not in row and "." in name else row
    beside = {
        key: told
        for holder in (row, parent)
        for key in BESIDE_TESTS
        if key != name and _describes_tests(key, told := holder.get(key))
    }
    if isinstance(value, str) and (not beside or not value.strip()):
        return value
    if value is None or isinstance(value, bool | int | float):
        return value
    try:
        return json.dumps({"tests": value, **beside} if beside else value, ensure_ascii=False, separators=(",", ":"))
    except (ValueError, TypeError, RecursionError) as error:
        raise BadRow("unstorable_field", f"{name!r} cannot be kept as JSON: {shorten(str(error))}") from error


def _describes_tests(key: str, value: Any) -> bool:
    """Whether a column beside the tests says something of them; of metadata only a function's name counts."""
    if key == "metadata":
        told = parse_json(value) if isinstance(value, str) else value
        return isinstance(told, Mapping) and any(told.get(name) for name in BESIDE_TESTS[:4])
    if key == "language":
        return isinstance(value, str) and not value.lower().startswith("py")
    if key == "starter_code":
        return isinstance(value, str) and "class Solution" in value
    return value not in (None, "", [], {})


def _find_column(name: str, there: list[str]) -> str:
    """The column that holds a name, "" for none."""
    return next((column for column in (name, name.partition(".")[0]) if column in there), "")


def _has_media(value: Any) -> bool:
    """Whether a column of pictures holds one."""
    return not (
        value is None or value != value or (isinstance(value, str | bytes | list | dict | tuple) and len(value) == 0)
    )


def escape_surrogates(text: str) -> str:
    """The text with lone surrogates written out, so that it can be stored and shown."""
    return text.encode("utf-8", "backslashreplace").decode()


def parse_json(text: str) -> Any:
    """The value of one JSON text, or a BadRow that says where it breaks."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # a number of 10,000 digits is a ValueError too
        return BadRow("broken_json", f"{shorten(str(error), 120)}: {shorten(text)}")
