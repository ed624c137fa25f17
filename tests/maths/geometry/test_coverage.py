import numpy as np
import pytest

from assay.maths.geometry.coverage import coverage


def circle(*degrees):
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)


def test_the_worst_served_row_sets_the_radius():
    gap = coverage(circle(0, 60, 180), np.array([0]))
    assert gap.radius == pytest.approx(2)
    assert gap.mean == pytest.approx((0 + 1 + 2) / 3)


def test_all_chosen_is_no_distance_and_nothing_chosen_is_none_at_all():
    assert coverage(circle(0, 60, 180), np.arange(3)) == (0, 0)
    assert np.isnan(coverage(circle(0, 60), np.array([], dtype=np.int64)).radius)


def test_blocks_change_nothing():
    whole = coverage(circle(*range(0, 300, 7)), np.array([3, 11]))
    assert coverage(circle(*range(0, 300, 7)), np.array([3, 11]), block_size=5) == pytest.approx(whole)
