"""Rows of JSONL, JSON, CSV and Parquet files, one at a time, each with the line where it begins.

Memory holds one row, or one batch of Parquet, however long the file is; only a JSON list is read whole. A few bytes of
a compressed file can unpack to gigabytes, so what is unpacked is bounded by `UnpackLimits`: what is larger becomes a
bad row.
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from assay.core.errors import ConfigError
from assay.sources._bad_row import BadRow, parse_json, shorten

BATCH = 256  # rows of Parquet in memory at a time
READ_ERRORS = (OSError, EOFError, zlib.error)  # a compressed file that ends early or is damaged
BLANK = object()  # not None, which is the row `null`
PlacedRows = Iterator[tuple[int, Any]]  # (line, or row of Parquet, from 1; a mapping or a BadRow)


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """How much of a file is unpacked at once."""

    row: int = 16 << 20  # bytes of one row, or characters of one row of a CSV file
    json_list: int = 256 << 20  # bytes of a compressed JSON list


LIMITS = UnpackLimits()


def file_kind(path: Path) -> str:
    """Return the suffix that decides how a file is read, without `.gz`.

    >>> file_kind(Path("a/train.JSONL.gz"))
    '.jsonl'
    """
    name = path.name.lower()
    return Path(name.removesuffix(".gz")).suffix


def check_kind(name: str, path: Path) -> None:
    """Refuse a file that no reader knows.

    Args:
        name: as the config or the user names the file.
        path: the file.

    Raises:
        ConfigError: its suffix is of none of the kinds that are read.
    """
    if (kind := file_kind(path)) not in READERS:
        raise ConfigError(
            f"{name} has an unknown file type {kind!r}; known: {', '.join(sorted(READERS))}, and the text formats "
            "with .gz"
        )


def read_rows(path: Path, columns: list[str] | None, *, limits: UnpackLimits = LIMITS) -> PlacedRows:
    """Yield every row of a file; blank lines are not rows.

    Args:
        path: the file.
        columns: the columns to read from Parquet; None = all.
        limits: bounds on what is unpacked at once.
    """
    return READERS[file_kind(path)](path, columns, limits)


def read_column_names(path: Path, *, limits: UnpackLimits = LIMITS) -> list[str] | None:
    """Return the column names of a CSV or Parquet file; None for kinds whose rows may differ.

    Raises:
        ValueError: a file that is not Parquet, or a broken header.
    """
    if file_kind(path) == ".parquet":
        import pyarrow.parquet as pq

        return list(pq.read_schema(path).names)
    if file_kind(path) in DELIMITERS:
        for _, row in _read_cells(path, limits):
            if isinstance(row, BadRow):
                raise ValueError(row.detail)
            return row
    return None


def _read_jsonl(path: Path, _: list[str] | None, limits: UnpackLimits) -> PlacedRows:
    with _open_file(path) as file:
        number = 0
        try:
            while line := file.readline(limits.row):
                number += 1
                is_whole = len(line) < limits.row or line.endswith(b"\n")
                while line and not line.endswith(b"\n") and not is_whole:  # skip the rest of an endless line
                    line = file.readline(limits.row)
                if not is_whole:
                    yield number, BadRow("row_too_long", f"a line of more than {limits.row} bytes")
                elif (row := _parse_json_line(line, is_first=number == 1)) is not BLANK:
                    yield number, row
        except READ_ERRORS as error:
            yield number + 1, _broken_file(error)


def _parse_json_line(line: bytes, *, is_first: bool) -> Any:
    try:
        text = line.decode("utf-8-sig" if is_first else "utf-8").strip()
    except UnicodeDecodeError as error:
        return BadRow("not_utf8", f"byte {error.object[error.start]:#04x} at {error.start} of the line is not UTF-8")
    return parse_json(text) if text else BLANK


def _read_json(path: Path, _: list[str] | None, limits: UnpackLimits) -> PlacedRows:
    remedy = "as {}, one object a line, it may have any size"
    try:
        with _open_file(path) as file:
            data = file.read(limits.json_list + 1 if _is_compressed(path) else -1)
        if _is_compressed(path) and len(data) > limits.json_list:
            size = f"more than {limits.json_list >> 20} MiB once unpacked"
            yield 1, BadRow("file_too_large", f"{size}; {remedy.format('.jsonl.gz')}")
            return
        text = data.decode("utf-8-sig")
        del data
    except MemoryError:
        yield 1, BadRow("file_too_large", f"more than the memory holds; {remedy.format('.jsonl')}")
        return
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        yield line, BadRow("not_utf8", f"byte {error.object[error.start]:#04x} at {error.start}")
        return
    except READ_ERRORS as error:
        yield 1, _broken_file(error)
        return
    if text.strip():
        yield from _read_elements(text)


def _read_elements(text: str) -> PlacedRows:
    """Yield each element of a JSON list with the line where it begins; reading ends at the first broken element."""
    position, line, counted_to, decode = _skip_blanks(text, 0), 1, 0, json.JSONDecoder().raw_decode
    if text[position] == "{":
        yield from _read_objects(text)
        return
    if text[position] != "[":
        start = shorten(text[position : position + 60])
        yield 1, BadRow("not_a_list", f"a .json file is a list of objects, or objects one a line, found {start}")
        return
    position = _skip_blanks(text, position + 1)
    while text[position : position + 1] != "]":
        line, counted_to = line + text.count("\n", counted_to, position), position
        try:
            value, position = decode(text, position)
        except (ValueError, RecursionError) as error:
            yield line, BadRow("broken_json", f"{shorten(str(error), 120)}; what follows is lost")
            return
        yield line, value
        position = _skip_blanks(text, position)
        if text[position : position + 1] == ",":
            position = _skip_blanks(text, position + 1)
        elif text[position : position + 1] != "]":
            line += text.count("\n", counted_to, position)
            rest = shorten(text[position : position + 40])
            yield line, BadRow("broken_json", f"expected , or ] after an element, found {rest}; what follows is lost")
            return


def _read_objects(text: str) -> PlacedRows:
    """Yield the objects of a text: one per line as in .jsonl, or the elements of the only list in a single object."""
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if len(lines) > 1 and isinstance(parse_json(lines[0][1]), dict):
        yield from ((number, parse_json(line)) for number, line in lines)
        return
    whole = parse_json(text)
    lists = [value for value in whole.values() if _is_list_of_objects(value)] if isinstance(whole, dict) else []
    if len(lists) > 1:
        yield 1, BadRow("not_a_list", f"a .json file of {len(lists)} lists of objects: {shorten(list(whole))}")
    elif lists:
        yield from enumerate(lists[0], 1)
    else:
        yield 1, whole


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _skip_blanks(text: str, position: int) -> int:
    while text[position : position + 1].isspace():
        position += 1
    return position


def _read_csv(path: Path, _: list[str] | None, limits: UnpackLimits) -> PlacedRows:
    header: list[str] | None = None
    for line, row in _read_cells(path, limits):
        if isinstance(row, BadRow):
            yield line, row
        elif header is None:
            header = row
        elif len(row) != len(header):
            yield line, BadRow("wrong_cells", f"{len(row)} cells for {len(header)} columns")
        elif any("\udc80" <= character <= "\udcff" for cell in row if not cell.isascii() for character in cell):
            yield line, BadRow("not_utf8", f"a byte that is not UTF-8 in {shorten(row)}")
        else:
            yield line, dict(zip(header, row, strict=True))


def _read_cells(path: Path, limits: UnpackLimits) -> Iterator[tuple[int, list[str] | BadRow]]:
    with _open_file(path) as raw:
        text = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")
        # The default limit of 128 KiB per cell is less than a prompt may have.
        csv.field_size_limit(max(csv.field_size_limit(), limits.row + 1))
        lines = _BoundedLines(text, limits.row)
        reader = csv.reader(lines, delimiter=DELIMITERS[file_kind(path)], strict=True)
        while True:
            line, lines.size = reader.line_num + 1, 0
            try:
                row = next(reader)
            except StopIteration:
                return
            except _RowTooLong:  # after an open quote the start of the next row cannot be known
                yield line, BadRow("row_too_long", f"a row of more than {limits.row} characters; what follows is lost")
                return
            except csv.Error as error:  # strict: an open quote at the end would otherwise swallow rows silently
                yield line, BadRow("broken_csv", f"{error}, from line {line} to line {reader.line_num}")
                continue
            except READ_ERRORS as error:
                yield line, _broken_file(error)
                return
            if row:
                yield line, row


class _RowTooLong(Exception):
    """A row that exceeds its limit."""


class _BoundedLines:
    """The lines of a text; those since `size` was last set to 0 have at most `max_size` characters together."""

    def __init__(self, text: io.TextIOWrapper, max_size: int) -> None:
        self.text, self.max_size, self.size = text, max_size, 0

    def __iter__(self) -> "_BoundedLines":
        return self

    def __next__(self) -> str:
        line = self.text.readline(self.max_size + 1)
        self.size += len(line)
        if self.size > self.max_size:
            raise _RowTooLong
        if not line:
            raise StopIteration
        return line


def _read_parquet(path: Path, columns: list[str] | None, _: UnpackLimits) -> PlacedRows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    with pq.ParquetFile(path) as file:
        try:
            for batch in file.iter_batches(batch_size=BATCH, columns=columns):
                for index in range(batch.num_rows):
                    number += 1
                    yield number, _read_record(batch, index)
        except (pa.ArrowException, OSError, MemoryError) as error:
            number += 1
            yield number, BadRow("broken_file", f"{shorten(str(error), 200)}; row {number} and what follows is lost")


def _read_record(batch: Any, index: int) -> Any:
    try:
        return {name: column[index].as_py() for name, column in zip(batch.schema.names, batch.columns, strict=True)}
    except UnicodeDecodeError as error:
        return BadRow("not_utf8", f"byte {error.object[error.start]:#04x} at {error.start} of a cell is not UTF-8")


def _open_file(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if _is_compressed(path) else path.open("rb")  # type: ignore[return-value]


def _is_compressed(path: Path) -> bool:
    return path.name.lower().endswith(".gz")


def _broken_file(error: BaseException) -> BadRow:
    return BadRow("broken_file", f"{shorten(str(error), 200)}; this row and what follows is lost")


DELIMITERS = {".csv": ",", ".tsv": "\t"}
READERS: dict[str, Callable[[Path, list[str] | None, UnpackLimits], PlacedRows]] = {
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".json": _read_json,
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
}
