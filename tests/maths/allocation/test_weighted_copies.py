import numpy as np
import pytest

from assay.maths.allocation.weighted_copies import weighted_copies


def test_equal_weights_give_one_copy_each_at_every_start():
    for start in np.linspace(0, 0.999, 50):
        assert weighted_copies([0.3] * 7, 7, float(start)).tolist() == [1] * 7


def test_copies_are_in_proportion_and_off_by_less_than_one():
    weights = np.array([0.2, 1.0, 1.0, 3.8])
    copies = np.array([weighted_copies(weights, 4, start) for start in (np.arange(200) + 0.5) / 200])
    assert (copies.sum(1) == 4).all()
    assert copies.mean(0) == pytest.approx(weights * 4 / 6, abs=0.01)
    assert (np.abs(copies - weights * 4 / 6) < 1).all()


def test_a_weight_of_0_gives_no_copy_and_bad_weights_are_refused():
    assert weighted_copies([0.0, 1.0], 2, 0.9).tolist() == [0, 2]
    assert weighted_copies([], 0, 0.5).tolist() == []
    for weights in ([-1.0, 2.0], [0.0, 0.0], [float("nan"), 1.0]):
        with pytest.raises(ValueError, match="finite"):
            weighted_copies(weights, 2, 0.5)
