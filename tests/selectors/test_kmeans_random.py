import numpy as np

from assay.selectors.kmeans_random import KmeansRandom


def test_each_cluster_gives_in_proportion_to_its_size(pool_of):
    pool = pool_of([4] * 10, cluster=[0] * 6 + [1] * 4)
    for seed in range(20):
        kept = KmeansRandom().select(pool, 5, np.random.default_rng(seed)).ids
        assert sum(id_ < "p006" for id_ in kept) == 3


def test_inside_a_cluster_every_problem_comes_up(pool_of):
    pool = pool_of([4] * 4, cluster=[0, 0, 1, 1])
    seen = {id_ for seed in range(50) for id_ in KmeansRandom().select(pool, 2, np.random.default_rng(seed)).ids}
    assert seen == set(pool.ids)


def test_more_clusters_than_budget_still_spends_the_budget(pool_of, rng):
    assert len(KmeansRandom().select(pool_of([4] * 9, cluster=range(9)), 4, rng).ids) == 4
