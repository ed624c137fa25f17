import numpy as np
import pytest

from assay.core.types import Counts, GroupResult, Pool
from assay.curricula.predicted import Predicted


def pool_of_vectors(vectors):
    rows = np.asarray(vectors, dtype=np.float32)
    return Pool(tuple(f"p{row:04}" for row in range(len(rows))), vectors=rows)


def group(id_, right):
    return GroupResult(id_, Counts(right, 8 - right))


@pytest.mark.parametrize("dimensions", [2, 40])
def test_the_ridge_is_the_solution_in_closed_form_by_features_and_by_groups(dimensions):
    """Two orthogonal kinds, seen once each with shares 1 and 0, penalty 1: weights are (.5 / 2, -.5 / 2)."""
    vectors = np.zeros((2, dimensions))
    vectors[0, 0] = vectors[1, 1] = 1
    state = Predicted(ridge_penalty=1.0).begin(pool_of_vectors(vectors), seed=0)
    state.observe([group("p0000", 8), group("p0001", 0)])
    assert state.weights_of[:2] == pytest.approx([0.25, -0.25])
    assert state.predict(np.array([0, 1])) == pytest.approx([0.75, 0.25])


def test_nothing_is_predicted_before_the_first_group_and_every_problem_comes_once(rng):
    state = Predicted().begin(pool_of_vectors(rng.random((24, 3))), seed=0)
    assert len({id_ for _ in range(3) for id_ in state.sample(8)}) == 24


def test_the_living_kind_is_found_by_its_vector_and_followed_when_another_comes_alive(rng):
    """One kind of four has a rate of .3 for 40 steps, then it is solved and the next has it."""
    kinds = np.arange(2000) % 4
    state = Predicted(recent_groups=400).begin(pool_of_vectors(np.eye(4)[kinds]), seed=0)
    shares = []
    for step in range(80):
        alive = 0 if step < 40 else 1
        rates = [0.0, 0.0, 0.0, 0.0] if step < 40 else [1.0, 0.0, 0.0, 0.0]
        rates[alive] = 0.3
        ids = state.sample(16)
        shares.append(np.mean([kinds[int(id_[1:])] == alive for id_ in ids]))
        state.observe([group(id_, rng.binomial(8, rates[kinds[int(id_[1:])]])) for id_ in ids])
    assert np.mean(shares[10:40]) > 0.9
    assert np.mean(shares[70:]) > 0.9


def test_one_candidate_per_group_or_a_floor_of_one_is_shuffled(rng):
    vectors = np.eye(2)[np.arange(400) % 2]
    for settings in ({"candidate_factor": 1}, {"random_fraction": 1.0}):
        state, kinds = Predicted(**settings).begin(pool_of_vectors(vectors), seed=0), []
        for _ in range(20):
            ids = state.sample(16)
            kinds += [int(id_[1:]) % 2 for id_ in ids]
            state.observe([group(id_, 4 * (int(id_[1:]) % 2)) for id_ in ids])
        assert np.mean(kinds) == pytest.approx(0.5, abs=0.1)


def test_a_pool_without_vectors_is_refused(pool_of):
    with pytest.raises(LookupError, match="no vectors"):
        Predicted().begin(pool_of([0.5]), seed=0)
