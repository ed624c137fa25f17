import numpy as np
import pytest

from assay.core.types import Pool
from assay.curricula.target import Target


def pool_of_rates(rates, sources="a"):
    ids = tuple(f"p{row:05}" for row in range(len(rates)))
    names = np.array([sources[row % len(sources)] for row in range(len(rates))])
    return Pool(ids, {"mean": np.asarray(rates, dtype=np.float64), "source": names})


def test_a_step_is_spread_around_a_mean_that_falls_from_start_to_end(rng):
    rates = rng.random(3200)
    pool = pool_of_rates(rates)
    order = Target(start=0.8, end=0.2, spread=0.1).arrange(pool, rng).order
    seen = np.array([rates[int(id_[1:])] for id_ in order])
    assert seen[:320].mean() == pytest.approx(0.8, abs=0.05)
    quarters = seen.reshape(4, 800).mean(axis=1)
    assert (np.diff(quarters[:3]) < -0.1).all()  # the last steps take what nobody wanted
    assert seen[:160].std() == pytest.approx(0.1, abs=0.03)


def test_a_narrow_spread_sorts_and_a_wide_one_shuffles(rng):
    pool = pool_of_rates(np.linspace(0, 1, 400))
    place = np.arange(400)
    narrow = [int(id_[1:]) for id_ in Target(start=1.0, end=0.0, spread=0.005).arrange(pool, rng).order]
    wide = [int(id_[1:]) for id_ in Target(spread=100.0).arrange(pool, rng).order]
    assert np.corrcoef(narrow, place)[0, 1] < -0.99
    assert abs(np.corrcoef(wide, place)[0, 1]) < 0.2


def test_every_step_holds_each_source_by_its_ratio_and_nothing_is_left_out(rng):
    pool = pool_of_rates(rng.random(160), "aab")  # 107 of a, 53 of b
    order = Target(groups=8, ratios={"a": 1, "b": 1}).arrange(pool, rng).order
    source = dict(zip(pool.ids, pool.column("source").tolist(), strict=True))
    steps = [[source[id_] for id_ in order[first : first + 8]] for first in range(0, 160, 8)]
    assert all(step.count("b") == 4 for step in steps[:13])  # 52 of 53
    assert sorted(order) == list(pool.ids)


def test_ratios_that_do_not_divide_a_step_add_up_over_steps(rng):
    pool = pool_of_rates(rng.random(300), "ab")
    order = Target(groups=4, ratios={"a": 2, "b": 1}).arrange(pool, rng).order
    source = dict(zip(pool.ids, pool.column("source").tolist(), strict=True))
    assert [source[id_] for id_ in order[:120]].count("a") == 80


def test_a_ratio_of_a_source_that_is_not_there_is_refused(rng):
    with pytest.raises(LookupError, match="'math'"):
        Target(ratios={"math": 1}).arrange(pool_of_rates([0.5]), rng)
