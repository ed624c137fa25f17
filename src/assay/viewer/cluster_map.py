"""The pool as a map: vectors in two dimensions, with pass rate and selection."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.stores.reader import LakeReader
from assay.viewer.keys import ViewKeys
from assay.viewer.pool import PoolIndex

POINTS = 6_000  # of the map; of a larger pool a sample that its ids decide
WORDS = 40  # problems per cluster whose words are read
CLUSTERS = """
SELECT cluster, count(*) AS problems, count(*) FILTER (kept) AS kept, avg(value) AS mean FROM pool WHERE cluster IS NOT NULL
GROUP BY cluster ORDER BY problems DESC, cluster LIMIT 60
"""
NEAREST = """
SELECT c.cluster, c.problem_id, left(p.messages[-1].content, 300) AS text FROM (
    SELECT cluster, problem_id, similarity FROM clusters WHERE clustering_id = $1 AND list_contains($2::BIGINT[], cluster)
    QUALIFY row_number() OVER (PARTITION BY cluster ORDER BY similarity DESC, problem_id) <= $3
) c JOIN problems p ON p.id = c.problem_id ORDER BY c.cluster, c.similarity DESC, c.problem_id
"""
SAMPLE = "SELECT id, cluster, value AS rate, coalesce(kept, false) AS kept FROM pool WHERE cluster IS NOT NULL ORDER BY hash(id) LIMIT ?"
VECTORS = """
SELECT problem_id, arg_max(vector, encoder) AS vector FROM vectors WHERE problem_id IN (SELECT unnest(?::VARCHAR[])) GROUP BY problem_id
"""


def cluster_map(reader: LakeReader, keys: ViewKeys, pool: PoolIndex, *, points: int = POINTS) -> dict[str, Any]:
    """Collect the clusters, and the map where the lake holds vectors.

    Args:
        reader: the lake.
        keys: which clustering counts.
        pool: the problems.
        points: of the map, at most.

    Returns:
        {clusters: the largest first, with keywords and the problem nearest to the centre; points: as columns of equal
        length; explained: share of the vectors' variance that the two dimensions hold; pool: problems in clusters}.
    """
    from assay.maths.text.keywords import keywords

    rows = pool.rows(CLUSTERS)
    near: dict[int, list[dict[str, Any]]] = {row["cluster"]: [] for row in rows}
    for row in reader.rows(NEAREST, [keys.clustering, list(near), WORDS]) if near else ():
        near[row["cluster"]].append(row)
    words = keywords({name: [row["text"] for row in group] for name, group in near.items()}) if near else {}
    clusters = [
        {
            **row,
            "keywords": words.get(row["cluster"], []),
            "typical": near[row["cluster"]][0] if near[row["cluster"]] else None,
        }
        for row in rows
    ]
    sample = pool.rows(SAMPLE, [points]) if rows else []
    vectors = (
        {row["problem_id"]: row["vector"] for row in reader.rows(VECTORS, [[row["id"] for row in sample]])}
        if sample
        else {}
    )
    points_with_vectors = [
        {**row, "vector": vectors[row["id"]]}
        for row in sorted(sample, key=lambda row: str(row["id"]))
        if row["id"] in vectors
    ]
    return {"clusters": clusters, "pool": sum(row["problems"] for row in rows), **project(points_with_vectors)}


def project(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Place vectors of equal length in two dimensions: those in which the clusters' centres differ most.

    Args:
        rows: with `vector`, `cluster`, `id`, `rate` and `kept`.
    """
    length = len(rows[0]["vector"]) if rows else 0
    rows = [row for row in rows if len(row["vector"]) == length]
    if len(rows) < 3:
        return {"points": {name: [] for name in ("id", "x", "y", "cluster", "rate", "kept")}, "explained": None}
    vectors = np.array([row["vector"] for row in rows], dtype=np.float64)
    places, variance_share = _two_dimensions(vectors, np.array([row["cluster"] for row in rows]))
    return {
        "points": {
            "id": [row["id"] for row in rows],
            "x": np.round(places[:, 0], 4).tolist(),
            "y": np.round(places[:, 1], 4).tolist(),
            "cluster": [row["cluster"] for row in rows],
            "rate": [row["rate"] for row in rows],
            "kept": [bool(row["kept"]) for row in rows],
        },
        "explained": round(variance_share, 4),
    }


def _two_dimensions(vectors: NDArray[np.float64], cluster: NDArray[np.int64]) -> tuple[NDArray[np.float64], float]:
    """Return (n, 2) places in [0, 1], and the share of variance that they hold.

    The directions are the two main ones of the clusters' centres, weighted by size; of all vectors where there are
    fewer than three clusters.
    """
    offsets = vectors - vectors.mean(axis=0)
    names, inverse, sizes = np.unique(cluster, return_inverse=True, return_counts=True)
    of = offsets
    if len(names) >= 3:
        sums = np.zeros((len(names), offsets.shape[1]))
        np.add.at(sums, inverse, offsets)
        of = sums / sizes[:, None] * np.sqrt(sizes)[:, None]
    _, _, directions = np.linalg.svd(of, full_matrices=False)
    axes = directions[:2] if len(directions) > 1 else np.vstack([directions, np.zeros_like(directions)])
    axes = (
        axes * np.where(axes[np.arange(2), np.abs(axes).argmax(axis=1)] < 0, -1, 1)[:, None]
    )  # the same way each time
    places = offsets @ axes.T
    variance_share = float((places**2).sum() / max((offsets**2).sum(), 1e-12))
    span = np.maximum(np.ptp(places, axis=0), 1e-9)
    return (places - places.min(axis=0)) / span, variance_share
