"""One row of any table -> a problem and its label, or the reason why not; shared by the sources that read tables."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any

from assay.core.errors import PlanError, nearest
from assay.core.identity import canonical
from assay.core.parts import names
from assay.core.ports import Found
from assay.core.types import Drop, Label, Message, Problem
from assay.maths.options import FIELDS, listed_options, parsed_options
from assay.sources._shown import hidden, letter_at, with_options

ROLES = ("system", "user", "assistant")


class BadRow(ValueError):
    """A row that cannot become a problem."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True)
class Row:
    """A row as its file holds it, or what is wrong with it, and where it stands."""

    value: Any  # a mapping, or anything else that is then a bad row
    file: str = ""
    line: int = 0  # counted from 1
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Fields:
    """Which fields of a row make the problem and its label. A name with dots reaches into nested objects (`reward_model.ground_truth`)."""

    prompt: str | tuple[str, ...] = "prompt"  # one field, or several joined; one field may hold a chat: a list of {role, content}
    join: str = " "  # between the texts of several fields
    full_stops: bool = False  # end each joined text but the last with a full stop where it ends without . ! ?
    answer: str = "answer"
    answer_after: str = ""  # the gold answer follows the last of these marks; "" = the whole field
    answer_numbers: bool = False  # accept a JSON number as answer, as its shortest decimal: 145.0 is "145"
    answer_index: int | None = None  # 0 or 1: a gold answer that is a whole number counts the options from there, and becomes a letter
    options: str | tuple[str, ...] = (
        ""  # the field that holds a question's options, in any usual shape, or one field per option; put below the prompt
    )
    options_template: str = "{letter}. {text}"  # of one option's line
    keep: tuple[str, ...] = ()  # fields that stay in the metadata; a row that lacks one goes without
    verifier: str = "math"
    name: str = ""  # the problems' source; "" = the file's stem
    skip: int = 0  # rows passed over at the start
    limit: int | None = None  # rows read at most, good or bad; None = all
    max_bytes: int = 1_000_000  # of a prompt, and of an answer, in UTF-8

    def __post_init__(self) -> None:
        if self.skip < 0 or (self.limit is not None and self.limit < 0) or self.max_bytes < 1:
            raise ValueError(f"skip {self.skip} and limit {self.limit} must be at least 0, and max_bytes {self.max_bytes} at least 1")
        if self.answer_index not in (None, 0, 1) or not all(mark in self.options_template for mark in ("{letter}", "{text}")):
            raise ValueError(f"answer_index is {self.answer_index}, must be 0 or 1; options_template must hold {{letter}} and {{text}}")
        if not self.prompt or not self.answer:
            raise ValueError("prompt and answer each name a field")
        if not self.verifier.startswith("python:") and self.verifier not in names("verifier"):
            raise ValueError(f"unknown verifier {self.verifier!r}; {nearest(self.verifier, names('verifier'))}")

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
            PlanError: a wanted column is not there.
        """
        there = list(known)
        for name in self.wanted:
            if name not in there and name.partition(".")[0] not in there:
                raise PlanError(f"{where} has no field {name!r}; {printable(nearest(name, there))}")
        seen = [name for name in FIELDS if name in there and self.verifier == "choice"]  # options that a prompt may hide
        return list(dict.fromkeys([*(name if name in there else name.partition(".")[0] for name in self.wanted), *seen]))

    def found(self, rows: Iterable[Row]) -> Iterator[Found]:
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
            raise BadRow("not_an_object", f"a row is an object with fields, found {shown(row.value)}")
        prompt = self._prompt(row.value)
        turns = (Message("user", prompt),) if isinstance(prompt, str) else prompt
        self._check("prompt", *(turn.content for turn in turns))
        options = self._options(row.value)
        turns = with_options(turns, options, self.options_template)
        answer = self._letter(row.value, options) or self._answer(row.value)
        self._check_shown(row.value, turns, answer)
        problem = Problem.of(turns, source=row.source, metadata=self._kept(row.value) | ({"options": options} if options else {}))
        return problem, Label.of(problem.id, answer, verifier=self.verifier)

    def _prompt(self, row: Mapping[str, Any]) -> str | tuple[Message, ...]:
        if isinstance(self.prompt, str):
            value = field_of(row, self.prompt)
            return value if isinstance(value, str) else _chat(value, self.prompt)
        texts = []
        for name in self.prompt:
            value = field_of(row, name)
            if not isinstance(value, str):
                if parsed_options(value) and not self.options:
                    continue  # a list of options, put below the text
                raise BadRow("prompt_not_text", f"{name!r} holds {shown(value)}")
            texts.append(value.strip())
        if self.full_stops:
            texts[:-1] = [text + "." if text and text[-1] not in ".!?" else text for text in texts[:-1]]
        return self.join.join(text for text in texts if text)

    def _options(self, row: Mapping[str, Any]) -> dict[str, str]:
        """The options to be shown: those of `options`, or of a field of `prompt` that holds a list of them."""
        if self.options:
            values = [field_of(row, name) for name in self._option_fields]
            if not (options := parsed_options(values[0] if isinstance(self.options, str) else values)):
                raise BadRow("options_unreadable", f"{self.options!r} holds {shown(values)}, no 2 to 10 options in a known shape")
            return options
        fields = () if isinstance(self.prompt, str) else self.prompt
        return next((options for name in fields if not isinstance(row.get(name), str) and (options := parsed_options(row.get(name)))), {})

    def _letter(self, row: Mapping[str, Any], options: Mapping[str, str]) -> str:
        """The letter of a gold answer that is an index, "" where it is none."""
        if self.answer_index is None:
            return ""
        value = field_of(row, self.answer)
        try:
            return letter_at(value, self.answer_index, options or listed_options(row))
        except ValueError as error:
            raise BadRow("index_out_of_range", f"{self.answer!r} holds {shown(value)}; {error}") from error

    def _check_shown(self, row: Mapping[str, Any], turns: tuple[Message, ...], answer: str) -> None:
        if not self.options and (name := hidden(row, turns, answer, chosen=self.verifier == "choice")):
            raise BadRow("options_not_shown", f"the prompt does not show the options in {name}; options = {name} puts them below it")

    def _answer(self, row: Mapping[str, Any]) -> str:
        value = field_of(row, self.answer)
        number = _is_number(value)
        if self.answer_numbers and number:
            value = decimal_text(value)
        if not isinstance(value, str):
            remedy = "; answer_numbers = true accepts numbers" if number else ""
            raise BadRow("answer_not_text", f"{self.answer!r} holds {type(value).__name__} {shown(value)}{remedy}")
        self._check("answer", value)
        if self.answer_after not in value:
            raise BadRow("marker_absent", f"{self.answer!r} lacks {self.answer_after!r}: {shown(value)}")
        answer = value.rpartition(self.answer_after)[2].strip() if self.answer_after else value.strip()
        if not answer:
            raise BadRow("answer_empty", f"{self.answer!r} holds {shown(value)}")
        return answer

    def _check(self, what: str, *texts: str) -> None:
        try:
            size = sum(len(text.encode()) for text in texts)
        except UnicodeEncodeError as error:
            raise BadRow("lone_surrogate", f"the {what} holds U+{ord(error.object[error.start]):04X} at {error.start}, which is no text") from error
        if size > self.max_bytes:
            raise BadRow(f"{what}_too_long", f"the {what} has {size} bytes, more than max_bytes = {self.max_bytes}")
        if any("\0" in text for text in texts):
            raise BadRow("nul_byte", f"the {what} holds a NUL byte")

    def _kept(self, row: Mapping[str, Any]) -> dict[str, Any]:
        kept = {}
        for name in self.keep:
            try:
                kept[name] = field_of(row, name)
            except BadRow:
                continue  # optional by definition; a file with a schema was checked before
        try:
            canonical(kept).encode()
        except (ValueError, TypeError, RecursionError) as error:
            raise BadRow("unstorable_field", f"{list(kept)} cannot be kept as JSON: {shown(str(error))}") from error
        return kept


def field_of(row: Mapping[str, Any], name: str) -> Any:
    """The value of a field, or of a dotted path where no field has that whole name.

    Raises:
        BadRow: the row has neither.
    """
    if name in row:
        return row[name]
    value: Any = row
    for step in name.split("."):
        if not isinstance(value, Mapping) or step not in value:
            raise BadRow("missing_field", printable(f"no field {name!r}; {nearest(name, map(str, row))[:300]}"))
        value = value[step]
    return value


def _chat(value: Any, name: str) -> tuple[Message, ...]:
    if not isinstance(value, list):
        raise BadRow("prompt_not_text", f"{name!r} holds {shown(value)}")
    for turn in value:
        if not isinstance(turn, Mapping) or turn.get("role") not in ROLES or not isinstance(turn.get("content"), str):
            raise BadRow("bad_chat", f"{name!r}: a turn is a role of {ROLES} and a text content, found {shown(turn)}")
    return tuple(Message(turn["role"], turn["content"]) for turn in value)


def _is_number(value: object) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and math.isfinite(value))


def decimal_text(value: int | float) -> str:
    """The shortest decimal that reads back as the same number, without exponent or trailing zeros.

    >>> decimal_text(145.0), decimal_text(0.1), decimal_text(-0.0), decimal_text(1e3)
    ('145', '0.1', '0', '1000')
    """
    text = format(Decimal(repr(value)), "f")
    short = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if short == "-0" else short


def shown(value: object, chars: int = 80) -> str:
    """A value as at most `chars` printable ASCII characters, whatever it holds."""
    try:
        text = ascii(value if not isinstance(value, str) else value[: chars + 1])
    except (RecursionError, ValueError):  # nested or many-digit values cannot be written out
        return f"a {type(value).__name__}"
    return text if len(text) <= chars else text[: chars - 3] + "..."


def printable(text: str) -> str:
    """The text with lone surrogates written out, so that it can be stored and shown."""
    return text.encode("utf-8", "backslashreplace").decode()


def parsed(text: str) -> Any:
    """The value of one JSON text, or a BadRow that says where it breaks."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # a number of 10,000 digits is a ValueError too
        return BadRow("broken_json", f"{shown(str(error), 120)}: {shown(text)}")
