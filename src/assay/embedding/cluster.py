"""Spherical k-means with FAISS, from a k-means++ start.

The result says where it ran and how many clusters there are.
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

START_ROWS = (
    20_000  # k-means++ and the first iterations read a sample of this size: a third of the time, +.5% to +1% inertia
)
ROWS_A_CENTROID = 256  # the last iterations read at most this many rows a centroid, and never fewer than START_ROWS
ITERATIONS = 10
LAST = 4  # of them, on more than the sample
CHUNK = 65_536  # rows assigned at a time, so memory does not grow with the pool
HASHED = 8_192  # rows hashed at a time
REPAIRS = 10  # attempts to refill empty clusters before they are given up


@dataclass(frozen=True, slots=True)
class Clustering:
    """Clusters numbered by falling size, equal sizes by their first row in the order of `row_order`."""

    assignment: Ints  # (n,), in [0, k)
    similarity: NDArray[np.float32]  # (n,), cosine to the own centroid, in [-1, 1], 1 = at it
    centroids: Vectors  # (k, d), unit rows
    asked: int  # the k that was asked for; more than len(centroids) where fewer distinct rows exist
    device: str  # cpu or gpu: what ran, not what was asked for


def cluster(
    vectors: Vectors, k: int, *, seed: int = 0, device: str = "auto", iterations: int = ITERATIONS
) -> Clustering:
    """Cluster unit rows by cosine: every row belongs to its nearest centroid, and no cluster is empty.

    The same rows in another order get the same clusters: all work is done in the order of the rows' hashes. Chance
    enters only through `seed`. Beside the rows themselves, memory is a sample, one chunk, and some tens of bytes a
    row. Shapes: (n, d) unit rows; n = 0 gives no cluster.

    Raises:
        ValueError: k below 1, or a row that is not finite, zero or not of norm 1.
        ConfigError: FAISS is missing, or device = "gpu" where it sees none (FAISS itself would silently use the CPU).

    Source: Arthur and Vassilvitskii (2007), k-means++, for the start; FAISS's own random start is about 5% worse in
    inertia.
    """
    if k < 1:
        raise ValueError(f"{k} clusters are below 1")
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    ran = find_device(device)
    if not len(rows):
        return Clustering(np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros((0, 0), np.float32), k, ran)
    check_unit(rows)
    order, first = row_order(rows)
    centroids = _train(rows, order, order[first], min(k, int(first.sum())), seed, ran, iterations)
    centroids, own, near = _refill_empty(rows, order, first, centroids, ran)
    return _number_by_size(order, centroids, own, near, asked=k, device=ran)


def find_device(asked: str) -> str:
    """ "gpu" or "cpu": where FAISS will run.

    Raises:
        ConfigError: FAISS is missing, the name is unknown, or a GPU is asked for and none is seen.
    """
    if asked not in ("auto", "cpu", "gpu"):
        raise ConfigError(f"embed.device {asked!r} is none of 'auto', 'cpu', 'gpu'")
    seen = require("faiss", extra="cpu").get_num_gpus()
    if asked == "gpu" and not seen:
        raise ConfigError("embed.device is 'gpu', but FAISS sees 0 GPUs here; 'auto' or 'cpu' runs on the CPU")
    return "gpu" if seen and asked != "cpu" else "cpu"


def row_order(rows: Vectors) -> tuple[Ints, NDArray[np.bool_]]:
    """Row numbers in the order of the rows' hashes, (n,), and where a row differs from the one before it, (n,).

    Equal rows stand together.

    So the order depends on what the rows hold and not on where they stand. A hash is two sums of 64 bits over a row's
    words times fixed random numbers, and takes -0 for 0: two rows that differ share one with a chance below 1e-19.
    Memory: one chunk and 16 bytes a row.
    """
    factors = np.random.default_rng(0).integers(0, 2**64, size=(rows.shape[1], 2), dtype=np.uint64)
    keys = np.empty((len(rows), 2), np.uint64)
    for start in range(0, len(rows), HASHED):
        words = (rows[start : start + HASHED] + np.float32(0)).view(np.uint32).astype(np.uint64)
        keys[start : start + HASHED] = words @ factors  # modulo 2^64
    order = np.lexsort((keys[:, 1], keys[:, 0]))
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = (keys[order[1:]] != keys[order[:-1]]).any(axis=1)
    return order, first


def _train(rows: Vectors, order: Ints, distinct: Ints, k: int, seed: int, device: str, iterations: int) -> Vectors:
    """Centroids, (k, d), after FAISS's iterations from a k-means++ start, the first ones on a sample.

    K distinct rows are their own.
    """
    if k == len(distinct):
        return rows[distinct] + np.float32(0)
    pool = rows[sample_rows(distinct, max(START_ROWS, k), seed)]
    means = pool[kmeans_plus_plus(pool, k, np.random.default_rng(seed))]
    last = min(LAST, iterations)
    few, many = (
        sample_rows(order, max(START_ROWS, k), seed),
        sample_rows(order, max(START_ROWS, ROWS_A_CENTROID * k), seed),
    )
    for seen, times in ((few, iterations - last), (many, last)):
        if times:
            means = _iterate(means, rows[seen], times, seed, device)
    return means


def _iterate(means: Vectors, seen: Vectors, times: int, seed: int, device: str) -> Vectors:
    """These centroids after so many iterations over all of these rows."""
    faiss = require("faiss", extra="cpu")
    found = faiss.Kmeans(
        seen.shape[1],
        len(means),
        niter=times,
        spherical=True,
        seed=seed,
        gpu=device == "gpu",
        min_points_per_centroid=1,
    )
    found.cp.max_points_per_centroid = len(seen)  # sub-sampled before, by our own seed and in the rows' own order
    found.train(seen, init_centroids=means)
    return normalize_rows(found.centroids)


def sample_rows(order: Ints, most: int, seed: int) -> Ints:
    """At most so many of these row numbers, drawn by the seed, in their order."""
    if len(order) <= most:
        return order
    return order[np.sort(np.random.default_rng(seed).choice(len(order), most, replace=False))]


def _refill_empty(
    rows: Vectors, order: Ints, first: NDArray[np.bool_], centroids: Vectors, device: str
) -> tuple[Vectors, Ints, NDArray[np.float32]]:
    """Centroids without empty clusters, and each row's own in that order.

    An empty one moves to the row worst served, all its twins with it.
    """
    own, near = _assign(rows, order, centroids, device)
    for _ in range(REPAIRS):
        empty = np.flatnonzero(np.bincount(own, minlength=len(centroids)) == 0)
        if not len(empty):
            break
        worst = np.flatnonzero(first)[np.argsort(near[first], kind="stable")[: len(empty)]]
        centroids[empty] = rows[order[worst]]
        own, near = _assign(rows, order, centroids, device)
    used, own = np.unique(own, return_inverse=True)
    return centroids[used], own.astype(np.int64), near


def _assign(rows: Vectors, order: Ints, centroids: Vectors, device: str) -> tuple[Ints, NDArray[np.float32]]:
    """Own centroid and cosine of each row, (n,), (n,), in the order given, a chunk at a time."""
    faiss = require("faiss", extra="cpu")
    index: Any = faiss.IndexFlatIP(centroids.shape[1])
    index.add(centroids)
    if device == "gpu":
        index = faiss.index_cpu_to_all_gpus(index)
    own, near = np.empty(len(order), np.int64), np.empty(len(order), np.float32)
    for start in range(0, len(order), CHUNK):
        part = slice(start, start + CHUNK)
        cosine, nearest = index.search(rows[order[part]], 1)
        own[part], near[part] = nearest[:, 0], cosine[:, 0]
    return own, np.clip(near, -1, 1)


def _number_by_size(
    order: Ints, centroids: Vectors, own: Ints, near: NDArray[np.float32], *, asked: int, device: str
) -> Clustering:
    """The clustering in the caller's row order, clusters renumbered by size."""
    _, met = np.unique(own, return_index=True)  # (k,) first row in that order
    rank = np.lexsort((met, -np.bincount(own)))
    number = np.empty_like(rank)
    number[rank] = np.arange(len(rank))
    assignment, similarity = np.empty_like(own), np.empty_like(near)
    assignment[order], similarity[order] = number[own], near
    return Clustering(assignment, similarity, centroids[rank], asked, device)
