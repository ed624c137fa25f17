import numpy as np
import pytest

from assay.selectors.stratified import Stratified


def sources(selection, pool):
    own = dict(zip(pool.ids, pool.column("source"), strict=True))
    return sorted(own[id_] for id_ in selection.ids)


def test_quotas_by_size_or_alike(pool_of, rng):
    pool = pool_of([4] * 8, source=["a"] * 6 + ["b"] * 2)
    assert sources(Stratified(quota="size").select(pool, 4, rng), pool) == ["a", "a", "a", "b"]
    assert sources(Stratified(quota="equal").select(pool, 4, rng), pool) == ["a", "a", "b", "b"]


def test_what_a_small_group_lacks_the_others_give(pool_of, rng):
    pool = pool_of([4] * 8, source=["a"] * 7 + ["b"])
    assert sources(Stratified(quota="equal").select(pool, 6, rng), pool) == ["a"] * 5 + ["b"]


def test_clusters_and_numbers_name_groups_too(pool_of, rng):
    pool = pool_of([4] * 4, cluster=[0, 0, 1, 1], level=[1, 1, 5, 5])
    for by in ("cluster", "level"):
        assert Stratified(by=by).needs == (by,)
        kept = Stratified(by=by).select(pool, 2, rng).ids
        assert [id_ < "p002" for id_ in kept] == [True, False]


def test_a_missing_level_is_named(pool_of, rng):
    with pytest.raises(ValueError, match="'p001' has level = nan"):
        Stratified(by="level").select(pool_of([1, 2], level=[1.0, np.nan]), 1, rng)
