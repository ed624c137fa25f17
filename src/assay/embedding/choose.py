"""Choose the number of clusters: the k with the best silhouette on a sample.

Used by `embed.clusters = "auto"`.
"""

import numpy as np
from numpy.typing import NDArray

from assay.embedding.cluster import cluster, row_order, sample_rows

Vectors = NDArray[np.float32]

CANDIDATES = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
SAMPLE = 2_000  # rows that are clustered and compared pairwise
ROWS_PER_CLUSTER = 8  # minimum rows of the sample per cluster: below it a silhouette is noise


def choose_k(vectors: Vectors, *, seed: int = 0, device: str = "auto") -> tuple[int, dict[int, float]]:
    """Choose the number of clusters with the highest mean silhouette; of equal ones the smallest.

    Only candidates that leave at least 8 rows of the sample per cluster are tried; a pool too small for any of them is
    one cluster. The sample is drawn in the order of the rows' hashes, so a shuffled pool gets the same k.

    Args:
        vectors: (n, d) unit rows.
        seed: seed of the sample and of each clustering.
        device: where FAISS runs: "auto", "cpu" or "gpu".

    Returns:
        The number of clusters, and the mean silhouette of every candidate, in [-1, 1].

    Raises:
        ValueError: a row that is not finite, zero or not of norm 1.
        ConfigError: FAISS is missing, or sees no GPU where one is asked for.

    Source: D&C (arXiv:2409.11378) chooses k by silhouette, since it is cheap and known before training.
    """
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    if not len(rows):
        return 1, {}
    sample = rows[sample_rows(row_order(rows)[0], SAMPLE, seed)]
    scores: dict[int, float] = {}
    for k in CANDIDATES:
        if k * ROWS_PER_CLUSTER <= len(sample):
            scores[k] = mean_silhouette(sample, cluster(sample, k, seed=seed, device=device).assignment)
    return max(scores, key=lambda k: (round(scores[k], 6), -k), default=1), scores


def mean_silhouette(rows: Vectors, assignment: NDArray[np.int64]) -> float:
    """Measure by cosine how well clusters are separated.

    Args:
        rows: (n, d) unit rows. Takes O(n^2 d) time and O(n^2) memory, so pass a sample.
        assignment: (n,) cluster of each row; fewer clusters than rows.

    Returns:
        The mean silhouette in [-1, 1]: 1 = tight and far apart, 0 = no structure. -1 for fewer than two clusters, so
        that any clustering is preferred to one cluster.

    Source: Rousseeuw (1987), Silhouettes: a graphical aid to the interpretation and validation of cluster analysis.
    """
    if len(np.unique(assignment)) < 2:
        return -1.0
    from sklearn.metrics import silhouette_score

    return float(silhouette_score(rows, assignment, metric="cosine"))
