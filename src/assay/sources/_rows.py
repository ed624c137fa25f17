"""Turn a row of any table into a problem and its label, or into a drop that says why not.

`Fields` is the base of the sources that read tables: its settings name the fields of a row.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from assay.core.errors import ConfigError, suggest_names
from assay.core.identity import canonical_json
from assay.core.parts import is_outside, list_parts
from assay.core.pictures import MARK, Picture, count_marks
from assay.core.ports import SourceRow
from assay.core.types import Drop, Label, Message, Problem
from assay.maths.text.golds import (
    FREE_TEXT,
    TOOLS_COLUMN,
    decimal_text,
    find_lost_escape,
    is_number,
    join_gold_answers,
    json_answers,
    leading_number,
    list_answers,
    solution_answer,
)
from assay.maths.text.options import OPTION_FIELDS, listed_options, may_list_options, parsed_options
from assay.sources._bad_row import BadRow, escape_surrogates, shorten
from assay.sources._chats import (
    MEDIA,
    MEDIA_COLUMN,
    PICTURE_COLUMN,
    TOOL_COLUMNS,
    parse_chat_text,
    read_chat,
)
from assay.sources._code_tests import TEST_COLUMNS, pack_tests
from assay.sources._options import append_options, find_hidden_options, letter_of_index
from assay.sources._pictures import PictureBudget, PictureReader
from assay.sources._row_fields import find_column, read_field

PROGRAMS = frozenset(["code", "reasoning_gym"])  # verifiers whose labels and prompts are not mathematics
MAX_CHAR_BYTES = 4  # of one character in UTF-8


class Row(NamedTuple):
    """A row as its file holds it, or what is wrong with it, and where it stands."""

    value: Any  # a mapping; anything else is a bad row
    file: str = ""
    line: int = 0  # from 1
    source: str = ""
    folder: str = ""  # where paths of pictures start; "" = nowhere


@dataclass(frozen=True, kw_only=True)
class Fields:
    """Which fields of a row make the problem and its label.

    A dotted name reaches into nested objects and lists (`reward_model.ground_truth`, `final_answer.0`). Of names joined
    by | the first that a row has counts (`problem|question`).

    A gold answer may be a text, a list or an object. A list of one element is that element; `answer_list` says what a
    longer one means; in an object the field that is named like an answer counts. Rows that text alone cannot pose, or
    whose text is damaged, are drops: `needs_image`, `ends_with_assistant`, `gold_control_character`,
    `prompt_control_character`. With `media = "keep"` a row's pictures are kept with its problem, and `<image>` in the
    text says where they stand.
    """

    # One field, or several that are joined. A single field may hold a chat: a list of {role, content}.
    prompt: str | tuple[str, ...] = "prompt"
    separator: str = " "  # between the texts of several fields
    end_with_period: bool = False  # end each joined text but the last with a full stop unless it ends with . ! or ?
    answer: str = "answer"
    answer_marker: str = ""  # the gold answer follows the last occurrence of this marker; "" = the whole field
    answer_numbers: bool = False  # accept a JSON number as answer, as its shortest decimal: 145.0 is "145"
    # 0 or 1: a gold answer that is a whole number is an index of the options, counted from there, and becomes a letter.
    answer_index: int | None = None
    # The field that holds a question's options, in any usual shape, or one field per option; appended to the prompt.
    options: str | tuple[str, ...] = ""
    options_template: str = "{letter}. {text}"  # one option's line
    # solution: the final answer of a worked solution; number: the number in "9 (apples)" or "9 apples".
    answer_form: Literal["as_is", "solution", "number"] = "as_is"
    # Of several answers any one is right, or all are one answer with commas; "" = all for the verifier choice, else
    # any.
    answer_list: Literal["", "any", "all"] = ""
    # A chat that ends with the assistant's turn: drop it, remove that turn, or let the policy continue it.
    assistant_end: Literal["drop", "remove", "keep"] = "drop"
    # Rows with pictures or their placeholders: drop them, pose them as texts, or keep the pictures with the problem.
    media: Literal["drop", "ignore", "keep"] = "drop"
    picture_fields: tuple[str, ...] = ()  # that hold pictures; () = those named like pictures, in the file's order
    picture_folder: str = ""  # where relative paths of pictures start; "" = the folder of the data file
    max_picture_bytes: int = 10_000_000  # of one picture
    max_pictures_bytes: int = 4_000_000_000  # of all pictures of this source; rows behind them are drops
    # Fields to keep in the metadata; a row that lacks one, or whose value JSON cannot hold, goes without it.
    metadata_fields: tuple[str, ...] = ()
    verifier: str = "math"
    name: str = ""  # the problems' source; "" = the file's stem
    offset: int = 0  # rows to skip at the start
    limit: int | None = None  # maximum number of rows to read, good or bad; None = all
    max_bytes: int = 1_000_000  # of a prompt, and of an answer, in UTF-8
    folder: str = field(default="", init=False, compare=False)  # of the config; "" = the working directory

    def __post_init__(self) -> None:
        if self.offset < 0 or (self.limit is not None and self.limit < 0) or self.max_bytes < 1:
            raise ValueError(
                f"offset {self.offset} and limit {self.limit} must be at least 0, and max_bytes {self.max_bytes} at "
                "least 1"
            )
        if not 0 < self.max_picture_bytes <= self.max_pictures_bytes:
            raise ValueError(
                f"max_picture_bytes {self.max_picture_bytes} must be above 0, "
                f"and max_pictures_bytes {self.max_pictures_bytes} no less"
            )
        if self.picture_fields and self.media != "keep":
            raise ValueError(f'picture_fields names pictures, and media = "{self.media}" keeps none')
        template_is_complete = all(field in self.options_template for field in ("{letter}", "{text}"))
        if self.answer_index not in (None, 0, 1) or not template_is_complete:
            raise ValueError(
                f"answer_index is {self.answer_index}, must be 0 or 1; "
                "options_template must hold {letter} and {text}"
            )
        if not self.prompt or not self.answer:
            raise ValueError("prompt and answer must each name a field")
        if not is_outside(self.verifier) and self.verifier not in list_parts("verifier"):
            raise ValueError(
                f"unknown verifier {self.verifier!r}; {suggest_names(self.verifier, list_parts('verifier'))}"
            )

    def relative_to(self, folder: str) -> Self:
        """Return this source with its relative paths taken from a folder, that of the config."""
        source = copy(self)
        object.__setattr__(source, "folder", folder)
        return source

    @property
    def required_fields(self) -> tuple[str, ...]:
        """The fields that a file with a schema must have."""
        prompts = (self.prompt,) if isinstance(self.prompt, str) else self.prompt
        named = (*prompts, self.answer, *self._option_fields, *self.metadata_fields, *self.picture_fields)
        return tuple(dict.fromkeys(named))

    @property
    def _option_fields(self) -> tuple[str, ...]:
        return self.options if isinstance(self.options, tuple) else (self.options,) if self.options else ()

    def select_columns(self, schema: Iterable[str], where: str) -> list[str]:
        """Return the columns to read from a file: those of the required fields, and those for drops and notes.

        Args:
            schema: names of the file's columns.
            where: the file, for messages.

        Raises:
            ConfigError: a required field is in none of them.
        """
        columns = list(schema)
        for name in self.required_fields:
            if not any(find_column(path, columns) for path in name.split("|")):
                raise ConfigError(f"{where} has no field {name!r}; {escape_surrogates(suggest_names(name, columns))}")
        extra = TEST_COLUMNS if self.verifier == "code" else OPTION_FIELDS if self.verifier == "choice" else ()
        beside = [
            column
            for column in columns
            if column in extra
            or column.lower() in TOOL_COLUMNS
            or (self.media != "ignore" and not self.picture_fields and MEDIA_COLUMN.fullmatch(column))
        ]
        paths = (path for name in self.required_fields for path in name.split("|"))
        return list(dict.fromkeys([*(column for path in paths if (column := find_column(path, columns))), *beside]))

    def convert_rows(self, rows: Iterable[Row]) -> Iterator[SourceRow]:
        """Yield one problem with its label, or one drop, for each row after `offset`, up to `limit`."""
        stop = None if self.limit is None else self.offset + self.limit
        budget = PictureBudget(self.max_pictures_bytes)
        for row in islice(rows, self.offset, stop):
            try:
                problem, label = self.convert_row(row)
                if problem.pictures and (why := budget.refusal(problem.pictures)):
                    raise BadRow("pictures_over_limit", why)
                yield problem, label
            except BadRow as bad:
                yield Drop("ingest", bad.reason, detail=bad.detail, source=row.source, file=row.file, line=row.line)

    def convert_row(self, row: Row) -> tuple[Problem, Label]:
        """Return the problem and the label of a row.

        Raises:
            BadRow: with a reason, and a detail that names the value.
        """
        if isinstance(row.value, BadRow):
            raise row.value
        if type(row.value) is not dict and not isinstance(row.value, Mapping):
            raise BadRow("not_an_object", f"a row is an object with fields, found {shorten(row.value)}")
        shown: list[Any] | None = [] if self.media == "keep" else None
        prompt = self._read_prompt(row.value, shown)
        turns = (Message("user", prompt),) if isinstance(prompt, str) else self._end_with_question(prompt)
        self._check_text("prompt", [turn.content for turn in turns])
        pictures = self._read_pictures(row, turns, shown) if shown is not None else ()
        columns = _columns_of(tuple(row.value))
        if shown is None:
            self._check_media(row.value, turns, columns)
        options = self._read_options(row.value)
        turns = append_options(turns, options, self.options_template)
        answer = self._read_letter(row.value, options) or self._read_answer(row.value)
        if columns.options and not self.options:
            self._check_options_shown(row.value, turns, answer)
        tools = {TOOLS_COLUMN: name} if columns.tools and (name := _find_tools(row.value, columns)) else {}
        metadata = self._read_kept_fields(row.value) if self.metadata_fields else {}
        if options or tools:
            metadata |= ({"options": options} if options else {}) | tools
        problem = Problem.of(turns, source=row.source, metadata=metadata, pictures=pictures)
        return problem, Label.of(problem.id, answer, verifier=self.verifier)

    def _read_prompt(self, row: Mapping[str, Any], shown: list[Any] | None) -> str | tuple[Message, ...]:
        if isinstance(self.prompt, str):
            value = read_field(row, self.prompt)
            if not isinstance(value, str):
                return read_chat(value, self.prompt, shown)
            return parse_chat_text(value, self.prompt, shown) or value
        texts = []
        for name in self.prompt:
            value = read_field(row, name)
            if not isinstance(value, str):
                if parsed_options(value) and not self.options:
                    continue  # a list of options, which is appended later
                raise BadRow("prompt_not_text", f"{name!r} holds {shorten(value)}")
            texts.append(value.strip())
        if self.end_with_period:
            texts[:-1] = [text + "." if text and text[-1] not in ".!?" else text for text in texts[:-1]]
        return self.separator.join(text for text in texts if text)

    def _read_options(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Read the options to show: those of `options`, or of a field of `prompt` that holds a list of them."""
        if self.options:
            values = [read_field(row, name) for name in self._option_fields]
            if not (options := parsed_options(values[0] if isinstance(self.options, str) else values)):
                raise BadRow(
                    "options_unreadable",
                    f"{self.options!r} holds {shorten(values)}, no 2 to 10 options in a known shape",
                )
            return options
        fields = () if isinstance(self.prompt, str) else self.prompt
        values = [row.get(name) for name in fields if not isinstance(row.get(name), str)]
        return next((options for value in values if (options := parsed_options(value))), {})

    def _read_letter(self, row: Mapping[str, Any], options: Mapping[str, str]) -> str:
        """Return the letter of a gold answer that is an index; "" if it is not."""
        if self.answer_index is None:
            return ""
        value = read_field(row, self.answer)
        try:
            return letter_of_index(value, self.answer_index, options or listed_options(row))
        except ValueError as error:
            raise BadRow("index_out_of_range", f"{self.answer!r} holds {shorten(value)}; {error}") from error

    def _check_options_shown(self, row: Mapping[str, Any], turns: tuple[Message, ...], answer: str) -> None:
        is_choice = self.verifier == "choice"
        if name := find_hidden_options(row, turns, answer, is_choice=is_choice):
            raise BadRow(
                "options_not_shown",
                f"the prompt does not show the options in {name}; options = {name} puts them below it",
            )

    def _read_answer(self, row: Mapping[str, Any]) -> str:
        value = read_field(row, self.answer)
        if self.verifier == "code":
            value = pack_tests(row, self.answer, value)
        number = is_number(value)
        if self.answer_numbers and number:
            value = decimal_text(value)
        if (answers := self._split_answers(value)) is not None:
            rule = self.answer_list or ("all" if self.verifier == "choice" else "any")
            value = join_gold_answers(answers, every=rule == "all")
        if not isinstance(value, str):
            remedy = "; answer_numbers = true accepts numbers" if number else ""
            raise BadRow("answer_not_text", f"{self.answer!r} holds {type(value).__name__} {shorten(value)}{remedy}")
        self._check_text("answer", [value])
        if self.answer_marker not in value:
            raise BadRow("marker_absent", f"{self.answer!r} has no {self.answer_marker!r}: {shorten(value)}")
        answer = value.rpartition(self.answer_marker)[2].strip() if self.answer_marker else value.strip()
        if self.answer_form == "solution":
            answer = solution_answer(answer)
        elif self.answer_form == "number":
            answer = leading_number(answer)
        if not answer:
            raise BadRow("answer_empty", f"{self.answer!r} holds {shorten(value)}")
        return answer

    def _split_answers(self, value: Any) -> list[str] | None:
        """Return the answers of a list or an object, also of one stored as text.

        None if the value is a single answer, or something that the verifier reads itself.
        """
        if self.verifier in PROGRAMS or is_outside(self.verifier):
            return None
        if isinstance(value, str):
            return json_answers(value) if self.verifier in FREE_TEXT else None
        return list_answers(value, numbers=self.answer_numbers)

    def _end_with_question(self, turns: tuple[Message, ...]) -> tuple[Message, ...]:
        """Apply `assistant_end` to a chat whose last turn is the assistant's.

        Raises:
            BadRow: it ends with an answer, or no other turn is left.
        """
        if turns[-1].role != "assistant" or self.assistant_end == "keep":
            return turns
        if self.assistant_end == "drop":
            remedy = 'assistant_end = "remove" reads the turns before it, "keep" lets the policy continue after it'
            raise BadRow(
                "ends_with_assistant",
                f"the last turn is the assistant's, often the solution: {shorten(turns[-1].content)}; {remedy}",
            )
        while turns and turns[-1].role == "assistant":
            turns = turns[:-1]
        if not turns:
            raise BadRow("bad_chat", "no turn is left without the assistant's")
        return turns

    def _check_media(self, row: Mapping[str, Any], turns: tuple[Message, ...], columns: "_Columns") -> None:
        if self.media == "ignore" or self.verifier in PROGRAMS:
            return
        remedy = 'media = "keep" keeps the pictures, media = "ignore" poses such rows as texts'
        for turn in turns:
            marked = "<" in turn.content or "[" in turn.content  # every placeholder holds one of them
            if marked and (placeholder := MEDIA.search(turn.content)):
                raise BadRow("needs_image", f"the prompt holds {shorten(placeholder[0])}; {remedy}")
        for name in columns.media:
            if _is_present(row[name]):
                raise BadRow("needs_image", f"the row holds {name!r}; {remedy}")

    def _read_pictures(self, row: Row, turns: tuple[Message, ...], shown: list[Any]) -> tuple[Picture, ...]:
        """Read the pictures of a row: those of the prompt's own parts, then those of its fields.

        Raises:
            BadRow: one cannot be kept, the text shows more than there are, or there is a film or a sound.
        """
        folder = str(Path(self.folder) / self.picture_folder) if self.picture_folder else row.folder
        reader = PictureReader(folder, self.max_picture_bytes)
        values = [*(value for value in shown if value is not None), *self._picture_values(row.value)]
        pictures = reader.read(value for value in values if _is_present(value))
        marks = count_marks([turn.content for turn in turns])
        foreign = next((found[0] for turn in turns if (found := MEDIA.search(MARK.sub("", turn.content)))), "")
        if self.verifier not in PROGRAMS and (marks > len(pictures) or (foreign and not pictures)):
            what = f"pictures: the prompt shows {marks}, the row holds {len(pictures)}" if marks else ""
            raise BadRow("needs_image", what or f"the prompt holds {shorten(foreign)}, and the row no picture")
        return pictures

    def _picture_values(self, row: Mapping[str, Any]) -> list[Any]:
        if self.picture_fields:
            return [read_field(row, name) for name in self.picture_fields]
        names = [name for name in row if isinstance(name, str) and MEDIA_COLUMN.fullmatch(name)]
        for name in names:
            if not PICTURE_COLUMN.fullmatch(name) and _is_present(row[name]) and self.verifier not in PROGRAMS:
                raise BadRow("needs_image", f"the row holds {name!r}; pictures are kept, films and sounds are not")
        return [row[name] for name in names if PICTURE_COLUMN.fullmatch(name)]

    def _check_text(self, what: str, texts: Sequence[str]) -> None:
        if all(map(str.isprintable, texts)) and sum(map(len, texts)) * MAX_CHAR_BYTES <= self.max_bytes:
            return  # short, and without control characters and lone surrogates
        try:
            size = sum(len(text.encode()) for text in texts)
        except UnicodeEncodeError as error:
            raise BadRow(
                "lone_surrogate",
                f"the {what} holds U+{ord(error.object[error.start]):04X} at {error.start}, which is not valid text",
            ) from error
        if size > self.max_bytes:
            raise BadRow(f"{what}_too_long", f"the {what} has {size} bytes, more than max_bytes = {self.max_bytes}")
        if any("\0" in text for text in texts):
            raise BadRow("nul_byte", f"the {what} holds a NUL byte")
        if self.verifier in PROGRAMS:
            return
        is_gold = what == "answer"
        for text in texts:
            if lost_escape := find_lost_escape(text, gold=is_gold and self._is_single_line(text)):
                raise BadRow(
                    f"{'gold' if is_gold else 'prompt'}_control_character",
                    f"the {what} holds {lost_escape}: its backslashes were not escaped where it was written",
                )

    def _is_single_line(self, text: str) -> bool:
        """Tell whether a gold answer should be one line, and not a solution, in which line breaks are normal."""
        return self.answer_form == "as_is" and not self.answer_marker and len(text) < 200

    def _read_kept_fields(self, row: Mapping[str, Any]) -> dict[str, Any]:
        metadata = {}
        for name in self.metadata_fields:
            try:
                value = read_field(row, name)
                canonical_json(value).encode()
            except (BadRow, ValueError, TypeError, RecursionError):
                continue  # optional per row; a file with a schema was checked before
            metadata[name] = value
        return metadata


class _Columns(NamedTuple):
    """What the names of a row's columns say of it."""

    media: tuple[str, ...]  # columns for pictures, videos and sounds
    tools: tuple[str, ...]  # columns for tools
    options: bool  # whether the row may list options


@lru_cache(256)  # the rows of a file have the same names
def _columns_of(names: tuple[Any, ...]) -> _Columns:
    texts = [name for name in names if isinstance(name, str)]
    return _Columns(
        tuple(name for name in texts if MEDIA_COLUMN.fullmatch(name)),
        tuple(name for name in texts if name.lower() in TOOL_COLUMNS),
        may_list_options(names),
    )


def _find_tools(row: Mapping[str, Any], columns: _Columns) -> str:
    """Name the column in which a row offers the model tools; "" if none does."""
    return next(
        (name for name in columns.tools if _is_present(row[name]) and row[name] not in ("[]", "{}", "null")), ""
    )


def _is_present(value: Any) -> bool:
    """Tell whether a cell holds something: not null, NaN or empty."""
    is_missing = value is None or value != value
    return not (is_missing or (isinstance(value, str | bytes | list | dict | tuple) and len(value) == 0))
