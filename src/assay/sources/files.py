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
from assay.sources._places import describe_old_place, match_files
from assay.sources._rows import Fields, Row
from assay.sources._tables import READERS, check_kind, file_kind, read_column_names, read_rows

BUNDLED = "package:"


@dataclass(frozen=True, kw_only=True)
class Files(Fields):
    """Read each row of the files as one problem with its label, or one drop with file, line and reason.

    `paths` are paths or globs (`**` matches subfolders), read in ascending order, each file once; relative ones start
    from the config's folder, and `package:NAME` is a file bundled with the package. The suffix says how a file is read:
    .jsonl, .ndjson, .json (a list of objects, an object with one such list, or one object per line), .csv, .tsv (with a
    header), .parquet, and the text kinds with .gz. Blank lines are skipped. Lines count from 1; in Parquet files rows
    do.

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

    def notices(self) -> tuple[str, ...]:
        """Return a sentence per path that only the working directory holds, where the config lies elsewhere."""
        own = [pattern for pattern in self._patterns if not pattern.startswith(BUNDLED)]
        hints = [describe_old_place(path, self.folder, match_files(path, self.folder)) for path in own]
        return tuple(sentence for sentence in hints if sentence)

    @property
    def _patterns(self) -> tuple[str, ...]:
        return (self.paths,) if isinstance(self.paths, str) else self.paths

    def _rows(self, places: list[tuple[str, Path, list[str] | None]]) -> Iterator[Row]:
        for name, path, columns in places:
            source, folder = self.name or path.name.split(".")[0], str(path.parent)
            for line, value in read_rows(path, columns):
                yield Row(value, name, line, source, folder)

    def _columns(self, name: str, path: Path) -> list[str] | None:
        try:
            schema = read_column_names(path)
        except (OSError, ValueError) as error:
            raise ConfigError(f"{name} cannot be read: {shorten(str(error), 160)}") from error
        return None if schema is None else self.select_columns(schema, name)

    def _places(self) -> list[tuple[str, Path]]:
        """Return (name to record, path) of every file."""
        if not self._patterns:
            raise ConfigError("paths is empty: name at least one file")
        places = dict(place for pattern in self._patterns for place in _locate_files(pattern, self.folder))
        for name, path in places.items():
            check_kind(name, path)
        return list(places.items())


def _locate_files(pattern: str, folder: str) -> list[tuple[str, Path]]:
    """Return (name as in the config, path) of the files that a pattern matches, ascending."""
    is_bundled = pattern.startswith(BUNDLED)
    real_pattern = str(_bundled_folder() / pattern.removeprefix(BUNDLED)) if is_bundled else pattern
    match = match_files(real_pattern, "" if is_bundled else folder)
    if not match.paths:
        where = f" in {escape_surrogates(folder)!r}" if folder and not os.path.isabs(real_pattern) else ""
        raise ConfigError(
            f"no file {escape_surrogates(pattern)!r}{where}; {_suggest_paths(Path(match.real(real_pattern)))}"
        )
    names = [BUNDLED + os.path.basename(path) if is_bundled else escape_surrogates(path) for path in match.paths]
    return [(name, Path(match.real(path))) for name, path in zip(names, match.paths, strict=True)]


def _suggest_paths(path: Path) -> str:
    folder = path.parent
    if path.is_dir():
        return f"it is a folder; {escape_surrogates(str(path / '*'))!r} reads the files in it"
    if not folder.is_dir():
        if glob.has_magic(str(folder)):
            return "nothing matches"
        return f"there is no folder {escape_surrogates(str(folder))!r}"
    names = sorted(escape_surrogates(file.name) for file in folder.iterdir() if file_kind(file) in READERS)
    return suggest_names(path.name, names[:200])


def _bundled_folder() -> Path:
    return Path(str(importlib.resources.files("assay") / "data"))
