"""Vectors from a file, such as projected gradients, used in place of an encoder."""

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
    """Rows of an .npz file, scaled to norm 1.

    The file holds `ids` ((n,), ids of problems that consist of one user turn) and `rows` ((n, d), any norm but 0).
    """

    path: Path

    @cached_property
    def revision(self) -> str:
        """Hash of the file's bytes."""
        return content_id("stored", hash_file(self.path))

    @cached_property
    def _rows_and_vectors(self) -> tuple[dict[str, int], Vectors]:
        with np.load(self.path, allow_pickle=False) as file:
            if not {"ids", "rows"} <= set(file.files):
                raise ConfigError(f"{self.path.name} must hold the arrays 'ids' and 'rows', found {sorted(file.files)}")
            ids, vectors = file["ids"].astype(str).tolist(), file["rows"]
        if vectors.ndim != 2 or len(ids) != len(vectors):
            raise ConfigError(f"{self.path.name} holds rows of shape {vectors.shape} for {len(ids)} ids")
        return {id_: row for row, id_ in enumerate(ids)}, normalize_rows(vectors)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of these texts' problems, (n, d).

        Raises:
            ConfigError: the file lacks one.
        """
        row_of, vectors = self._rows_and_vectors
        ids = [Problem.of(text).id for text in texts]
        if missing := [id_ for id_ in ids if id_ not in row_of]:
            raise ConfigError(
                f"{self.path.name} has no vector for {missing[0]!r}; {len(missing)} of {len(ids)} problems have none"
            )
        return vectors[[row_of[id_] for id_ in ids]]
