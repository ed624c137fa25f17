"""How many clusters there are: the k of the best silhouette on a sample."""

import numpy as np
from numpy.typing import NDArray

from assay.embedding.cluster import cluster, row_order, sample
from assay.maths.geometry.silhouette import silhouette

Vectors = NDArray[np.float32]

CANDIDATES = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
SAMPLE = 2_000  # rows that are clustered and compared pairwise
ROWS_A_CLUSTER = 8  # of the sample, at least: below it a silhouette is noise


def best_k(vectors: Vectors, *, seed: int = 0, device: str = "auto") -> tuple[int, dict[int, float]]:
    """The number of clusters with the highest mean silhouette, the smallest of equals, and every candidate's silhouette.

    Candidates are those of `CANDIDATES` with at least 8 rows of the sample a cluster; a pool too small for any is one cluster. The sample is
    drawn in the order of the rows' hashes, so a shuffled pool has the same k.

    Shapes: (n, d) unit rows. Raises: as `cluster`.
    Source: D&C (arXiv:2409.11378) chooses k by silhouette, since it is cheap and known before training.
    """
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    if not len(rows):
        return 1, {}
    seen = rows[sample(row_order(rows)[0], SAMPLE, seed)]
    scores: dict[int, float] = {}
    for k in CANDIDATES:
        if k * ROWS_A_CLUSTER <= len(seen):
            scores[k] = silhouette(seen, cluster(seen, k, seed=seed, device=device).assignment)
    return max(scores, key=lambda k: (round(scores[k], 6), -k), default=1), scores
