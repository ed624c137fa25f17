import numpy as np

from assay.curricula.blocked import Blocked


def test_a_block_is_never_broken(pool_of):
    pool = pool_of([0.5] * 6, cluster=[0, 1, 2, 0, 1, 2])
    for seed in range(20):
        order = Blocked().arrange(pool, np.random.default_rng(seed)).order
        own = [int(id_[1:]) % 3 for id_ in order]
        assert all(own[n] == own[n + 1] for n in (0, 2, 4))


def test_blocks_come_in_every_order(pool_of):
    pool = pool_of([0.5] * 3, source=["a", "b", "c"])
    assert len({Blocked(by="source").arrange(pool, np.random.default_rng(seed)).order for seed in range(100)}) == 6


def test_inside_a_block_it_may_run_from_easy_to_hard(pool_of, rng):
    part = Blocked(within="easy_to_hard")
    assert part.needs == ("cluster", "mean")
    assert part.arrange(pool_of([0.1, 0.9, 0.5], cluster=[0, 0, 0]), rng).order == ("p1", "p2", "p0")
