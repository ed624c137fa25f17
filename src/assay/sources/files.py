"""`files`: problems from JSONL, JSON, CSV and Parquet files."""

import glob
import importlib.resources
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assay.core.errors import ConfigError, suggest_names
from assay.core.identity import content_id, hash_file
from assay.core.ports import SourceRow
from assay.sources._rows import Fields, Row, escape_surrogates, shorten
from assay.sources._tables import READERS, file_kind, read_column_names, read_rows

BUNDLED = "package:"


@dataclass(frozen=True, kw_only=True)
class Files(Fields):
    """Each row of the files is one problem with its label, or one drop that names its file, its line and what is wrong.

    `paths` are paths or globs (`**` goes deeper), read in ascending order, each file once; `package:NAME` is a file
    that the package bundles. The suffix says how a file is read: .jsonl, .ndjson, .json (a list of objects, also as
    the one list of one object, or one object a line), .csv, .tsv (header first), .parquet, and the text kinds with
    .gz. Blank lines are no rows. A file's line counts from 1; Parquet has row numbers instead.

    Raises (when reading starts, before the first row):
        ConfigError: no such file, an unknown kind of file, or a CSV or Parquet file without a wanted column.
    """

    paths: str | tuple[str, ...]

    def read(self) -> Iterator[SourceRow]:
        """Problems with labels, and drops, in the order of the files.

        Memory does not grow with their length (.json aside).
        """
        return self.found(self._rows([(name, path, self._columns(name, path)) for name, path in self._places()]))

    def fingerprint(self) -> str:
        """Hash of every file's name and bytes."""
        return content_id("files", [(name, hash_file(path)) for name, path in self._places()])

    def _rows(self, places: list[tuple[str, Path, list[str] | None]]) -> Iterator[Row]:
        for name, path, columns in places:
            source = self.name or path.name.split(".")[0]
            for line, value in read_rows(path, columns):
                yield Row(value, file=name, line=line, source=source)

    def _columns(self, name: str, path: Path) -> list[str] | None:
        try:
            known = read_column_names(path)
        except (OSError, ValueError) as error:
            raise ConfigError(f"{name} cannot be read: {shorten(str(error), 160)}") from error
        return None if known is None else self.columns(known, name)

    def _places(self) -> list[tuple[str, Path]]:
        patterns = (self.paths,) if isinstance(self.paths, str) else self.paths
        if not patterns:
            raise ConfigError("paths names no file")
        places = dict(place for pattern in patterns for place in _match_files(pattern))
        for name, path in places.items():
            if file_kind(path) not in READERS:
                raise ConfigError(
                    f"{name} is of an unknown kind {file_kind(path)!r}; {suggest_names(file_kind(path), READERS)}"
                )
        return list(places.items())


def _match_files(pattern: str) -> list[tuple[str, Path]]:
    """(name as in the plan, path), ascending."""
    root = _bundled_folder() if pattern.startswith(BUNDLED) else None
    real = pattern if root is None else str(root / pattern.removeprefix(BUNDLED))
    real = os.path.expanduser(real)
    found = (
        [real]
        if os.path.isfile(real)
        else sorted(path for path in glob.glob(real, recursive=True) if os.path.isfile(path))
    )
    if not found:
        raise ConfigError(f"no file {escape_surrogates(pattern)!r}; {_suggest_paths(Path(real))}")
    return [
        (escape_surrogates(path if root is None else BUNDLED + os.path.basename(path)), Path(path)) for path in found
    ]


def _suggest_paths(path: Path) -> str:
    folder = path.parent
    if path.is_dir():
        return f"it is a folder: {escape_surrogates(str(path / '*'))!r} names the files in it"
    if not folder.is_dir():
        return (
            f"there is no folder {escape_surrogates(str(folder))!r}"
            if not glob.has_magic(str(folder))
            else "nothing matches"
        )
    return suggest_names(
        path.name, sorted(escape_surrogates(each.name) for each in folder.iterdir() if file_kind(each) in READERS)[:200]
    )


def _bundled_folder() -> Path:
    return Path(str(importlib.resources.files("assay") / "data"))
