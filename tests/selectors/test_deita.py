import numpy as np

from assay.selectors.deita import Deita, keep_distant


def circle(*degrees):
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)


def test_the_best_stays_and_what_is_near_it_goes(pool_of, rng):
    pool = pool_of([4] * 4, vectors=circle(0, 10, 90, 180), score=[1.0, 2.0, 0.5, 0.1])
    selection = Deita(by="score").select(pool, 2, rng)
    assert selection.ids == ("p001", "p002")
    assert selection.dropped == {"too_near": ("p000",), "not_chosen": ("p003",)}


def test_both_ends_of_the_distance(pool_of, rng):
    pool = pool_of([4] * 4, vectors=circle(0, 0, 90, 180), score=[1.0, 2.0, 0.5, 0.1])
    assert Deita(by="score", distance=0).select(pool, 9, rng).ids == pool.ids
    assert Deita(by="score", distance=2).select(pool, 9, rng).ids == ("p001", "p003")


def test_the_signal_puts_the_half_solved_first(pool_of, rng):
    pool = pool_of([0, 4, 8], vectors=circle(0, 10, 20))
    assert Deita().select(pool, 1, rng).ids == ("p001",)
    assert Deita(by="score").needs == ("vectors", "score")


def test_blocks_change_nothing():
    rows = np.random.default_rng(0).normal(size=(300, 4))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    whole = keep_distant(rows, np.arange(300), 300, 0.8)
    blocks = keep_distant(rows, np.arange(300), 300, 0.8, block_size=7)
    assert [part.tolist() for part in blocks] == [part.tolist() for part in whole]
    assert len(whole[0]) < 300
