import numpy as np
import pytest

from assay.selectors.iterative import Iterative


def shares(selection):
    return [sum(id_ < "p100" for id_ in selection.ids), sum(id_ >= "p100" for id_ in selection.ids)]


@pytest.fixture
def pool(pool_of):
    """100 problems that are always solved, 100 that never are."""
    return pool_of([4] * 200, cluster=[0] * 100 + [1] * 100, gain=[0.0] * 100 + [np.log(3)] * 100)


def test_weights_rise_by_the_exponential_of_the_gain(pool, rng):
    # weights .5 .5, then .25 .75, then .1 .9: a third of 60 each
    assert shares(Iterative(by="gain").select(pool, 60, rng)) == [10 + 5 + 2, 10 + 15 + 18]


def test_one_round_knows_no_gain_and_no_memory_stops_rising(pool, rng):
    assert shares(Iterative(by="gain", rounds=1).select(pool, 60, rng)) == [30, 30]
    assert shares(Iterative(by="gain", memory=False).select(pool, 60, rng)) == [10 + 5 + 5, 10 + 15 + 15]


def test_the_mean_is_read_as_what_is_left_to_gain(pool_of, rng):
    pool = pool_of([8] * 100 + [0] * 100, cluster=[0] * 100 + [1] * 100)
    easy, hard = shares(Iterative().select(pool, 60, rng))
    assert hard > easy


def test_the_plain_form_refuses_a_cluster_that_got_worse(pool_of, rng):
    pool = pool_of([4] * 4, cluster=[0, 0, 1, 1], gain=[0.4, 0.4, -0.2, -0.2])
    with pytest.raises(ValueError, match="negative weight"):
        Iterative(by="gain", form="plain", rounds=2).select(pool, 4, rng)
    assert len(Iterative(by="gain", rounds=2).select(pool, 4, rng).ids) == 4


def test_an_exhausted_cluster_passes_its_quota_on(pool_of, rng):
    pool = pool_of([4] * 12, cluster=[0] * 10 + [1] * 2, gain=[0.0] * 10 + [9.0] * 2)
    selection = Iterative(by="gain").select(pool, 9, rng)
    assert {"p010", "p011"} <= set(selection.ids)
    assert len(selection.ids) == 9


def test_a_history_sets_the_weights_and_its_problems_do_not_come_again(pool_of, rng):
    when = ([1] * 5 + [2] * 5 + [0] * 90) * 2
    gains = [0.0] * 100 + [np.log(3)] * 100
    pool = pool_of([4] * 200, cluster=[0] * 100 + [1] * 100, gain=gains, round=when)
    selection = Iterative(by="gain", history=True).select(pool, 20, rng)  # .5 .5 -> .25 .75 -> .1 .9
    assert shares(selection) == [2, 18]
    assert len(selection.dropped["chosen_before"]) == 20
