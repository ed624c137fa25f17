import numpy as np
import pytest

from assay.core.types import Pool
from assay.selectors._pool_rows import (
    build_selection,
    clip_budget,
    group_rows,
    numeric_column,
    rank_by_score,
    size_quotas,
    take_quotas,
    unit_vectors,
)


def test_every_row_is_kept_or_has_a_reason(pool_of):
    selection = build_selection(
        pool_of([1, 2, 3]), np.array([2, 0]), reasons=np.array(["x", "too_hard", "y"]), weights=np.array([5.0, 7.0])
    )
    assert selection.ids == ("p000", "p002")
    assert selection.weights == (7.0, 5.0)
    assert selection.dropped == {"too_hard": ("p001",)}


def test_groups_are_named_by_their_first_row_and_not_by_their_label():
    assert [rows.tolist() for rows in group_rows(np.array([9, 1, 9, 5]))] == [[0, 2], [1], [3]]
    assert [rows.tolist() for rows in group_rows(np.array(["b", "a", "b", "c"]))] == [[0, 2], [1], [3]]
    assert group_rows(np.array([], dtype=int)) == []


def test_the_last_bit_decides_no_ranking():
    assert rank_by_score(np.array([0.3, 0.1 + 0.2, 0.9]), np.arange(3)).tolist() == [2, 0, 1]


def test_taking_by_size_is_proportional():
    groups = [np.array([0, 1, 2, 3]), np.array([4, 5])]
    assert take_quotas(groups, size_quotas(groups, 3)).tolist() == [0, 1, 4]


def test_a_missing_number_and_a_bent_vector_are_named(pool_of):
    with pytest.raises(ValueError, match=r"'p001'.*quality = nan"):
        numeric_column(pool_of([1, 2], quality=[1.0, np.nan]), "quality")
    for row in ([0.0, 0.0], [np.nan, 1.0], [3.0, 0.0]):
        with pytest.raises(ValueError, match="'p001'"):
            unit_vectors(pool_of([1, 2], vectors=[[1.0, 0.0], row]))
    with pytest.raises(LookupError, match="no vectors"):
        unit_vectors(Pool(()))


def test_the_budget_ends_at_the_pool():
    assert [clip_budget(budget, 3) for budget in (0, 2, 3, 9)] == [0, 2, 3, 3]
