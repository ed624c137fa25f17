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


def plain(rows, budget):
    """One product a step, over all rows."""
    chosen = [int(np.argmax(np.round(rows @ rows.mean(axis=0), 6)))]
    while len(chosen) < budget:
        near = (rows @ rows[chosen].T).max(axis=1)
        near[chosen] = np.inf
        chosen.append(int(np.argmin(near)))
    return chosen


def test_comparing_few_rows_chooses_what_comparing_all_does():
    rng = np.random.default_rng(0)
    heaps = rng.normal(size=(8, 6))[rng.integers(8, size=400)] + 0.1 * rng.normal(size=(400, 6))
    for cloud in (heaps, rng.normal(size=(400, 6)), np.repeat(rng.normal(size=(20, 6)), 3, axis=0)):
        rows = (cloud / np.linalg.norm(cloud, axis=1, keepdims=True)).astype(np.float32)
        for budget in (1, 2, 40):
            chosen = farthest_first(rows, budget, candidates=16)
            assert len(set(chosen.tolist())) == budget
            assert abs(radius(rows, chosen) - radius(rows, plain(rows, budget))) < 1e-3
    assert farthest_first(rows, 0, candidates=16).tolist() == []
    assert sorted(farthest_first(rows, 60, candidates=16).tolist()) == list(range(60))


def test_a_pool_above_the_candidates_is_covered_by_problems_that_were_drawn(pool_of):
    rng = np.random.default_rng(0)
    heaps = rng.normal(size=(20, 6))[rng.integers(20, size=1_000)] + 0.1 * rng.normal(size=(1_000, 6))
    rows = (heaps / np.linalg.norm(heaps, axis=1, keepdims=True)).astype(np.float32)
    pool = pool_of([4] * 1_000, vectors=rows)
    every = KCenter(candidates=0).select(pool, 40, np.random.default_rng(0)).ids
    assert KCenter(candidates=1_000).select(pool, 40, np.random.default_rng(0)).ids == every
    assert KCenter(candidates=1_000).select(pool, 40, np.random.default_rng(1)).ids == every
    few, again, other = (
        KCenter(candidates=200).select(pool, 40, np.random.default_rng(seed)).ids for seed in (0, 0, 1)
    )
    assert few == again != other
    assert len(few) == 40
    places = {id_: row for row, id_ in enumerate(pool.ids)}
    reached = [radius(rows, [places[id_] for id_ in ids]) for ids in (every, few)]
    assert reached[0] <= reached[1] <= 2 * reached[0]
    assert len(KCenter(candidates=10).select(pool, 900, np.random.default_rng(0)).ids) == 900
