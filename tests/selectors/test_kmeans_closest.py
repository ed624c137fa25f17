import numpy as np

from assay.selectors.kmeans_closest import KmeansClosest


def circle(*degrees):
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)])


def test_the_problem_nearest_to_its_clusters_centre_goes_first(pool_of, rng):
    pool = pool_of([4] * 6, cluster=[0, 0, 0, 1, 1, 1], vectors=circle(0, 10, 20, 90, 100, 110))
    assert KmeansClosest().select(pool, 2, rng).ids == ("p001", "p004")


def test_alike_problems_are_taken_by_id(pool_of, rng):
    pool = pool_of([4] * 3, cluster=[0, 0, 0], vectors=circle(30, 30, 30))
    assert KmeansClosest().select(pool, 2, rng).ids == ("p000", "p001")


def test_vectors_that_cancel_out_leave_it_to_the_ids(pool_of, rng):
    pool = pool_of([4] * 2, cluster=[0, 0], vectors=circle(0, 180))
    assert KmeansClosest().select(pool, 1, rng).ids == ("p000",)
