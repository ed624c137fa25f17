import numpy as np
import pytest

from assay.core.types import Counts, GroupResult, Pool
from assay.curricula.posterior import Posterior


def pool(right, wrong) -> Pool:
    a, b = np.asarray(right) + 0.5, np.asarray(wrong) + 0.5
    return Pool(tuple(f"p{row:05d}" for row in range(len(a))), {"beta_a": a, "beta_b": b})


def test_the_problem_near_one_half_is_nearly_always_drawn_before_the_sure_ones():
    online = Posterior(half_life_steps=0).begin(pool([50, 100, 0], [50, 0, 100]), seed=0)
    assert [online.sample(1) for _ in range(50)].count(("p00000",)) == 50


def test_what_is_observed_moves_the_choice_away():
    online = Posterior(half_life_steps=0).begin(pool([4, 4], [4, 4]), seed=0)
    for _ in range(4):
        online.observe([GroupResult("p00000", Counts(correct=32))])
    assert [online.sample(1) for _ in range(40)].count(("p00001",)) > 35


def test_cut_rollouts_are_failures_or_nothing_as_the_plan_says():
    for truncated, wrong in (("wrong", 8.0), ("ignore", 0.0)):
        online = Posterior(half_life_steps=0, truncated=truncated).begin(pool([0], [0]), seed=0)
        online.observe([GroupResult("p00000", Counts(truncated=8))])
        assert online.wrong[online.kind[0]] == wrong


def test_old_evidence_halves_in_a_half_life_and_never_with_zero():
    fading, lasting = (Posterior(half_life_steps=half).begin(pool([8, 0], [0, 8]), seed=0) for half in (10, 0))
    for online in (fading, lasting):
        for _ in range(10):
            online.observe([])
        online.observe([GroupResult("p00000", Counts(correct=1))])
    assert fading.right[fading.kind[0]] == 5.0  # 8 / 2 + 1
    assert lasting.right[lasting.kind[0]] == 9.0


def test_pick_frequencies_agree_with_naive_draws_within_noise():
    rng = np.random.default_rng(0)
    right = rng.binomial(8, rng.beta(0.6, 0.9, size=10_000))
    online = Posterior(half_life_steps=0).begin(pool(right, 8 - right), seed=5)
    rounds, k = 60, 256
    ours = np.zeros(9)
    for _ in range(rounds):
        ours += np.bincount(right[[int(id_[1:]) for id_ in online.sample(k)]], minlength=9)
    naive = np.zeros(9)
    for _ in range(rounds):
        distances = np.abs(rng.beta(right + 0.5, 8.5 - right) - 0.5)
        naive += np.bincount(right[np.argpartition(distances, k)[:k]], minlength=9)
    apart = (ours - naive) ** 2 / np.maximum(ours + naive, 1)
    assert apart.sum() < 26.1  # chi-square of 8 degrees: .001


def test_the_tables_forget_kinds_that_no_problem_has_and_change_no_choice():
    online = Posterior(half_life_steps=5).begin(pool([4] * 50, [4] * 50), seed=1)
    rng = np.random.default_rng(0)
    for _ in range(600):
        ids = online.sample(20)
        online.observe([GroupResult(id_, Counts(int(right := rng.integers(9)), 8 - int(right))) for id_ in ids])
    assert len(online.right) < 6000
    assert (online.kind < len(online.right)).all()


def test_a_posterior_that_is_missing_names_the_problem():
    broken = Pool(("a", "b"), {"beta_a": np.array([0.5, np.nan]), "beta_b": np.array([0.5, 0.5])})
    with pytest.raises(ValueError, match="'b'"):
        Posterior().begin(broken, seed=0)


def test_from_a_prior_no_scores_are_needed_and_evidence_fades_back_to_the_prior():
    settings = Posterior(prior=(0.2, 2.0), half_life_steps=10)
    assert settings.needs == ()
    online = settings.begin(Pool(("a", "b")), seed=0)
    online.observe([GroupResult("a", Counts(4, 4))])
    assert (online.prior, online.right[online.kind[0]]) == ((0.2, 2.0), 4.0)
    for _ in range(9):
        online.observe([])
    assert online._fraction_left(online.seen[online.kind[0]]) == pytest.approx(0.5, abs=0.05)


def test_a_prior_of_the_pools_rate_comes_back_to_what_was_found_sooner_than_an_even_one():
    """200 problems, 20 of them alive: how many of the groups of steps 5 to 15, of 8, are on living ones."""
    shares = []
    for prior in ((0.2, 2.0), (0.5, 0.5)):
        living = 0
        for seed in range(8):
            rng = np.random.default_rng(seed)
            online = Posterior(prior=prior, half_life_steps=0).begin(
                Pool(tuple(f"p{n:03}" for n in range(200))), seed=seed
            )
            for step in range(15):
                ids = online.sample(8)
                alive = [int(id_[1:]) < 20 for id_ in ids]
                living += sum(alive) * (step >= 5)
                right = rng.binomial(8, 0.3 * np.array(alive)).tolist()
                online.observe([GroupResult(id_, Counts(k, 8 - k)) for id_, k in zip(ids, right, strict=True)])
        shares.append(living / (8 * 80))
    assert shares[0] > shares[1] + 0.05


def test_a_state_kept_before_there_was_a_prior_goes_on():
    old = Posterior().begin(pool([4], [4]), seed=0)
    assert old.key == "dee98e99f180345f0a04c821"


def test_a_state_saved_under_the_settings_first_names_is_still_this_curriculums():
    pool = Pool(("a", "b"), {"beta_a": np.array([1.0, 2.0]), "beta_b": np.array([2.0, 1.0])})
    keys = [Posterior(half_life_steps=5.0, prior=prior).begin(pool, seed=3).key for prior in ((), (0.2, 2.0))]
    assert keys == ["635559ff494feb14094de1fb", "1d0b6304457125a9aa123de6"]  # computed when it was called half_life
