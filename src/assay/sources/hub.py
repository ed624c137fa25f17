"""`hub`: problems from a Hugging Face dataset, by hub id or in a local folder."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError, suggest_names
from assay.core.identity import content_id, hash_file
from assay.core.ports import SourceRow
from assay.sources._rows import BadRow, Fields, Row, shorten

SAVED = ("state.json", "dataset_dict.json")  # what save_to_disk leaves in a folder


@dataclass(frozen=True, kw_only=True)
class Hub(Fields):
    """Each row of one split is one problem with its label, or one drop that names its row and what is wrong.

    `path` is a folder made by `save_to_disk`, a folder of data files, or a hub id. Local data are streamed or
    memory-mapped; a hub id is downloaded once into the libraries' own cache. One broken data file ends the reading
    with a `broken_file` drop, because its rows cannot be told apart here: the `files` source reads on. `line` is the
    row's number in the split, from 1.

    Raises (when reading starts):
        ConfigError: no such folder, id, config, split or field.
    """

    path: str
    config: str = ""
    split: str = "train"
    revision: str = ""  # of a hub id: branch, tag or commit

    def read(self) -> Iterator[SourceRow]:
        """Problems with labels, and drops, in the split's order."""
        rows = self._table()
        known = rows.column_names
        if known is not None:
            rows = rows.select_columns(self.columns(known, f"{self.path} ({self.split})"))
        return self.found(self._rows(rows))

    def fingerprint(self) -> str:
        """Hash of every file in a local folder, or the libraries' fingerprint of a hub dataset, which holds the
        commit.
        """
        folder = self._folder()
        if folder is None:
            return content_id("hub", self.path, self.split, str(self._table()._fingerprint))
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return content_id("hub", [(str(path.relative_to(folder)), hash_file(path)) for path in files])

    def _rows(self, rows: Any) -> Iterator[Row]:
        from datasets.exceptions import DatasetsError

        name, number = self.name or Path(self.path).name, 0
        try:
            for number, value in enumerate(rows, 1):
                yield Row(value, file=self.path, line=number, source=name)
        except (DatasetsError, OSError, ValueError, TypeError, KeyError) as error:
            lost = BadRow("broken_file", f"{shorten(str(error), 200)}; row {number + 1} and what follows is lost")
            yield Row(lost, file=self.path, line=number + 1, source=name)

    def _folder(self) -> Path | None:
        folder = Path(os.path.expanduser(self.path))
        if folder.is_dir():
            return folder
        if folder.is_file():
            raise ConfigError(f"hub path {self.path!r} is a file: part = 'files' reads files")
        if self.path.startswith((".", "/", "~")) or self.path.count("/") > 1:
            raise ConfigError(f"no folder {self.path!r}")
        return None

    def _table(self) -> Any:
        import datasets

        folder = self._folder()
        saved = folder is not None and any((folder / name).is_file() for name in SAVED)
        try:
            if saved:
                return self._of_split(datasets.load_from_disk(str(folder)))
            where, options = (
                (self.path, {"revision": self.revision or None})
                if folder is None
                else (str(folder), {"streaming": True})
            )
            return datasets.load_dataset(where, self.config or None, split=self.split, **options)
        except ConfigError:
            raise
        except (datasets.exceptions.DatasetsError, OSError, ValueError, TypeError, KeyError) as error:
            raise ConfigError(
                f"dataset {self.path!r}, config {self.config!r}, split {self.split!r}: {' '.join(str(error).split())[:300]}"
            ) from error

    def _of_split(self, loaded: Any) -> Any:
        if not hasattr(loaded, "keys"):
            return loaded  # a folder of one split has no name for it
        if self.split not in loaded:
            raise ConfigError(f"{self.path} has no split {self.split!r}; {suggest_names(self.split, loaded.keys())}")
        return loaded[self.split]
