import numpy as np
import pytest

from assay.core.errors import ConfigError
from assay.core.parts import build_part
from assay.selectors.foreign import Foreign


def test_a_band_on_somebody_else_s_pass_rate(pool_of, rng):
    pool = pool_of([4] * 4, rate=[0.1, 0.2, 0.8, 0.9])
    selection = Foreign(by="rate", low=0.2, high=0.8).select(pool, 9, rng)
    assert selection.ids == ("p001", "p002")
    assert selection.dropped == {"below_band": ("p000",), "above_band": ("p003",)}


def test_who_comes_first_where_the_budget_is_short(pool_of, rng):
    pool = pool_of([4] * 4, difficulty=[3, 1, 3, 2])
    assert Foreign(order="highest").select(pool, 1, rng).ids == ("p000",)
    assert Foreign(order="lowest").select(pool, 2, rng).ids == ("p001", "p003")
    assert {Foreign().select(pool, 1, np.random.default_rng(seed)).ids[0] for seed in range(40)} == set(pool.ids)


def test_texts_are_read_as_numbers_and_one_that_is_none_is_named(pool_of, rng):
    assert Foreign(order="highest").select(pool_of([4] * 2, difficulty=["0.5", "2"]), 1, rng).ids == ("p001",)
    with pytest.raises(ValueError, match="'p001' has difficulty = 'Level 5', which is not a number"):
        Foreign().select(pool_of([4] * 2, difficulty=["1", "Level 5"]), 1, rng)


def test_an_empty_band_is_refused():
    with pytest.raises(ConfigError, match=r"\[0.8, 0.2\] is empty"):
        build_part("selector", "foreign", {"low": 0.8, "high": 0.2})
