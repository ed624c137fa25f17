import numpy as np
import pytest

from assay.selectors.facility import Facility


def circle(*degrees):
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)


def test_one_stands_for_the_largest_heap(pool_of, rng):
    pool = pool_of([4] * 5, vectors=circle(0, 5, 10, 100, 190))
    part = Facility(weighted=False)
    assert part.needs == ("vectors",)
    assert part.select(pool, 1, rng).ids == ("p001",)
    assert part.select(pool, 3, rng).ids == ("p001", "p003", "p004")


def test_a_heap_that_everybody_solves_pulls_less_than_one_problem_at_the_frontier(pool_of, rng):
    pool = pool_of([512, 512, 512, 256], n=512, vectors=circle(0, 1, 2, 100))
    assert Facility(weighted=False).select(pool, 1, rng).ids == ("p001",)
    assert Facility(weighted=True).select(pool, 1, rng).ids == ("p003",)


def test_alpha_turns_coverage_into_a_ranking(pool_of, rng):
    pool = pool_of([4] * 4, vectors=circle(0, 1, 2, 100), score=[0.2, 0.1, 0.9, 1.0])
    assert Facility(by="score", weighted=False, alpha=0).select(pool, 1, rng).ids == ("p001",)
    assert Facility(by="score", alpha=1).select(pool, 2, rng).ids == ("p002", "p003")


def test_a_negative_weight_is_refused(pool_of, rng):
    with pytest.raises(ValueError, match=r"'p001' has score = -1.0"):
        Facility(by="score").select(pool_of([4] * 2, vectors=circle(0, 1), score=[1.0, -1.0]), 1, rng)


def test_a_large_pool_is_covered_by_sample_and_by_all_with_a_sample_of_none(pool_of, monkeypatch):
    monkeypatch.setattr("assay.selectors.facility.MAX_DENSE_ROWS", 100)
    rows = np.random.default_rng(1).normal(size=(300, 4))
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    pool = pool_of([4] * 300, vectors=vectors)
    few, again, other = (Facility(sample=60).select(pool, 9, np.random.default_rng(seed)).ids for seed in (0, 0, 1))
    every = [Facility(sample=0).select(pool, 9, np.random.default_rng(seed)).ids for seed in (0, 1)]
    assert few == again != other
    assert every[0] == every[1] != few


def test_a_pool_above_the_candidates_is_covered_nearly_as_well_by_those_that_were_drawn(pool_of):
    rows = np.random.default_rng(1).normal(size=(600, 4))
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    pool = pool_of([4] * 600, vectors=vectors)
    every = Facility(candidates=0, weighted=False).select(pool, 9, np.random.default_rng(0)).ids
    assert Facility(candidates=600, weighted=False).select(pool, 9, np.random.default_rng(1)).ids == every
    few, again, other = (
        Facility(candidates=100, weighted=False).select(pool, 9, np.random.default_rng(seed)).ids for seed in (0, 0, 1)
    )
    assert few == again != other

    def objective(ids):
        chosen = vectors[[pool.ids.index(id_) for id_ in ids]]
        return float(np.maximum((vectors @ chosen.T).max(axis=1), 0).sum())

    assert 0.95 < objective(few) / objective(every) <= 1
