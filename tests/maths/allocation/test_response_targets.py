import pytest

from assay.maths.allocation.response_targets import response_targets


def test_the_papers_allocation_table():
    fail = [0, 0.01, 0.10, 0.25, 0.50, 0.75, 0.90, 0.99]
    assert response_targets(fail, rule="prop2diff", most=192).tolist() == [1, 2, 20, 48, 96, 144, 173, 191]
    assert response_targets(fail, rule="uniform", most=40).tolist() == [40] * 8


def test_an_exact_product_is_not_rounded_up():
    assert response_targets([0.07, 1.0], rule="prop2diff", most=100).tolist() == [7, 100]


def test_bad_values_are_named():
    for fail in (1.5, -0.1, float("nan")):
        with pytest.raises(ValueError, match=str(fail)):
            response_targets([0.5, fail], rule="uniform", most=40)
    with pytest.raises(ValueError, match="at least 1, found 0"):
        response_targets([0.5], rule="uniform", most=0)
