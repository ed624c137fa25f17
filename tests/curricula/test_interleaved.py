from itertools import pairwise

import numpy as np

from assay.curricula.interleaved import Interleaved


def test_neighbours_differ_in_source(pool_of):
    pool = pool_of([0.5] * 7, source=["a", "a", "a", "a", "b", "b", "c"])
    source = dict(zip(pool.ids, pool.column("source"), strict=True))
    for seed in range(20):
        order = Interleaved(by="source").arrange(pool, np.random.default_rng(seed)).order
        assert all(source[left] != source[right] for left, right in pairwise(order))


def test_inside_a_group_the_order_is_random(pool_of):
    pool = pool_of([0.5] * 4, cluster=[0, 0, 1, 1])
    assert len({Interleaved().arrange(pool, np.random.default_rng(seed)).order for seed in range(50)}) == 4
