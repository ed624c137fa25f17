import pytest

from assay.engines.hf import kv_cache
from assay.engines.hf.kv_cache import append_columns

torch = pytest.importorskip("torch")


def test_columns_are_appended_in_place_once_there_is_room():
    whole = torch.arange(2 * 3 * 100 * 4.0).reshape(2, 3, 100, 4)
    grown, homes = whole[:, :, :5].contiguous(), set()
    for column in range(5, 100):
        grown = append_columns(grown, whole[:, :, column : column + 1])
        homes.add(grown.untyped_storage().data_ptr())
    assert torch.equal(grown, whole)
    assert len(homes) == 2  # 64 spare columns each time: at 5 and at 70


def test_rows_taken_out_of_a_roomy_cache_grow_on_their_own():
    roomy = append_columns(torch.zeros(3, 1, 2, 4), torch.ones(3, 1, 1, 4))
    taken = append_columns(roomy[torch.tensor([0, 2])], torch.full((2, 1, 1, 4), 2.0))
    assert taken[:, 0, :, 0].tolist() == [[0, 0, 1, 2]] * 2
    assert roomy.shape == (3, 1, 3, 4)


def filled(rows, columns, value):
    utils = pytest.importorskip("transformers.cache_utils", reason="the extra train is not installed")
    cache = utils.DynamicCache()
    cache.update(torch.full((rows, 1, columns, 2), value), torch.full((rows, 1, columns, 2), -value), 0)
    return cache


def test_rows_take_the_place_of_others_with_their_last_columns_aligned():
    cache = filled(3, 4, 1.0)
    kv_cache.reserve_columns(cache)
    kv_cache.replace_rows(cache, torch.tensor([1]), filled(1, 2, 7.0))
    assert cache.layers[0].keys[:, 0, :, 0].tolist() == [[1, 1, 1, 1], [1, 1, 7, 7], [1, 1, 1, 1]]
    assert cache.layers[0].values[1, 0, :, 0].tolist() == [-1, -1, -7, -7]


def test_columns_are_added_and_taken_on_the_left():
    cache = filled(1, 2, 3.0)
    kv_cache.shift_columns(cache, 2)
    assert cache.layers[0].keys[0, 0, :, 0].tolist() == [0, 0, 3, 3]
    kv_cache.shift_columns(cache, -3)
    assert cache.layers[0].keys[0, 0, :, 0].tolist() == [3]


def test_only_layers_that_keep_every_column_are_plain():
    cache = filled(1, 2, 3.0)
    assert kv_cache.keeps_every_column(cache)
    kv_cache.reserve_columns(cache)
    assert kv_cache.keeps_every_column(cache)
    cache.layers[0].__class__ = type("Sliding", (type(cache.layers[0]),), {})
    assert not kv_cache.keeps_every_column(cache)
