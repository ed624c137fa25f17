"""Vectors from a file, such as projected gradients, through the same door as an encoder's."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import ConfigError
from assay.core.identity import content_id, hash_file
from assay.core.types import Problem
from assay.embedding.unit import normalize_rows

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class StoredVectors:
    """Rows of an .npz file with `ids` (problem ids of one user turn each, (n,)) and `rows` ((n, d), any norm but 0),
    scaled to norm 1.
    """

    path: Path

    @cached_property
    def revision(self) -> str:
        """Hash of the file's bytes."""
        return content_id("stored", hash_file(self.path))

    @cached_property
    def _held(self) -> tuple[dict[str, int], Vectors]:
        with np.load(self.path, allow_pickle=False) as file:
            if not {"ids", "rows"} <= set(file.files):
                raise ConfigError(f"{self.path.name} holds {sorted(file.files)}, not 'ids' and 'rows'")
            ids, rows = file["ids"].astype(str).tolist(), file["rows"]
        if rows.ndim != 2 or len(ids) != len(rows):
            raise ConfigError(f"{self.path.name} holds rows of shape {rows.shape} for {len(ids)} ids")
        return {id_: row for row, id_ in enumerate(ids)}, normalize_rows(rows)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """The rows of these texts' problems, (n, d).

        Raises:
            ConfigError: the file lacks one.
        """
        rows, vectors = self._held
        ids = [Problem.of(text).id for text in texts]
        if lost := [id_ for id_ in ids if id_ not in rows]:
            raise ConfigError(
                f"{self.path.name} has no vector for {lost[0]!r}; {len(lost)} of {len(ids)} problems lack one"
            )
        return vectors[[rows[id_] for id_ in ids]]
