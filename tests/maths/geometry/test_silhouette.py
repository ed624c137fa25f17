import numpy as np
import pytest

from assay.maths.geometry.silhouette import silhouette


def on_circle(*degrees):
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)


def test_one_row_between_two_clusters_by_hand():
    rows = on_circle(0, 0, 90, 90)
    assert silhouette(rows, np.array([0, 0, 1, 1])) == pytest.approx(1)
    # mixed: a = 1, b = (0 + 1) / 2, so (0.5 - 1) / 1 for every row
    assert silhouette(rows, np.array([0, 1, 0, 1])) == pytest.approx(-0.5)


def test_a_row_alone_counts_nothing():
    # the pair has a = 0 and b = 1, hence 1 each; the single row 0
    assert silhouette(on_circle(0, 0, 90), np.array([0, 0, 1])) == pytest.approx(2 / 3)


def test_equal_rows_have_no_structure():
    assert silhouette(on_circle(0, 0, 0, 0), np.array([0, 0, 1, 1])) == 0


def test_one_cluster_or_none_has_no_silhouette():
    assert silhouette(on_circle(0, 90), np.array([5, 5])) == -1
    assert silhouette(np.zeros((0, 2), np.float32), np.zeros(0, np.int64)) == -1
