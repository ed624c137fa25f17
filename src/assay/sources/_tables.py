"""Rows of JSONL, JSON, CSV and Parquet files, one at a time, each with the place where it begins.

Memory holds one row, or one batch of Parquet, however long the file is; a JSON list is the exception and is read
whole. A few bytes of a compressed file can stand for gigabytes, so what is unpacked has bounds of its own: MAX_ROW
for a row, MAX_UNPACKED for a JSON list. What is larger is a drop.
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from assay.sources._rows import BadRow, parse_json, shorten

MAX_ROW = 16 << 20  # bytes of one row, characters of one row of a CSV file; what is longer is passed over and dropped
MAX_UNPACKED = 256 << 20  # bytes of a compressed JSON list
BATCH = 256  # rows of Parquet in memory at a time
BROKEN = (OSError, EOFError, zlib.error)  # a compressed file that ends early
BLANK = object()  # not None, which is the row `null`
PlacedRows = Iterator[tuple[int, Any]]  # (line or row counted from 1, a mapping or a BadRow)


def file_kind(path: Path) -> str:
    """The suffix that decides how a file is read, without `.gz`.

    >>> file_kind(Path("a/train.JSONL.gz"))
    '.jsonl'
    """
    name = path.name.lower()
    return Path(name.removesuffix(".gz")).suffix


def read_rows(path: Path, columns: list[str] | None) -> PlacedRows:
    """Every row of a file; blank lines are no rows. `columns` limits what Parquet reads."""
    return READERS[file_kind(path)](path, columns)


def read_column_names(path: Path) -> list[str] | None:
    """The column names of a CSV or Parquet file, or None where rows need not agree.

    Raises:
        ValueError: a Parquet file that is none, or a broken header.
    """
    if file_kind(path) == ".parquet":
        import pyarrow.parquet as pq

        return list(pq.read_schema(path).names)
    if file_kind(path) in DELIMITERS:
        for _, row in _read_cells(path):
            if isinstance(row, BadRow):
                raise ValueError(row.detail)
            return row
    return None


def _read_jsonl(path: Path, _: list[str] | None) -> PlacedRows:
    with _open_file(path) as file:
        number = 0
        try:
            while line := file.readline(MAX_ROW):
                number += 1
                whole = len(line) < MAX_ROW or line.endswith(b"\n")
                while line and not line.endswith(b"\n") and not whole:  # pass over the rest of an endless line
                    line = file.readline(MAX_ROW)
                row = (
                    _parse_json_line(line, first=number == 1)
                    if whole
                    else BadRow("row_too_long", f"a line of more than {MAX_ROW} bytes")
                )
                if row is not BLANK:
                    yield number, row
        except BROKEN as error:
            yield number + 1, _broken_file(error)


def _parse_json_line(line: bytes, *, first: bool) -> Any:
    try:
        text = line.decode("utf-8-sig" if first else "utf-8").strip()
    except UnicodeDecodeError as error:
        return BadRow("not_utf8", f"byte {error.object[error.start]:#04x} at {error.start} of the line is not UTF-8")
    return parse_json(text) if text else BLANK


def _read_json(path: Path, _: list[str] | None) -> PlacedRows:
    try:
        with _open_file(path) as file:
            data = file.read(MAX_UNPACKED + 1 if _is_compressed(path) else -1)
        if _is_compressed(path) and len(data) > MAX_UNPACKED:
            yield (
                1,
                BadRow(
                    "file_too_large",
                    f"more than {MAX_UNPACKED >> 20} MiB once unpacked; as .jsonl.gz, one object a line, it may have any size",
                ),
            )
            return
        text = data.decode("utf-8-sig")
        del data
    except MemoryError:
        yield (
            1,
            BadRow("file_too_large", "more than the memory holds; as .jsonl, one object a line, it may have any size"),
        )
        return
    except UnicodeDecodeError as error:
        yield (
            error.object.count(b"\n", 0, error.start) + 1,
            BadRow("not_utf8", f"byte {error.object[error.start]:#04x} at {error.start}"),
        )
        return
    except BROKEN as error:
        yield 1, _broken_file(error)
        return
    if text.strip():
        yield from _read_elements(text)


def _read_elements(text: str) -> PlacedRows:
    """Each element of a JSON list with the line where it begins.

    After a broken one nothing can be told apart, so it is the last.
    """
    at, line, seen, read = _skip_blanks(text, 0), 1, 0, json.JSONDecoder().raw_decode
    if text[at] == "{":
        yield from _read_objects(text)
        return
    if text[at] != "[":
        yield (
            1,
            BadRow(
                "not_a_list",
                f"a .json file is a list of objects, or objects one a line, found {shorten(text[at : at + 60])}",
            ),
        )
        return
    at = _skip_blanks(text, at + 1)
    while text[at : at + 1] != "]":
        line, seen = line + text.count("\n", seen, at), at
        try:
            value, at = read(text, at)
        except (ValueError, RecursionError) as error:
            yield line, BadRow("broken_json", f"{shorten(str(error), 120)}; what follows is lost")
            return
        yield line, value
        at = _skip_blanks(text, at)
        if text[at : at + 1] == ",":
            at = _skip_blanks(text, at + 1)
        elif text[at : at + 1] != "]":
            line += text.count("\n", seen, at)
            yield (
                line,
                BadRow(
                    "broken_json",
                    f"expected , or ] after an element, found {shorten(text[at : at + 40])}; what follows is lost",
                ),
            )
            return


def _read_objects(text: str) -> PlacedRows:
    """One object a line, as .jsonl; or one object with one list of objects, which are the rows."""
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    first = parse_json(lines[0][1]) if len(lines) > 1 else None
    if isinstance(first, dict):
        yield from ((number, parse_json(line)) for number, line in lines)
        return
    whole = parse_json(text)
    lists = (
        [value for value in whole.values() if isinstance(value, list) and value and isinstance(value[0], dict)]
        if isinstance(whole, dict)
        else []
    )
    if isinstance(whole, BadRow) or len(lists) > 1:
        yield (
            1,
            whole
            if isinstance(whole, BadRow)
            else BadRow("not_a_list", f"a .json file of {len(lists)} lists of objects: {shorten(list(whole))}"),
        )
    elif lists:
        yield from enumerate(lists[0], 1)
    else:
        yield 1, whole


def _skip_blanks(text: str, at: int) -> int:
    while text[at : at + 1].isspace():
        at += 1
    return at


def _read_csv(path: Path, _: list[str] | None) -> PlacedRows:
    header: list[str] | None = None
    for line, row in _read_cells(path):
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


def _read_cells(path: Path) -> Iterator[tuple[int, list[str] | BadRow]]:
    with _open_file(path) as raw:
        text = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")
        csv.field_size_limit(
            max(csv.field_size_limit(), MAX_ROW + 1)
        )  # the default of 128 KiB is less than a prompt may have
        lines = _Lines(text)
        reader = csv.reader(lines, delimiter=DELIMITERS[file_kind(path)], strict=True)
        while True:
            line, lines.size = reader.line_num + 1, 0
            try:
                row = next(reader)
            except StopIteration:
                return
            except _TooLong:  # where a quote was left open nobody can say where the next row begins
                yield line, BadRow("row_too_long", f"a row of more than {MAX_ROW} characters; what follows is lost")
                return
            except csv.Error as error:  # strict: an open quote at the end would otherwise swallow rows in silence
                yield line, BadRow("broken_csv", f"{error}, from line {line} to line {reader.line_num}")
                continue
            except BROKEN as error:
                yield line, _broken_file(error)
                return
            if row:
                yield line, row


class _TooLong(Exception):
    """A row that goes on and on."""


class _Lines:
    """The lines of a text; those of one row, since `size` was last 0, have at most MAX_ROW characters together."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self.text, self.size = text, 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self.text.readline(MAX_ROW + 1)
        self.size += len(line)
        if self.size > MAX_ROW:
            raise _TooLong
        if not line:
            raise StopIteration
        return line


def _read_parquet(path: Path, columns: list[str] | None) -> PlacedRows:
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
            yield (
                number + 1,
                BadRow("broken_file", f"{shorten(str(error), 200)}; row {number + 1} and what follows is lost"),
            )


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
READERS: dict[str, Callable[[Path, list[str] | None], PlacedRows]] = {
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".json": _read_json,
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
}
