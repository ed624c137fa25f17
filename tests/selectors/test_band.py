import pytest

from assay.core.errors import ConfigError
from assay.core.parts import build_part
from assay.core.types import Pool
from assay.selectors.band import Band


def test_the_middle_stays_and_each_side_has_its_own_reason(pool_of, rng):
    selection = Band().select(pool_of([0, 4, 8]), 3, rng)
    assert selection.ids == ("p001",)
    assert selection.dropped == {"above_band": ("p002",), "below_band": ("p000",)}


def test_only_an_interval_beyond_the_band_is_too_easy_or_too_hard(pool_of, rng):
    selection = Band().select(pool_of([0, 1, 32, 63, 64], n=64), 5, rng)
    assert selection.dropped == {"too_easy": ("p003", "p004"), "too_hard": ("p000", "p001")}


def test_the_surest_problem_goes_first(pool_of, rng):
    assert Band().select(pool_of([3, 4, 5]), 1, rng).ids == ("p001",)


def test_two_of_four_is_less_sure_than_sixteen_of_thirty_two(pool_of, rng):
    few, many = pool_of([2], n=4), pool_of([16], n=32)
    strict = Band(low=0.3, high=0.7, at_least=0.9)
    assert strict.select(few, 1, rng).ids == ()
    assert len(strict.select(many, 1, rng).ids) == 1


def test_both_ends_of_the_demand(pool_of, rng):
    pool = pool_of([0, 4, 8])
    assert len(Band(at_least=0).select(pool, 3, rng).ids) == 3
    assert Band(at_least=1).select(pool, 3, rng).ids == ()


def test_the_whole_range_keeps_everything(pool_of, rng):
    assert len(Band(low=0, high=1, at_least=1).select(pool_of([0, 4, 8]), 3, rng).ids) == 3


def test_a_band_at_the_bottom_calls_nothing_too_hard(pool_of, rng):
    assert Band(low=0, high=0.3).select(pool_of([0, 8]), 2, rng).dropped == {"too_easy": ("p001",)}
    assert Band(low=0, high=0.3).select(pool_of([0, 4]), 2, rng).dropped == {"above_band": ("p001",)}


def test_an_empty_pool_is_an_empty_selection(pool_of, rng):
    assert Band().select(pool_of([]), 3, rng).ids == ()
    assert len(Pool(())) == 0


@pytest.mark.parametrize(
    "settings", [{"low": 0.8, "high": 0.2}, {"low": 0.5, "high": 0.5}, {"low": -0.1}, {"high": 1.1}, {"at_least": 2}]
)
def test_a_band_that_cannot_be_is_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        build_part("selector", "band", settings)
