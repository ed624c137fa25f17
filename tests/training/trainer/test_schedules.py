import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.training.trainer.schedules import SHARE_CURVES, guided_share, kl_weight, round_at_random


@pytest.mark.parametrize("rule", sorted(set(SHARE_CURVES) - {"constant"}))
def test_a_share_goes_from_first_to_last_and_stays(rule: str) -> None:
    shares = [guided_share(step, rule=rule, first=0.4, last=0.1, length=8) for step in range(12)]
    assert (shares[0], shares[4]) == (0.4, pytest.approx(0.25))
    assert shares[8:] == pytest.approx([0.1] * 4)
    assert shares == sorted(shares, reverse=True)


def test_the_stored_schedule_of_thinktuning_is_reproduced() -> None:
    """Calls 0 to 7 of a linear fall from .1 to .01 over 16; the authors stop once it is at or below .06."""
    shares = [guided_share(step, rule="linear", first=0.1, last=0.01, length=16) for step in range(9)]
    assert shares == pytest.approx([0.1, 0.094, 0.089, 0.083, 0.078, 0.072, 0.066, 0.061, 0.055], abs=6e-4)


def test_a_constant_share_ends_at_its_step() -> None:
    assert [guided_share(step, rule="constant", first=0.5, last=0, length=9, off_after=2) for step in range(4)] == [
        0.5,
        0.5,
        0,
        0,
    ]


@given(steps=st.integers(1, 50), most=st.floats(0.001, 1), least=st.floats(0, 1))
def test_a_rising_weight_never_falls_and_stays_in_its_bounds(steps: int, most: float, least: float) -> None:
    least = min(least, most)
    weights = [kl_weight(step, steps, rule="rising", most=most, least=least) for step in range(steps + 1)]
    assert weights == sorted(weights)
    assert (weights[0], weights[-1]) == (least, most)


def test_a_constant_weight_is_constant() -> None:
    assert {kl_weight(step, 5, rule="constant", most=0.3, least=0.0) for step in range(6)} == {0.3}


def test_small_shares_of_small_groups_are_kept_on_average() -> None:
    draws = [place / 1000 for place in range(1000)]
    assert (
        sum(round_at_random(range(5), 0.1, lambda draw=draw: draw) for draw in draws) == 500
    )  # half a rollout a group, not one
    assert round_at_random([], 0.5, lambda: 0.0) == 0
    assert round_at_random(range(8), 1.0, lambda: 0.0) == 8
