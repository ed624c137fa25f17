"""`hub`: problems from a Hugging Face dataset, by hub id or in a local folder."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError, suggest_names
from assay.core.identity import content_id, hash_file
from assay.core.ports import SourceRow
from assay.sources._bad_row import BadRow, shorten
from assay.sources._places import describe_old_place, match_folder
from assay.sources._rows import Fields, Row

SAVED_FILES = ("state.json", "dataset_dict.json")  # written by save_to_disk


@dataclass(frozen=True, kw_only=True)
class Hub(Fields):
    """Read each row of a split as one problem with its label, or one drop with the row's number and the reason.

    `path` is a folder made by `save_to_disk`, a folder of data files, or a hub id; a relative folder starts from the
    config's. Local data are streamed or
    memory-mapped; a hub dataset is downloaded once into the library's own cache. A broken data file ends the reading
    with a `broken_file` drop, because the library does not report its rows one by one; the source `files` continues
    behind it. `line` is the row's number in the split, from 1.

    Raises (when reading starts):
        ConfigError: no such folder, id, config, split or field.
    """

    path: str
    config: str = ""
    split: str = "train"
    revision: str = ""  # of a hub id: branch, tag or commit

    def read(self) -> Iterator[SourceRow]:
        """Yield problems with labels, and drops, in the split's order."""
        dataset = self._load()
        schema = dataset.column_names
        if schema is not None:
            dataset = dataset.select_columns(self.select_columns(schema, f"{self.path} ({self.split})"))
        if self.media == "keep":
            dataset = _undecoded(dataset)
        return self.convert_rows(self._rows(dataset))

    def fingerprint(self) -> str:
        """Return a hash of every file in a local folder, or of a hub dataset's fingerprint, which holds the commit."""
        folder = self._folder()
        if folder is None:
            return content_id("hub", self.path, self.split, str(self._load()._fingerprint))
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return content_id("hub", [(str(path.relative_to(folder)), hash_file(path)) for path in files])

    def notices(self) -> tuple[str, ...]:
        """Return a sentence where only the working directory holds the folder, and the config lies elsewhere."""
        match = match_folder(self.path, self.folder)
        is_there = os.path.exists(match.real(self.path))
        return tuple(filter(None, (describe_old_place(self.path, self.folder, match) if is_there else "",)))

    def _rows(self, dataset: Any) -> Iterator[Row]:
        from datasets.exceptions import DatasetsError

        source, number, folder = self.name or Path(self.path).name, 0, str(self._folder() or "")
        try:
            for number, value in enumerate(dataset, 1):
                yield Row(value, file=self.path, line=number, source=source, folder=folder)
        except (DatasetsError, OSError, ValueError, TypeError, KeyError) as error:
            bad = BadRow("broken_file", f"{shorten(str(error), 200)}; row {number + 1} and what follows is lost")
            yield Row(bad, file=self.path, line=number + 1, source=source)

    def _folder(self) -> Path | None:
        folder = Path(match_folder(self.path, self.folder).real(self.path))
        if folder.is_dir():
            return folder
        if folder.is_file():
            raise ConfigError(f"hub path {self.path!r} is a file: part = 'files' reads files")
        if self.path.startswith((".", "/", "~")) or self.path.count("/") > 1:
            raise ConfigError(f"no folder {self.path!r}")
        return None

    def _load(self) -> Any:
        import datasets

        folder = self._folder()
        is_saved = folder is not None and any((folder / name).is_file() for name in SAVED_FILES)
        try:
            if is_saved:
                return self._choose_split(datasets.load_from_disk(str(folder)))
            if folder is None:
                return datasets.load_dataset(
                    self.path, self.config or None, split=self.split, revision=self.revision or None
                )
            return datasets.load_dataset(str(folder), self.config or None, split=self.split, streaming=True)
        except ConfigError:
            raise
        except (datasets.exceptions.DatasetsError, OSError, ValueError, TypeError, KeyError) as error:
            raise ConfigError(
                f"dataset {self.path!r}, config {self.config!r}, split {self.split!r}: "
                f"{' '.join(str(error).split())[:300]}"
            ) from error

    def _choose_split(self, dataset: Any) -> Any:
        if not hasattr(dataset, "keys"):
            return dataset  # a folder of a single split, which has no name
        if self.split not in dataset:
            raise ConfigError(f"{self.path} has no split {self.split!r}; {suggest_names(self.split, dataset.keys())}")
        return dataset[self.split]


def _undecoded(dataset: Any) -> Any:
    """Return a dataset whose pictures are the bytes of their files: decoded and written again, they would be others."""
    import datasets

    for name, feature in (dataset.features or {}).items():
        if isinstance(feature, datasets.Image):
            dataset = dataset.cast_column(name, datasets.Image(decode=False))
        elif isinstance(getattr(feature, "feature", None), datasets.Image):  # a list of them
            dataset = dataset.cast_column(name, type(feature)(datasets.Image(decode=False)))
    return dataset
