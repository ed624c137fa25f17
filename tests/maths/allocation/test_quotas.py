import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.maths.allocation.quotas import quotas


def test_the_largest_remainders_get_what_rounding_left_over():
    assert quotas([41, 29, 30], 10, [99, 99, 99]).tolist() == [4, 3, 3]


def test_equal_remainders_go_to_the_lower_index():
    assert quotas([1, 1, 1], 4, [9, 9, 9]).tolist() == [2, 1, 1]
    assert quotas([21, 7], 14, [99, 99]).tolist() == [11, 3]  # remainders of 10.5 and 3.5 are equal


def test_a_full_group_passes_its_rest_on_in_proportion():
    assert quotas([10, 2, 1], 13, [4, 9, 9]).tolist() == [4, 6, 3]


def test_a_group_without_weight_gets_something_only_when_all_others_are_full():
    assert quotas([1, 0], 5, [9, 9]).tolist() == [5, 0]
    assert quotas([1, 0, 0], 7, [1, 8, 4]).tolist() == [1, 4, 2]
    assert quotas([0, 0], 3, [4, 2]).tolist() == [2, 1]


def test_both_ends_of_the_budget():
    assert quotas([1, 2], 0, [3, 3]).tolist() == [0, 0]
    assert quotas([1, 2], 99, [3, 5]).tolist() == [3, 5]
    assert quotas([], 5, []).tolist() == []


def test_truncation_would_lose_1608_of_9800_where_quotas_lose_none():
    sizes = np.full(4096, 196_000 // 4096)
    shares = quotas(sizes, 9_800, sizes)
    assert 9_800 // 4096 * 4096 == 8_192  # int(n / K) for each cluster, as arXiv:2409.11378's code does
    assert int(shares.sum()) == 9_800


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 50)), max_size=12), st.integers(0, 400))
def test_quotas_sum_exactly_and_respect_capacities(groups, budget):
    weights, room = [weight for weight, _ in groups], [size for _, size in groups]
    shares = quotas(weights, budget, room)
    assert int(shares.sum()) == min(budget, sum(room))
    assert (shares >= 0).all()
    assert (shares <= np.array(room, dtype=int)).all()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 1000), min_size=1, max_size=12), st.integers(0, 500))
def test_without_full_groups_each_quota_is_its_share_rounded_up_or_down(weights, budget):
    shares = quotas(weights, budget, [budget + 1] * len(weights))
    exact = budget * np.array(weights) / sum(weights)
    assert (np.abs(shares - exact) < 1 + 1e-9).all()


@pytest.mark.parametrize(
    ("weights", "budget", "capacities", "named"),
    [
        ([1], 2, [1, 2], "shape"),
        ([1, -1], 2, [1, 2], "index 1"),
        ([1, float("nan")], 2, [1, 2], "nan"),
        ([1], -2, [1], "-2"),
        ([1], 2, [-1], "-1"),
    ],
)
def test_bad_values_are_named(weights, budget, capacities, named):
    with pytest.raises(ValueError, match=named):
        quotas(weights, budget, capacities)
