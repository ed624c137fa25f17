import numpy as np
import pytest

from assay.maths.geometry.kmeans_seeding import kmeans_plus_plus


def unit_rows(n, d, seed=0):
    rows = np.random.default_rng(seed).normal(size=(n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_three_far_heaps_get_one_centre_each():
    heaps = np.repeat(np.eye(3, dtype=np.float32), 50, axis=0)
    for seed in range(20):
        assert sorted(kmeans_plus_plus(heaps, 3, np.random.default_rng(seed)) // 50) == [0, 1, 2]


def test_as_many_centres_as_rows_are_all_rows():
    rows = unit_rows(7, 5)
    assert sorted(kmeans_plus_plus(rows, 7, np.random.default_rng(0))) == list(range(7))


def test_one_seed_gives_one_answer():
    rows = unit_rows(100, 8)
    first, second = (kmeans_plus_plus(rows, 10, np.random.default_rng(3)) for _ in range(2))
    assert first.tolist() == second.tolist()


def test_alike_rows_give_repeats_and_no_crash():
    assert len(kmeans_plus_plus(np.repeat(unit_rows(1, 4), 5, axis=0), 3, np.random.default_rng(0))) == 3


def test_its_centres_lie_nearer_than_random_ones():
    rows = unit_rows(500, 6)
    ours = np.mean(
        [
            (rows @ rows[kmeans_plus_plus(rows, 20, np.random.default_rng(seed))].T).max(axis=1).mean()
            for seed in range(5)
        ]
    )
    random = np.mean(
        [
            (rows @ rows[np.random.default_rng(seed).choice(500, 20, replace=False)].T).max(axis=1).mean()
            for seed in range(5)
        ]
    )
    assert ours > random


@pytest.mark.parametrize("k", [0, 4])
def test_a_k_that_the_rows_cannot_give_is_named(k):
    with pytest.raises(ValueError, match=f"{k} centres for 3 rows"):
        kmeans_plus_plus(unit_rows(3, 2), k, np.random.default_rng(0))
