from collections import Counter

import pytest

from assay.training.offline.row_order import RowOrder, steps_of


@pytest.mark.parametrize("shuffle", [True, False])
def test_each_epoch_reads_every_row_once(shuffle: bool) -> None:
    order = RowOrder(5, steps=5, rows_per_step=2, seed=3, shuffle=shuffle)
    places = list(order)
    assert len(places) == len(order) == 10
    assert sorted(places[:5]) == sorted(places[5:]) == list(range(5))
    assert (places[:5] == places[5:]) is not shuffle  # an order of its own per epoch


def test_without_shuffling_rows_come_as_they_are_given() -> None:
    assert list(RowOrder(3, steps=2, rows_per_step=2, seed=0, shuffle=False)) == [0, 1, 2, 0]


def test_a_step_reads_the_same_rows_whoever_asks_and_whenever() -> None:
    order, again = (RowOrder(7, steps=4, rows_per_step=3, seed=1) for _ in range(2))
    assert list(order) == [place for step in range(4) for place in again.places(step)]
    assert list(order) != list(RowOrder(7, steps=4, rows_per_step=3, seed=2))


def test_epochs_are_rounded_up_to_whole_steps() -> None:
    assert [steps_of(10, epochs, 5) for epochs in (0.01, 0.5, 1.0, 1.1, 3.0)] == [1, 1, 2, 3, 6]
    assert Counter(RowOrder(10, steps_of(10, 2.0, 5), 5, seed=0)) == dict.fromkeys(range(10), 2)
