"""Spherical k-means with FAISS, started by k-means++.

The result says on which device it ran and how many clusters there are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import ConfigError, require
from assay.embedding.unit import check_unit, normalize_rows
from assay.maths.geometry.kmeans_seeding import kmeans_plus_plus

Ints = NDArray[np.int64]
Vectors = NDArray[np.float32]

SAMPLE_ROWS = 20_000  # read by k-means++ and the first iterations: a third of the time, +.5% to +1% inertia
ROWS_PER_CENTROID = 256  # the last iterations read at most so many rows per centroid, but never fewer than SAMPLE_ROWS
ITERATIONS = 10
LAST_ITERATIONS = 4  # how many of them read more than the sample
ASSIGN_CHUNK = 65_536  # rows assigned at a time, so that memory does not grow with the pool
HASH_CHUNK = 8_192  # rows hashed at a time
MAX_REFILLS = 10  # attempts to refill empty clusters before they are dropped


@dataclass(frozen=True, slots=True)
class Clustering:
    """Clusters numbered by falling size, equal sizes by their first row in the order of `row_order`."""

    assignment: Ints  # (n,), in [0, k)
    similarity: NDArray[np.float32]  # (n,), cosine to the row's own centroid, in [-1, 1], 1 = equal
    centroids: Vectors  # (k, d), unit rows
    requested: int  # the k of the call; more than len(centroids) if there are fewer distinct rows
    device: str  # cpu or gpu: where it ran


def cluster(
    vectors: Vectors, k: int, *, seed: int = 0, device: str = "auto", iterations: int = ITERATIONS
) -> Clustering:
    """Cluster unit rows by cosine: every row belongs to its nearest centroid, and no cluster is empty.

    All work is done in the order of the rows' hashes, so the same rows in another order get the same clusters. Besides
    the rows, memory holds a sample, one chunk, and some tens of bytes per row.

    Args:
        vectors: (n, d) unit rows; n = 0 gives no cluster.
        k: number of clusters; fewer result if fewer rows are distinct.
        seed: the only source of randomness.
        device: "auto", "cpu" or "gpu".
        iterations: k-means iterations.

    Raises:
        ValueError: k below 1, or a row that is not finite, zero or not of norm 1.
        ConfigError: FAISS is missing, or device = "gpu" and FAISS sees none (FAISS itself would silently use the CPU).

    Source: Arthur and Vassilvitskii (2007), k-means++, for the start; FAISS's own random start is about 5% worse in
    inertia.
    """
    if k < 1:
        raise ValueError(f"embed.clusters must be at least 1, found {k}")
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    used_device = find_device(device)
    if not len(rows):
        return Clustering(np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros((0, 0), np.float32), k, used_device)
    check_unit(rows)
    order, is_first = row_order(rows)
    centroids = _train(rows, order, order[is_first], min(k, int(is_first.sum())), seed, used_device, iterations)
    centroids, nearest, cosine = _refill_empty(rows, order, is_first, centroids, used_device)
    return _number_by_size(order, centroids, nearest, cosine, requested=k, device=used_device)


def find_device(requested: str) -> str:
    """Return where FAISS will run, "gpu" or "cpu".

    Raises:
        ConfigError: FAISS is missing, the name is unknown, or a GPU is requested and FAISS sees none.
    """
    if requested not in ("auto", "cpu", "gpu"):
        raise ConfigError(f"embed.device {requested!r} must be 'auto', 'cpu' or 'gpu'")
    gpus = require("faiss", extra="cpu").get_num_gpus()
    if requested == "gpu" and not gpus:
        raise ConfigError("embed.device is 'gpu', but FAISS finds no GPU here; use 'auto' or 'cpu'")
    return "gpu" if gpus and requested != "cpu" else "cpu"


def row_order(rows: Vectors, *, chunk: int = HASH_CHUNK) -> tuple[Ints, NDArray[np.bool_]]:
    """Sort rows by a hash of their values, so that where they stand does not matter. Equal rows are adjacent.

    A hash is two 64-bit sums over a row's words times fixed random numbers, and takes -0 for 0: two different rows
    share one with a chance below 1e-19. Memory: one chunk and 16 bytes per row.

    Returns:
        (n,) row numbers in hash order, and (n,) whether a row in that order differs from the one before it.
    """
    factors = np.random.default_rng(0).integers(0, 2**64, size=(rows.shape[1], 2), dtype=np.uint64)
    hashes = np.empty((len(rows), 2), np.uint64)
    for start in range(0, len(rows), chunk):
        words = (rows[start : start + chunk] + np.float32(0)).view(np.uint32).astype(np.uint64)
        hashes[start : start + chunk] = words @ factors  # modulo 2^64
    order = np.lexsort((hashes[:, 1], hashes[:, 0]))
    is_first = np.ones(len(order), dtype=np.bool_)
    is_first[1:] = (hashes[order[1:]] != hashes[order[:-1]]).any(axis=1)
    return order, is_first


def sample_rows(order: Ints, size: int, seed: int) -> Ints:
    """Draw at most `size` of these row numbers and keep their order."""
    if len(order) <= size:
        return order
    return order[np.sort(np.random.default_rng(seed).choice(len(order), size, replace=False))]


def _train(rows: Vectors, order: Ints, distinct: Ints, k: int, seed: int, device: str, iterations: int) -> Vectors:
    """Run FAISS's iterations from a k-means++ start, the first on a sample; k distinct rows are the centroids.

    Returns:
        (k, d) centroids.
    """
    if k == len(distinct):
        return rows[distinct] + np.float32(0)
    candidates = rows[sample_rows(distinct, max(SAMPLE_ROWS, k), seed)]
    centroids = candidates[kmeans_plus_plus(candidates, k, np.random.default_rng(seed))]
    last = min(LAST_ITERATIONS, iterations)
    small_sample = sample_rows(order, max(SAMPLE_ROWS, k), seed)
    large_sample = sample_rows(order, max(SAMPLE_ROWS, ROWS_PER_CENTROID * k), seed)
    for sample, times in ((small_sample, iterations - last), (large_sample, last)):
        if times:
            centroids = _iterate(centroids, rows[sample], times, seed, device)
    return centroids


def _iterate(centroids: Vectors, sample: Vectors, times: int, seed: int, device: str) -> Vectors:
    faiss = require("faiss", extra="cpu")
    kmeans = faiss.Kmeans(
        sample.shape[1],
        len(centroids),
        niter=times,
        spherical=True,
        seed=seed,
        gpu=device == "gpu",
        min_points_per_centroid=1,
    )
    kmeans.cp.max_points_per_centroid = len(sample)  # it was sampled already, by our own seed and row order
    kmeans.train(sample, init_centroids=centroids)
    return normalize_rows(kmeans.centroids)


def _refill_empty(
    rows: Vectors, order: Ints, is_first: NDArray[np.bool_], centroids: Vectors, device: str
) -> tuple[Vectors, Ints, NDArray[np.float32]]:
    """Move the centroid of each empty cluster to the row farthest from its own centroid, and drop what stays empty.

    Returns:
        The centroids, and each row's nearest centroid and cosine to it, both in the order of `order`.
    """
    nearest, cosine = _assign(rows, order, centroids, device)
    for _ in range(MAX_REFILLS):
        empty = np.flatnonzero(np.bincount(nearest, minlength=len(centroids)) == 0)
        if not len(empty):
            break
        farthest = np.flatnonzero(is_first)[np.argsort(cosine[is_first], kind="stable")[: len(empty)]]
        centroids[empty] = rows[order[farthest]]
        nearest, cosine = _assign(rows, order, centroids, device)
    used_centres, nearest = np.unique(nearest, return_inverse=True)
    return centroids[used_centres], nearest.astype(np.int64), cosine


def _assign(
    rows: Vectors, order: Ints, centroids: Vectors, device: str, *, chunk: int = ASSIGN_CHUNK
) -> tuple[Ints, NDArray[np.float32]]:
    """Find each row's nearest centroid and the cosine to it, (n,) each, in the order of `order`."""
    faiss = require("faiss", extra="cpu")
    index: Any = faiss.IndexFlatIP(centroids.shape[1])
    index.add(centroids)
    if device == "gpu":
        index = faiss.index_cpu_to_all_gpus(index)
    nearest, cosine = np.empty(len(order), np.int64), np.empty(len(order), np.float32)
    for start in range(0, len(order), chunk):
        part = slice(start, start + chunk)
        part_cosine, part_nearest = index.search(rows[order[part]], 1)
        nearest[part], cosine[part] = part_nearest[:, 0], part_cosine[:, 0]
    return nearest, np.clip(cosine, -1, 1)


def _number_by_size(
    order: Ints, centroids: Vectors, nearest: Ints, cosine: NDArray[np.float32], *, requested: int, device: str
) -> Clustering:
    """Renumber clusters by falling size and return to the caller's row order."""
    _, first_row = np.unique(nearest, return_index=True)  # (k,) each cluster's first row in the order of `order`
    by_size = np.lexsort((first_row, -np.bincount(nearest)))
    number = np.empty_like(by_size)
    number[by_size] = np.arange(len(by_size))
    assignment, similarity = np.empty_like(nearest), np.empty_like(cosine)
    assignment[order], similarity[order] = number[nearest], cosine
    return Clustering(assignment, similarity, centroids[by_size], requested, device)
