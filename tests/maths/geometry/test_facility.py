import itertools

import numpy as np
import pytest

from assay.maths.geometry.facility import cover_by_similarity, greedy_cover


def total(similarity, chosen, weight):
    return float((np.maximum(similarity[list(chosen)], 0).max(axis=0) * weight).sum())


def greedy(similarity, budget, weight):
    chosen = []
    for _ in range(budget):
        left = [row for row in range(len(similarity)) if row not in chosen]
        chosen.append(max(left, key=lambda row: (round(total(similarity, [*chosen, row], weight), 9), -row)))
    return chosen


def cloud(n, seed):
    rows = np.random.default_rng(seed).normal(size=(n, 5))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_lazy_choice_is_the_plain_greedy_one():
    for seed in range(5):
        rows, weight = cloud(60, seed), np.random.default_rng(seed).random(60)
        assert cover_by_similarity(rows @ rows.T, 25, weight=weight).tolist() == greedy(rows @ rows.T, 25, weight)


def test_similarities_computed_on_demand_choose_the_same():
    rows, ones = cloud(60, 9), np.ones(60)
    dense = greedy_cover(rows, 20, weight=ones, own=ones * 0)
    assert greedy_cover(rows, 20, weight=ones, own=ones * 0, max_dense_rows=10).tolist() == dense.tolist()


def test_it_reaches_at_least_63_percent_of_the_best():
    rows = cloud(9, 3)
    best = max(total(rows @ rows.T, chosen, 1) for chosen in itertools.combinations(range(9), 3))
    assert total(rows @ rows.T, cover_by_similarity(rows @ rows.T, 3), 1) >= (1 - 1 / np.e) * best


@pytest.mark.parametrize("budget", [0, 1, 4, 9])
def test_each_row_comes_once_and_a_budget_above_n_takes_all(budget):
    rows = cloud(4, 0)
    chosen = cover_by_similarity(rows @ rows.T, budget).tolist()
    assert len(set(chosen)) == len(chosen) == min(budget, 4)


def test_a_sample_of_what_is_covered_reaches_nearly_all_and_all_of_it_is_exact():
    rows, ones = cloud(600, 4), np.ones(600)
    everything = greedy_cover(rows, 20, weight=ones, own=ones * 0)
    assert greedy_cover(rows, 20, weight=ones, own=ones * 0, sample=np.arange(600)).tolist() == everything.tolist()
    few = greedy_cover(
        rows, 20, weight=ones, own=ones * 0, sample=np.sort(np.random.default_rng(0).choice(600, 150, replace=False))
    )
    like = rows @ rows.T
    assert len(set(few.tolist())) == 20
    assert total(like, few, 1) > 0.97 * total(like, everything, 1)
