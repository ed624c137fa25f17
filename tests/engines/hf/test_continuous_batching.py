import pytest

from assay.engines.hf.continuous_batching import common_prefix

torch = pytest.importorskip("torch")


def test_the_common_prefix_is_the_longest_of_all():
    assert common_prefix([(1, 2, 3), (1, 2, 3, 4), (1, 2, 9)]) == (1, 2)
    assert common_prefix([(5, 1), (6, 1)]) == ()
