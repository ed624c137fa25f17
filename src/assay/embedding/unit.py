"""Scale rows to norm 1, and check that they are."""

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

TOLERANCE = 1e-3  # of a norm that should be 1


def normalize_rows(rows: NDArray[np.floating]) -> Vectors:
    """Divide each row by its Euclidean norm, in float64, and round to float32.

    Shapes: (n, d) -> (n, d).

    Raises:
        ValueError: a row is not finite, or is zero and so has no direction.

    >>> normalize_rows(np.array([[3.0, 4.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    wide = np.asarray(rows, dtype=np.float64)
    norms = np.sqrt(np.einsum("nd,nd->n", wide, wide))
    invalid = np.flatnonzero(~np.isfinite(norms) | (norms == 0))
    if len(invalid):
        raise ValueError(
            f"row {invalid[0]} has norm {norms[invalid[0]]:.3g} and no direction; "
            f"{len(invalid)} of {len(wide)} rows are affected"
        )
    scaled: Vectors = (wide / norms[:, None]).astype(np.float32)
    return scaled


def check_unit(vectors: Vectors) -> None:
    """Raise unless every row has norm 1.

    Raises:
        ValueError: not an (n, d) array, or a row is not finite, zero or of another norm.
    """
    if vectors.ndim != 2:
        raise ValueError(f"vectors of shape {vectors.shape} are not (n, d)")
    norms = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    invalid = np.flatnonzero(~(np.abs(norms - 1) < TOLERANCE))
    if len(invalid):
        raise ValueError(
            f"row {invalid[0]} has norm {norms[invalid[0]]:.3g}, not 1; {len(invalid)} of {len(vectors)} rows are "
            "affected"
        )
