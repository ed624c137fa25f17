"""Rows scaled to norm 1."""

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

TOLERANCE = 1e-3  # of a norm that claims to be 1


def normalize_rows(rows: NDArray[np.floating]) -> Vectors:
    """Each row divided by its Euclidean norm, in float64 and then rounded to float32.

    Shapes: (n, d) -> (n, d).

    Raises:
        ValueError: a row is not finite, or is zero and so has no direction.

    >>> normalize_rows(np.array([[3.0, 4.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    wide = np.asarray(rows, dtype=np.float64)
    norms = np.sqrt(np.einsum("nd,nd->n", wide, wide))
    wrong = np.flatnonzero(~np.isfinite(norms) | (norms == 0))
    if len(wrong):
        raise ValueError(
            f"row {wrong[0]} has norm {norms[wrong[0]]:.3g} and no direction; {len(wrong)} of {len(wide)} rows are so"
        )
    scaled: Vectors = (wide / norms[:, None]).astype(np.float32)
    return scaled


def check_unit(vectors: Vectors) -> None:
    """Nothing, where every row has norm 1.

    Raises:
        ValueError: no (n, d) array, or a row is not finite, zero or of another norm.
    """
    if vectors.ndim != 2:
        raise ValueError(f"vectors of shape {vectors.shape} are not (n, d)")
    norms = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    wrong = np.flatnonzero(~(np.abs(norms - 1) < TOLERANCE))
    if len(wrong):
        raise ValueError(
            f"row {wrong[0]} has norm {norms[wrong[0]]:.3g}, not 1; {len(wrong)} of {len(vectors)} rows are so"
        )
