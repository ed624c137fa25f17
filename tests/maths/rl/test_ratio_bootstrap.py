"""Ratios over problems: exact points, intervals that cover, and that resample problems and not attempts."""

import numpy as np
import pytest

from assay.maths.rl.ratio_bootstrap import BLOCKS, ratio_intervals, resampled_ratios


def test_the_point_is_the_ratio_of_the_sums() -> None:
    point, low, high = ratio_intervals([[1.0], [0.0], [2.0]], [[2.0], [2.0], [2.0]])[0]
    assert point == 0.5
    assert low <= 0.5 <= high


def test_intervals_cover_the_true_ratio_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for seed in range(200):
        rates = rng.beta(1, 3, 80)  # 80 problems of 10 attempts, whose rates differ: mean 1/4
        parts = rng.binomial(10, rates).astype(float)
        _, low, high = ratio_intervals(parts[:, None], np.full((80, 1), 10.0), seed=seed, replicates=200)[0]
        hits += low <= 0.25 <= high
    assert 0.89 <= hits / 200 <= 0.99


def test_attempts_at_one_problem_stay_together() -> None:
    rates = np.repeat([0.0, 1.0], 50)
    _, low, high = ratio_intervals((rates * 100)[:, None], np.full((100, 1), 100.0))[0]
    assert high - low > 0.15  # 100 problems; of 10,000 independent attempts it would be 0.02


def test_a_part_that_never_occurs_has_an_upper_end_and_a_whole_of_nothing_is_nan() -> None:
    assert ratio_intervals(np.zeros((10, 1)), np.ones((10, 1)))[0, 2] == pytest.approx(1 - 0.025**0.1)
    assert np.isnan(ratio_intervals(np.zeros((3, 1)), np.zeros((3, 1)))).all()
    assert ratio_intervals(np.ones((10, 1)), np.ones((10, 1)))[0, 1] == pytest.approx(0.025**0.1)


def test_more_problems_than_blocks_give_the_same_point_and_nearly_the_same_width() -> None:
    rng = np.random.default_rng(1)
    parts = rng.random((2 * BLOCKS, 1))
    ratios = resampled_ratios(parts, np.ones_like(parts), replicates=200)[:, 0]
    assert ratios[0] == pytest.approx(parts.mean())
    assert ratios[1:].std() == pytest.approx(parts.std() / np.sqrt(2 * BLOCKS), rel=0.2)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="parts of shape"):
        ratio_intervals(np.ones((2, 1)), np.ones((3, 1)))
