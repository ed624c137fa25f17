import numpy as np
import pytest

from assay.embedding.unit import check_unit, normalize_rows


def test_three_four_five():
    np.testing.assert_allclose(normalize_rows(np.array([[3.0, 4.0], [0.0, -2.0]])), [[0.6, 0.8], [0, -1]], rtol=1e-7)


@pytest.mark.parametrize("row", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_a_row_without_direction_is_named(row):
    for check in (normalize_rows, check_unit):
        with pytest.raises(ValueError, match="row 1"):
            check(np.array([[1.0, 0.0], row], dtype=np.float32))


def test_a_row_of_another_norm_is_named():
    with pytest.raises(ValueError, match="norm 2, not 1"):
        check_unit(np.array([[2.0, 0.0]], dtype=np.float32))
