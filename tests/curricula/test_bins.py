import numpy as np
import pytest

from assay.core.types import Counts, GroupResult, Pool
from assay.curricula.bins import Bins


def group(id_, right):
    return GroupResult(id_, Counts(right, 8 - right))


def pool_of_sources(n, names):
    ids = tuple(f"p{row:04}" for row in range(n))
    return Pool(ids, {"source": np.array([names[row % len(names)] for row in range(n)])})


def test_a_bin_holds_what_agrees_in_every_column_and_a_number_is_cut_into_levels():
    ids = tuple(f"p{row}" for row in range(8))
    columns = {"source": np.array(["a", "b"] * 4), "length": np.arange(8.0)}
    state = Bins(by=("source", "length"), number_bins=2).begin(Pool(ids, columns), seed=0)
    assert state.bin.tolist() == [0, 1, 0, 1, 2, 3, 2, 3]  # lengths 0 to 3, and 4 to 7


def test_a_number_of_few_values_is_a_bin_per_value_and_clusters_are_bins():
    ids = tuple(f"p{row}" for row in range(6))
    pool = Pool(ids, {"level": np.array([1, 2, 3] * 2)}, cluster=np.array([9, 9, 9, 4, 4, 4]))
    assert Bins(by=("level", "cluster")).begin(pool, seed=0).bin.tolist() == [0, 1, 2, 3, 4, 5]


def test_evidence_of_all_bins_fades_by_decay_each_step_and_groups_are_added():
    state = Bins(decay=0.5).begin(pool_of_sources(4, "ab"), seed=0)
    state.observe([group("p0000", 4), group("p0002", 0), group("p0001", 8)])
    assert (state.mixed.tolist(), state.alike.tolist()) == ([1, 0], [1, 1])
    state.observe([group("p0001", 1)])
    assert (state.mixed.tolist(), state.alike.tolist()) == ([0.5, 1], [0.5, 0.5])


def test_a_group_of_which_nothing_was_judged_is_not_mixed():
    state = Bins().begin(pool_of_sources(2, "ab"), seed=0)
    state.observe([GroupResult("p0000", Counts(error=8))])
    assert state.mixed.tolist() == [0, 0]


@pytest.mark.parametrize(("floor", "low", "high"), [(0.05, 0.75, 1.0), (1.0, 0.05, 0.15)])
def test_the_living_bin_of_ten_is_found_and_a_floor_of_one_draws_evenly(floor, low, high):
    names = "abcdefghij"
    pool = pool_of_sources(1000, names)
    source = dict(zip(pool.ids, pool.column("source").tolist(), strict=True))
    rng, state, living = np.random.default_rng(0), Bins(uniform_fraction=floor).begin(pool, seed=1), []
    for _ in range(60):
        ids = state.sample(16)
        living.append(sum(source[id_] == "d" for id_ in ids) / 16)
        state.observe([group(id_, rng.binomial(8, 0.15 if source[id_] == "d" else 0.0)) for id_ in ids])
    assert low < np.mean(living[20:]) <= high


def test_a_bin_that_was_given_up_is_found_again_when_it_comes_alive():
    pool = pool_of_sources(400, "ab")
    source = dict(zip(pool.ids, pool.column("source").tolist(), strict=True))
    state, late = Bins().begin(pool, seed=0), []
    for step in range(300):
        alive = "a" if step < 100 else "b"
        ids = state.sample(16)
        late.append(sum(source[id_] == "b" for id_ in ids) / 16)
        state.observe([group(id_, 4 if source[id_] == alive else 8) for id_ in ids])
    assert np.mean(late[50:100]) < 0.1
    assert np.mean(late[250:]) > 0.9


def test_no_problem_of_a_bin_comes_again_before_all_others_of_it_have_come():
    state = Bins().begin(pool_of_sources(12, "a"), seed=0)
    assert len(set(state.sample(12))) == 12
