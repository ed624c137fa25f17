import subprocess
import sys

import numpy as np
import pytest

from assay.core.errors import ConfigError
from assay.embedding.cluster import _assign, _refill_empty, cluster, row_order

faiss = pytest.importorskip("faiss")


def heaps(sizes, d=8, noise=0.05, seed=0):
    """Rows near the first axes, sizes[j] of them near axis j."""
    rng = np.random.default_rng(seed)
    rows = np.repeat(np.eye(d), [*sizes, *[0] * (d - len(sizes))], axis=0) + noise * rng.normal(size=(sum(sizes), d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_far_heaps_are_found_and_numbered_by_falling_size():
    clustering = cluster(heaps([20, 50, 30]), 3)
    assert clustering.assignment.tolist() == [2] * 20 + [0] * 50 + [1] * 30
    assert (clustering.similarity > 0.9).all()
    assert (clustering.requested, len(clustering.centroids), clustering.device) == (
        3,
        3,
        "cpu" if not faiss.get_num_gpus() else "gpu",
    )


def test_a_shuffled_pool_has_equal_clusters():
    rows = heaps([40, 40, 40], noise=0.4)
    order = np.random.default_rng(1).permutation(len(rows))
    plain, shuffled = cluster(rows, 7), cluster(rows[order], 7)
    assert (plain.assignment[order] == shuffled.assignment).all()
    np.testing.assert_array_equal(plain.centroids, shuffled.centroids)
    np.testing.assert_array_equal(plain.similarity[order], shuffled.similarity)


def test_one_seed_gives_one_answer():
    rows = heaps([40, 40, 40], noise=0.4)
    assert cluster(rows, 9, seed=5).assignment.tolist() == cluster(rows, 9, seed=5).assignment.tolist()


def test_no_cluster_is_empty_and_every_row_is_at_its_nearest_centroid():
    rows = heaps([60, 5, 5], noise=0.5)
    clustering = cluster(rows, 25)
    assert np.bincount(clustering.assignment).min() >= 1
    assert np.bincount(clustering.assignment).tolist() == sorted(np.bincount(clustering.assignment), reverse=True)
    np.testing.assert_allclose(np.linalg.norm(clustering.centroids, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose((rows @ clustering.centroids.T).max(axis=1), clustering.similarity, atol=1e-5)


def test_an_empty_cluster_moves_to_the_rows_that_are_served_worst():
    rows = heaps([5, 5, 5], noise=0.01)
    order, is_first = row_order(rows)
    centroids, nearest, cosine = _refill_empty(rows, order, is_first, rows[[0, 0, 0]].copy(), "cpu")
    assert len(centroids) == 3
    assert sorted(np.bincount(nearest)) == [5, 5, 5]
    assert (cosine > 0.99).all()


def test_equal_rows_stand_together_and_a_minus_zero_is_a_zero():
    rows = heaps([3, 3], noise=0.3)
    axis = np.eye(8, dtype=np.float32)[0]
    rows[1], rows[4] = axis, np.where(axis > 0, axis, np.float32(-0.0))
    order, is_first = row_order(rows)
    assert is_first.sum() == 5
    assert sorted(order) == list(range(6))
    assert abs(order.tolist().index(1) - order.tolist().index(4)) == 1
    other, _ = row_order(rows[::-1].copy())
    np.testing.assert_array_equal(rows[order], rows[::-1][other])


def test_chunks_change_nothing():
    rows = heaps([40, 30, 20], noise=0.4)
    order, is_first = row_order(rows)
    for whole, chunks in zip((order, is_first), row_order(rows, chunk=7), strict=True):
        np.testing.assert_array_equal(whole, chunks)
    centroids = rows[:6].copy()
    whole, chunks = (_assign(rows, order, centroids, "cpu", chunk=chunk) for chunk in (1000, 7))
    assert whole[0].tolist() == chunks[0].tolist()
    np.testing.assert_allclose(whole[1], chunks[1], atol=1e-6)


def test_k_ends_at_the_number_of_distinct_rows_and_the_result_says_so():
    twins = np.repeat(heaps([1, 1, 1]), 4, axis=0)
    clustering = cluster(twins, 10)
    assert (clustering.requested, len(clustering.centroids)) == (10, 3)
    assert np.bincount(clustering.assignment).tolist() == [4, 4, 4]


def test_rows_all_alike_are_one_cluster():
    clustering = cluster(np.repeat(heaps([1]), 6, axis=0), 3)
    assert clustering.assignment.tolist() == [0] * 6


def test_both_ends_of_k():
    rows = heaps([4, 3])
    assert cluster(rows, 1).assignment.tolist() == [0] * 7
    assert sorted(cluster(rows, 7).assignment) == list(range(7))
    assert cluster(rows[:1], 5).assignment.tolist() == [0]


def test_no_row_is_no_cluster():
    clustering = cluster(np.zeros((0, 4), np.float32), 3)
    assert (clustering.assignment.shape, clustering.centroids.shape) == ((0,), (0, 0))


@pytest.mark.parametrize("row", [[np.nan, 0.0], [0.0, 0.0], [2.0, 0.0]])
def test_a_row_that_is_no_unit_vector_is_named(row):
    with pytest.raises(ValueError, match="row 1"):
        cluster(np.array([[1.0, 0.0], row], dtype=np.float32), 1)


def test_what_cannot_be_done_is_said():
    with pytest.raises(ValueError, match="at least 1, found 0"):
        cluster(heaps([3]), 0)
    with pytest.raises(ConfigError, match="tpu"):
        cluster(heaps([3]), 1, device="tpu")
    if not faiss.get_num_gpus():
        with pytest.raises(ConfigError, match="finds no GPU"):
            cluster(heaps([3]), 1, device="gpu")


def test_its_start_is_no_worse_than_faiss_own():
    rows = heaps([300, 100, 50, 25, 12, 6, 3, 2], noise=0.15)
    ours, theirs = [], []
    for seed in range(5):
        ours.append(2 - 2 * cluster(rows, 8, seed=seed).similarity.mean())
        plain = faiss.Kmeans(8, 8, niter=10, spherical=True, seed=seed, min_points_per_centroid=1)
        plain.train(rows)
        theirs.append(2 - 2 * plain.index.search(rows, 1)[0].mean())
    assert np.mean(ours) <= np.mean(theirs)


def test_importing_it_imports_no_faiss():
    code = "import sys, assay.embedding.cluster, assay.embedding.encode; print({'faiss', 'torch', 'sklearn'} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        == "set()"
    )
