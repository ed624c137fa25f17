import numpy as np
import pytest

from assay.core.errors import ConfigError
from assay.core.parts import build_part
from assay.selectors.kmeans_quality import KmeansQuality


def first_picks(pool, part, tries=3000):
    return [part.select(pool, 1, np.random.default_rng(seed)).ids[0] for seed in range(tries)]


def test_one_cluster_draws_in_proportion_to_quality(pool_of):
    pool = pool_of([4] * 3, cluster=[0, 0, 0], quality=[1.0, 2.0, 3.0])
    picks = first_picks(pool, KmeansQuality())
    assert [picks.count(id_) / len(picks) for id_ in pool.ids] == pytest.approx([1 / 6, 2 / 6, 3 / 6], abs=0.03)


def test_softmax_draws_in_proportion_to_the_exponential(pool_of):
    pool = pool_of([4] * 2, cluster=[0, 0], quality=[0.0, 1.0])
    picks = first_picks(pool, KmeansQuality(weighting="softmax"))
    assert picks.count("p001") / len(picks) == pytest.approx(np.e / (1 + np.e), abs=0.03)


def test_both_ends_of_the_temperature(pool_of):
    pool = pool_of([4] * 2, cluster=[0, 0], quality=[1.0, 2.0])
    assert set(first_picks(pool, KmeansQuality(weighting="softmax", temperature=0.01), 200)) == {"p001"}
    level = first_picks(pool, KmeansQuality(weighting="softmax", temperature=1e6))
    assert level.count("p000") / len(level) == pytest.approx(0.5, abs=0.03)


def test_a_score_of_a_thousand_does_not_overflow(pool_of, rng):
    pool = pool_of([4] * 2, cluster=[0, 0], quality=[1000.0, 900.0])
    assert KmeansQuality(weighting="softmax").select(pool, 1, rng).ids == ("p000",)


def test_no_quality_comes_last_and_a_whole_budget_keeps_it_too(pool_of):
    pool = pool_of([4] * 3, cluster=[0, 0, 0], quality=[0.0, 1e-9, 1.0])
    assert all("p000" not in KmeansQuality().select(pool, 2, np.random.default_rng(seed)).ids for seed in range(50))
    assert KmeansQuality().select(pool, 3, np.random.default_rng(0)).ids == pool.ids


def test_quotas_hold_whatever_the_quality(pool_of, rng):
    pool = pool_of([4] * 6, cluster=[0, 0, 0, 1, 1, 1], quality=[1, 1, 1, 99, 99, 99])
    assert sum(id_ < "p003" for id_ in KmeansQuality().select(pool, 2, rng).ids) == 1


def test_any_column_can_be_the_quality(pool_of, rng):
    part = KmeansQuality(by="mean")
    assert part.needs == ("cluster", "mean")
    assert len(part.select(pool_of([1, 2], cluster=[0, 0]), 1, rng).ids) == 1


def test_a_negative_quality_and_no_temperature_are_refused(pool_of, rng):
    with pytest.raises(ValueError, match=r"'p001' has quality = -2.0"):
        KmeansQuality().select(pool_of([1, 2], cluster=[0, 0], quality=[1.0, -2.0]), 1, rng)
    with pytest.raises(ConfigError, match="temperature"):
        build_part("selector", "kmeans_quality", {"temperature": 0})
