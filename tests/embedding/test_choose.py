import numpy as np
import pytest

from assay.embedding.choose import best_k

pytest.importorskip("faiss")


def heaps(k, each=20, noise=0.02, seed=0):
    rng = np.random.default_rng(seed)
    rows = np.repeat(np.eye(8)[:k], each, axis=0) + noise * rng.normal(size=(k * each, 8))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("k", [2, 4, 8])
def test_far_heaps_are_counted_whatever_their_order(k):
    rows = heaps(k)
    assert best_k(rows)[0] == k
    assert best_k(rows[np.random.default_rng(1).permutation(len(rows))])[0] == k


def test_a_small_pool_is_one_cluster():
    assert best_k(np.zeros((0, 3), np.float32)) == (1, {})
    assert best_k(heaps(2, each=7)) == (1, {})


def test_texts_all_alike_have_no_structure_and_the_fewest_clusters():
    k, scores = best_k(np.repeat(np.eye(2, dtype=np.float32)[:1], 40, axis=0))
    assert k == 2
    assert set(scores.values()) == {-1.0}


def test_a_row_without_direction_is_named():
    with pytest.raises(ValueError, match="norm"):
        best_k(np.zeros((40, 3), np.float32))
