import numpy as np
import pytest

from assay.maths.allocation.adaptive_allocation import PoolEvidence, band_wave, contenders, rows_to_confirm, top_wave
from assay.maths.beta.zero_inflated_beta import ZeroInflatedBeta, fit_zero_inflated_beta

JEFFREYS = ZeroInflatedBeta.of(0.5, 0.5)


def test_a_pool_that_is_known_is_asked_no_more():
    known = PoolEvidence.of([32, 0, 64], [32, 64, 0])
    assert top_wave(known, JEFFREYS, budget=1, group_size=8).rows.tolist() == []


def test_attempts_go_to_those_near_the_cut_and_not_to_those_that_can_no_longer_enter():
    evidence = PoolEvidence.of([4, 4, 1, 0, 4], [4, 4, 3, 20, 0])
    wave = top_wave(evidence, JEFFREYS, budget=2, group_size=8, share=0.6)
    assert 2 in wave.rows
    assert 3 not in wave.rows


def test_a_problem_at_its_limit_is_never_in_a_wave():
    evidence = PoolEvidence.of([4, 4, 2, 3], [4, 4, 2, 1])
    rows = top_wave(evidence, JEFFREYS, budget=2, group_size=8, most=8, share=1, gain=0.0).rows
    assert set(rows.tolist()) <= {2, 3}


def test_of_two_states_alike_the_cheaper_one_is_asked_first():
    for cheap, dear in ((0, 1), (1, 0)):
        tokens = np.array([400, 400, 400, 400])
        tokens[dear] = 4000
        wave = top_wave(
            PoolEvidence.of([1, 3, 2, 0], [3, 1, 2, 4], [4] * 4, tokens), JEFFREYS, budget=1, group_size=8, share=0.25
        )
        assert wave.rows.tolist() == [cheap]


def test_of_two_problems_of_equal_counts_the_longer_is_not_put_off():
    """Long answers are those of harder problems: were they left for last, what a run tells of its choice would be of the short ones."""
    price = PoolEvidence.of([2, 2, 0], [0, 0, 2], [2] * 3, [100, 900, 3000]).price()
    assert price[0] == price[1]
    assert price[2] > price[0]


def test_a_problem_whose_attempts_are_all_cut_has_a_price_that_rises_and_little_left():
    evidence = PoolEvidence.of([2, 0], [2, 0], [4, 16], [40, 160])
    assert evidence.price().tolist() == pytest.approx([10, 170])
    assert evidence.remaining(64).tolist() == [60, 2]


def test_the_gain_knob_stops_at_once_when_high_and_goes_on_when_zero():
    evidence = PoolEvidence.of([2, 1, 3, 0, 4, 2], [2, 3, 1, 4, 0, 2])
    gains = {
        gain: len(top_wave(evidence, JEFFREYS, budget=3, group_size=8, gain=gain, share=1).rows) for gain in (0.0, 10.0)
    }
    assert gains[0.0] > 0
    assert gains[10.0] == 0


def test_the_expected_gain_of_completing_everybody_is_what_comes_true_on_average():
    rng = np.random.default_rng(2)
    expected, observed = [], []
    for _ in range(20):
        rate = rng.beta(0.8, 0.4, 600)
        won = rng.random((600, 64)) < rate[:, None]
        right, prior = won[:, :6].sum(axis=1), ZeroInflatedBeta.of(0.8, 0.4)
        wave = top_wave(PoolEvidence.of(right, 6 - right), prior, budget=60, group_size=8)
        whole = won.sum(axis=1)
        expected.append(wave.gain)
        observed.append(np.sort(prior.posterior(whole, 64 - whole).signal(8))[::-1][:60].sum() - wave.value)
    assert np.mean(expected) == pytest.approx(np.mean(observed), rel=0.08)


def test_one_prior_for_all_and_the_same_prior_written_out_for_each_decide_alike():
    rng = np.random.default_rng(0)
    right = rng.binomial(6, rng.beta(0.8, 0.4, 200))
    own_priors = ZeroInflatedBeta.of(np.full(200, 0.8), np.full(200, 0.4), 0.05)
    waves = [
        top_wave(PoolEvidence.of(right, 6 - right), prior, budget=20, group_size=8)
        for prior in (ZeroInflatedBeta.of(0.8, 0.4, 0.05), own_priors)
    ]
    assert waves[0].rows.tolist() == waves[1].rows.tolist()
    assert waves[0].gain == pytest.approx(waves[1].gain)


def test_a_band_is_settled_by_evidence_on_either_side():
    evidence = PoolEvidence.of([8, 16, 0, 2], [8, 16, 32, 2])
    assert band_wave(evidence, JEFFREYS, low=0.2, high=0.8, delta=0.05).rows.tolist() == [3]
    assert band_wave(evidence, JEFFREYS, low=0.2, high=0.8, delta=0.0).rows.tolist() == [
        0,
        2,
        3,
    ]  # nothing turns 16 of 32 over
    assert band_wave(evidence, JEFFREYS, low=0.2, high=0.8, delta=0.5).rows.tolist() == []
    assert band_wave(evidence, JEFFREYS, low=0.2, high=0.8, delta=0.0, most=16).rows.tolist() == [3]


def test_a_problem_at_the_edge_is_left_when_its_last_attempts_would_not_tell():
    edge, early = PoolEvidence.of([12], [48]), PoolEvidence.of([1], [4])
    assert min(JEFFREYS.posterior(12, 48).inside(0.2, 0.8)[0], 1 - JEFFREYS.posterior(12, 48).inside(0.2, 0.8)[0]) > 0.4
    assert band_wave(edge, JEFFREYS, low=0.2, high=0.8, delta=0.08).rows.tolist() == []
    assert band_wave(early, JEFFREYS, low=0.2, high=0.8, delta=0.08).rows.tolist() == [0]


def test_one_prior_for_all_and_the_same_prior_written_out_for_each_settle_a_band_alike():
    right = np.random.default_rng(0).binomial(6, 0.4, 50)
    own_priors = ZeroInflatedBeta.of(np.full(50, 0.8), np.full(50, 0.4), 0.05)
    waves = [
        band_wave(PoolEvidence.of(right, 6 - right), prior, low=0.2, high=0.8)
        for prior in (ZeroInflatedBeta.of(0.8, 0.4, 0.05), own_priors)
    ]
    assert waves[0].rows.tolist() == waves[1].rows.tolist() != []
    assert (waves[0].value, waves[0].gain) == pytest.approx((waves[1].value, waves[1].gain))


def test_a_band_that_stops_early_errs_by_what_it_says():
    rng = np.random.default_rng(3)
    rate, prior, delta = rng.beta(0.8, 0.4, 20_000), ZeroInflatedBeta.of(0.8, 0.4), 0.01
    won = np.concatenate(
        [np.zeros((20_000, 1), np.int64), np.cumsum(rng.random((20_000, 64)) < rate[:, None], axis=1)], axis=1
    )
    tried, everyone = np.full(20_000, 2), np.arange(20_000)
    while len(
        rows := band_wave(
            PoolEvidence.of(won[everyone, tried], tried - won[everyone, tried]), prior, low=0.2, high=0.8, delta=delta
        ).rows
    ):
        tried[rows] += 2
    right, truth = won[everyone, tried], (rate >= 0.2) & (rate <= 0.8)
    inside, whole = (
        prior.posterior(right, tried - right).inside(0.2, 0.8),
        prior.posterior(won[:, 64], 64 - won[:, 64]).inside(0.2, 0.8),
    )
    errors, least = ((chance > 0.5) != truth for chance in (inside, whole))
    assert errors.mean() == pytest.approx(np.minimum(inside, 1 - inside).mean(), abs=0.004)
    assert 0.002 < errors.mean() - least.mean() < delta
    assert tried.mean() < 0.36 * 64


def test_the_second_stage_takes_those_that_may_cross_the_cut():
    evidence = PoolEvidence.of([4, 3, 1, 0, 4], [4, 1, 3, 16, 4])
    rows = contenders(
        evidence, fit_zero_inflated_beta(evidence.correct, evidence.wrong), budget=3, group_size=8, share=0.4, most=32
    )
    assert rows.tolist() == [1, 2]


def test_the_chosen_are_attempted_on_while_the_fit_does_not_know_their_value():
    rng = np.random.default_rng(0)
    right = rng.binomial(4, np.where(np.arange(200) < 100, 0.1, 0.9))
    prior, settings = fit_zero_inflated_beta(right, 4 - right), {"budget": 40, "group_size": 8, "share": 1 / 16}
    evidence = PoolEvidence.of(right, 4 - right, np.where(np.arange(200) % 2, 4, 6))
    rows = rows_to_confirm(evidence, prior, most=64, error=0.001, **settings)
    signal = prior.posterior(right, 4 - right).signal(8)
    chosen = np.argsort(-np.round(signal, 12), kind="stable")[:40]
    assert 0 < len(rows) <= 12
    assert set(rows) <= set(chosen)
    assert (evidence.attempts[rows] == 4).all()  # those with the fewest attempts
    assert not len(rows_to_confirm(evidence, prior, most=64, error=10.0, **settings))
    assert not len(rows_to_confirm(evidence, prior, most=4, error=0.001, **settings))
