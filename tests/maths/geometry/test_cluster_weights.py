import numpy as np
import pytest

from assay.maths.geometry.cluster_weights import update_cluster_weights

EVEN = [1 / 3] * 3


def test_the_paper_s_example_gives_408_369_224():
    assert update_cluster_weights(EVEN, [0.4, 0.3, -0.2]).round(3).tolist() == [0.408, 0.369, 0.224]


def test_three_rounds_with_memory_and_without():
    remembered, forgetful = [np.array(EVEN)], np.array(EVEN)
    for _ in range(3):
        remembered.append(update_cluster_weights(remembered[-1], [1, 0, -1]))
        forgetful = update_cluster_weights(forgetful, [1, 0, -1], memory=False)
    expected = [[0.665, 0.245, 0.090], [0.867, 0.117, 0.016], [0.950, 0.047, 0.002]]
    assert [weights.round(3).tolist() for weights in remembered[1:]] == expected
    assert forgetful.round(3).tolist() == expected[0]


def test_the_plain_form_refuses_a_negative_weight_and_divides_the_rest_in_proportion():
    with pytest.raises(ValueError, match=r"-0\.2 would be a negative weight"):
        update_cluster_weights(EVEN, [0.4, 0.3, -0.2], form="plain")
    with pytest.raises(ValueError, match="all 0"):
        update_cluster_weights(EVEN, [0, 0, 0], form="plain")
    assert update_cluster_weights([0.5, 0.25, 0.25], [0.2, 0.4, 0.4], form="plain").tolist() == pytest.approx(
        [1 / 3, 1 / 3, 1 / 3]
    )


def test_a_cluster_without_a_measurement_keeps_its_share():
    assert update_cluster_weights([0.2, 0.4, 0.4], [np.nan, 0.0, np.log(3)]).tolist() == pytest.approx([0.2, 0.2, 0.6])
    assert update_cluster_weights([0.2, 0.8], [np.nan, np.nan]).tolist() == [0.2, 0.8]


def test_a_gain_of_a_thousand_does_not_overflow():
    assert update_cluster_weights([0.5, 0.5], [1000.0, 0.0]).tolist() == [1.0, 0.0]


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"\(2,\) for gains of shape \(3,\)"):
        update_cluster_weights([0.5, 0.5], [1, 2, 3])
