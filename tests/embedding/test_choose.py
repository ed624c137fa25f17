import numpy as np
import pytest

from assay.embedding.choose import choose_k, mean_silhouette

pytest.importorskip("faiss")


def heaps(k, each=20, noise=0.02, seed=0):
    rng = np.random.default_rng(seed)
    rows = np.repeat(np.eye(8)[:k], each, axis=0) + noise * rng.normal(size=(k * each, 8))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("k", [2, 4, 8])
def test_far_heaps_are_counted_whatever_their_order(k):
    rows = heaps(k)
    assert choose_k(rows)[0] == k
    assert choose_k(rows[np.random.default_rng(1).permutation(len(rows))])[0] == k


def test_a_small_pool_is_one_cluster():
    assert choose_k(np.zeros((0, 3), np.float32)) == (1, {})
    assert choose_k(heaps(2, each=7)) == (1, {})


def test_texts_all_alike_have_no_structure_and_the_fewest_clusters():
    k, scores = choose_k(np.repeat(np.eye(2, dtype=np.float32)[:1], 40, axis=0))
    assert k == 2
    assert set(scores.values()) == {-1.0}


def test_a_row_without_direction_is_named():
    with pytest.raises(ValueError, match="norm"):
        choose_k(np.zeros((40, 3), np.float32))


def on_circle(*degrees):
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)


def test_one_row_between_two_clusters_by_hand():
    rows = on_circle(0, 0, 90, 90)
    assert mean_silhouette(rows, np.array([0, 0, 1, 1])) == pytest.approx(1)
    # mixed: a = 1, b = (0 + 1) / 2, so (0.5 - 1) / 1 for every row
    assert mean_silhouette(rows, np.array([0, 1, 0, 1])) == pytest.approx(-0.5)


def test_a_row_alone_counts_nothing():
    # the pair has a = 0 and b = 1, hence 1 each; the single row 0
    assert mean_silhouette(on_circle(0, 0, 90), np.array([0, 0, 1])) == pytest.approx(2 / 3)


def test_equal_rows_have_no_structure():
    assert mean_silhouette(on_circle(0, 0, 0, 0), np.array([0, 0, 1, 1])) == pytest.approx(0)


def test_one_cluster_or_none_has_no_silhouette():
    assert mean_silhouette(on_circle(0, 90), np.array([5, 5])) == -1
    assert mean_silhouette(np.zeros((0, 2), np.float32), np.zeros(0, np.int64)) == -1
