import itertools

import numpy as np

from assay.selectors.k_center import KCenter, farthest_first


def circle(*degrees):
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)


def test_it_starts_in_the_middle_and_then_takes_the_ends():
    assert farthest_first(circle(0, 10, 45, 80, 91), 3).tolist() == [2, 4, 0]


def test_twins_come_last_and_come_once(pool_of, rng):
    pool = pool_of([4] * 4, vectors=circle(0, 0, 0, 90))
    assert "p003" in KCenter().select(pool, 2, rng).ids
    assert KCenter().select(pool, 4, rng).ids == pool.ids


def radius(rows, chosen):
    return float(np.arccos(np.clip((rows @ rows[list(chosen)].T).max(axis=1), -1, 1)).max())


def test_its_radius_is_at_most_twice_the_best():
    rng = np.random.default_rng(0)
    for _ in range(10):
        rows = rng.normal(size=(9, 3))
        rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        best = min(radius(rows, chosen) for chosen in itertools.combinations(range(9), 3))
        assert radius(rows, farthest_first(rows, 3)) <= 2 * best + 1e-6
