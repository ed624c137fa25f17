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
from assay.sources._bad_row import escape_surrogates, shorten
from assay.sources._rows import Fields, Row
from assay.sources._tables import READERS, file_kind, read_column_names, read_rows

BUNDLED = "package:"


@dataclass(frozen=True, kw_only=True)
class Files(Fields):
    """Read each row of the files as one problem with its label, or one drop with file, line and reason.

    `paths` are paths or globs (`**` matches subfolders), read in ascending order, each file once; `package:NAME` is a
    file bundled with the package. The suffix says how a file is read: .jsonl, .ndjson, .json (a list of objects, an
    object with one such list, or one object per line), .csv, .tsv (with a header), .parquet, and the text kinds with
    .gz. Blank lines are skipped. Lines count from 1; in Parquet files rows do.

    Raises (before the first row):
        ConfigError: no such file, an unknown kind of file, or a CSV or Parquet file without a required field.
    """

    paths: str | tuple[str, ...]

    def read(self) -> Iterator[SourceRow]:
        """Yield problems with labels, and drops, in the order of the files.

        Memory does not grow with the files' length, except for .json.
        """
        places = [(name, path, self._columns(name, path)) for name, path in self._places()]
        return self.convert_rows(self._rows(places))

    def fingerprint(self) -> str:
        """Return a hash of every file's name and bytes."""
        return content_id("files", [(name, hash_file(path)) for name, path in self._places()])

    def _rows(self, places: list[tuple[str, Path, list[str] | None]]) -> Iterator[Row]:
        for name, path, columns in places:
            source = self.name or path.name.split(".")[0]
            for line, value in read_rows(path, columns):
                yield Row(value, file=name, line=line, source=source)

    def _columns(self, name: str, path: Path) -> list[str] | None:
        try:
            schema = read_column_names(path)
        except (OSError, ValueError) as error:
            raise ConfigError(f"{name} cannot be read: {shorten(str(error), 160)}") from error
        return None if schema is None else self.select_columns(schema, name)

    def _places(self) -> list[tuple[str, Path]]:
        """Return (name to record, path) of every file."""
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
    """Return (name as in the config, path) of the files that a pattern matches, ascending."""
    bundle = _bundled_folder() if pattern.startswith(BUNDLED) else None
    real_pattern = os.path.expanduser(pattern if bundle is None else str(bundle / pattern.removeprefix(BUNDLED)))
    if os.path.isfile(real_pattern):
        paths = [real_pattern]
    else:
        paths = sorted(path for path in glob.glob(real_pattern, recursive=True) if os.path.isfile(path))
    if not paths:
        raise ConfigError(f"no file {escape_surrogates(pattern)!r}; {_suggest_paths(Path(real_pattern))}")
    return [
        (escape_surrogates(path if bundle is None else BUNDLED + os.path.basename(path)), Path(path)) for path in paths
    ]


def _suggest_paths(path: Path) -> str:
    folder = path.parent
    if path.is_dir():
        return f"it is a folder: {escape_surrogates(str(path / '*'))!r} names the files in it"
    if not folder.is_dir():
        if glob.has_magic(str(folder)):
            return "nothing matches"
        return f"there is no folder {escape_surrogates(str(folder))!r}"
    names = sorted(escape_surrogates(file.name) for file in folder.iterdir() if file_kind(file) in READERS)
    return suggest_names(path.name, names[:200])


def _bundled_folder() -> Path:
    return Path(str(importlib.resources.files("assay") / "data"))
