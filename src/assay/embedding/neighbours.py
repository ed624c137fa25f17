"""Exact nearest-neighbour search by cosine with FAISS, one chunk of queries at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import require
from assay.embedding.unit import check_unit

Vectors = NDArray[np.float32]
Ints = NDArray[np.int64]

CHUNK = 1024  # queries per search, so that memory does not grow with their number
EPSILON = 1e-6  # a cosine of exactly the threshold counts, whatever its rounding in float32


@dataclass(frozen=True)
class FaissNeighbours:
    """Exhaustive inner-product search over unit rows of any kind (texts, hidden states, projected gradients)."""

    chunk: int = CHUNK

    def above(self, queries: Vectors, rows: Vectors, threshold: float) -> Iterator[tuple[Ints, NDArray[np.float32]]]:
        """Yield for each query, in order, the rows of cosine at least `threshold`, ascending, and their cosines.

        Args:
            queries: (m, d) unit rows.
            rows: (n, d) unit rows; n = 0 gives m empty results.
            threshold: cosine in [-1, 1].

        Raises:
            ValueError: dimensions differ, or a row is not finite, zero or not of norm 1.
        """
        if not len(queries):
            return
        if not len(rows):
            yield from ((np.zeros(0, np.int64), np.zeros(0, np.float32)) for _ in queries)
            return
        index = _build_index(queries, rows)
        for start in range(0, len(queries), self.chunk):
            limits, cosines, neighbours = index.range_search(queries[start : start + self.chunk], threshold - EPSILON)
            for first, last in zip(limits[:-1].tolist(), limits[1:].tolist(), strict=True):
                order = np.argsort(neighbours[first:last])
                yield neighbours[first:last][order], np.clip(cosines[first:last][order], -1, 1)

    def nearest(self, queries: Vectors, rows: Vectors, k: int) -> tuple[NDArray[np.float32], Ints]:
        """Return cosines and row numbers of the k nearest rows of each query, the nearest first.

        Shapes: (m, d), (n, d) -> (m, k'), (m, k'), with k' = min(k, n).

        Raises:
            ValueError: k below 1, or as for `above`.
        """
        if k < 1:
            raise ValueError(f"the number of neighbours must be at least 1, found {k}")
        k = min(k, len(rows))
        cosines, neighbours = np.zeros((len(queries), k), np.float32), np.zeros((len(queries), k), np.int64)
        if not k or not len(queries):
            return cosines, neighbours
        index = _build_index(queries, rows)
        for start in range(0, len(queries), self.chunk):
            part = slice(start, start + self.chunk)
            cosines[part], neighbours[part] = index.search(queries[part], k)
        return np.clip(cosines, -1, 1), neighbours


def _build_index(queries: Vectors, rows: Vectors) -> Any:
    for vectors in (queries, rows):
        check_unit(vectors)
    if queries.shape[1] != rows.shape[1]:
        raise ValueError(
            f"queries of dimension {queries.shape[1]} cannot be compared with rows of dimension {rows.shape[1]}"
        )
    index = require("faiss", extra="cpu").IndexFlatIP(rows.shape[1])
    index.add(np.ascontiguousarray(rows, dtype=np.float32))
    return index
