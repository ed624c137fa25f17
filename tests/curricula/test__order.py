from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.types import Pool
from assay.curricula._order import group_rows, interleave


def parts_of(sizes):
    ends = np.cumsum([0, *sizes])
    return [np.arange(start, end) for start, end in pairwise(ends)]


def letters(sizes):
    codes = np.repeat(np.arange(len(sizes)), sizes)
    return "".join("ABCDEF"[codes[row]] for row in interleave(parts_of(sizes)))


def test_equal_groups_are_a_round_robin():
    assert letters([2, 2, 2]) == "ABCABC"


def test_a_large_group_is_spread_and_leaves_no_tail():
    assert letters([5, 3, 2]) == "ABCABABACA"


def test_a_group_that_outweighs_all_others_takes_every_other_turn_and_the_rest():
    assert letters([5, 1, 1]) == "ABACAAA"


@given(st.lists(st.integers(1, 8), min_size=1, max_size=6))
def test_neighbours_differ_whenever_that_is_possible(sizes):
    order = letters(sizes)
    assert sorted(order) == sorted("".join("ABCDEF"[n] * size for n, size in enumerate(sizes)))
    if 2 * max(sizes) <= sum(sizes) + 1:
        assert all(left != right for left, right in pairwise(order))


def test_each_group_keeps_its_own_order():
    order = interleave([np.array([3, 1]), np.array([2, 0])])
    assert order == [3, 2, 1, 0]


def test_a_group_is_known_by_its_lowest_id_and_not_by_its_name():
    pool = Pool(("a", "b", "c"), {"source": np.array(["z", "y", "z"])}, cluster=np.array([5, 9, 5]))
    for by in ("source", "cluster"):
        assert [rows.tolist() for rows in group_rows(pool, by, np.array([2, 1, 0]))] == [[2, 0], [1]]
    with pytest.raises(LookupError, match="clusters"):
        group_rows(Pool(("a",)), "cluster", np.array([0]))
