"""Pilots: chances by counting every order of a small group."""

from itertools import permutations

import pytest

from assay.maths.rl.pilot_groups import pilot_effect


@pytest.mark.parametrize(("n", "c", "pilot"), [(4, 0, 2), (4, 1, 2), (5, 2, 2), (5, 3, 3), (4, 4, 2), (6, 3, 2)])
def test_chances_are_those_of_every_order_of_the_group(n: int, c: int, pilot: int) -> None:
    orders = list(permutations(range(n)))  # answers below c are right
    stops = [len({answer < c for answer in order[:pilot]}) == 1 for order in orders]
    effect = pilot_effect([n], [c], pilot)
    assert effect.stopped[0] == pytest.approx(sum(stops) / len(orders))
    spared = [stop and 0 not in order[:pilot] for order, stop in zip(orders, stops, strict=True)]
    if c:
        assert effect.spared_right[0] == pytest.approx(sum(spared) / len(orders))
    if c < n:
        spared = [stop and n - 1 not in order[:pilot] for order, stop in zip(orders, stops, strict=True)]
        assert effect.spared_wrong[0] == pytest.approx(sum(spared) / len(orders))


def test_a_group_that_is_no_larger_than_the_pilot_is_never_stopped() -> None:
    assert pilot_effect([2, 1], [2, 0], 2).stopped.tolist() == [0.0, 0.0]


def test_more_right_answers_than_answers_are_refused() -> None:
    with pytest.raises(ValueError, match="3 right of 2"):
        pilot_effect([2], [3], 2)
