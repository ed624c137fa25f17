import numpy as np
import pytest

from assay.core.types import Counts, GroupResult, Pool
from assay.curricula.bandit import Bandit
from assay.maths.rl.evaluation import mean_interval


def group(id_, advantage):
    return GroupResult(id_, Counts(), advantage)


def test_value_moves_by_alpha_towards_the_mean_advantage_and_absent_arms_stay(pool_of):
    bandit = Bandit(bins=2, alpha=0.5).begin(pool_of([0.9, 0.8, 0.2, 0.1]), seed=0)  # arms: p0 p1, and p2 p3
    bandit.observe([group("p0", 1.0), group("p1", 0.0)])
    assert bandit.value.tolist() == [0.25, 0.0]
    bandit.observe([group("p3", 0.8)])
    assert bandit.value.tolist() == [0.25, 0.4]


def test_the_released_code_lets_absent_arms_decay(pool_of):
    bandit = Bandit(bins=2, alpha=0.5, decay_absent=True).begin(pool_of([0.9, 0.1]), seed=0)
    bandit.observe([group("p0", 1.0)])
    bandit.observe([group("p1", 1.0)])
    assert bandit.value.tolist() == [0.25, 0.5]


def test_chances_are_boltzmann_and_even_when_nothing_is_learnt(pool_of):
    bandit = Bandit(bins=2, temperature=0.5, scale="absolute").begin(pool_of([0.9, 0.1]), seed=0)
    assert bandit.chances == {0: 0.5, 1: 0.5}
    bandit.value = np.array([0.5, 0.0])
    assert bandit.chances[0] == pytest.approx(np.e / (np.e + 1))
    for _ in range(30):
        bandit.observe([group("p0", 0.0), group("p1", 0.0)])
    assert bandit.chances[0] == pytest.approx(0.5)


def test_an_arm_without_refill_leaves_when_it_is_used_up(pool_of):
    bandit = Bandit(bins=2, refill=False).begin(pool_of([0.9, 0.8, 0.2, 0.1]), seed=0)
    assert sorted(bandit.sample(3) + bandit.sample(3)) == ["p0", "p1", "p2", "p3"]
    assert bandit.sample(2) == ()


def test_a_temperature_in_parts_of_the_best_arm_ignores_the_size_of_advantages(pool_of):
    for best in (1.0, 0.2):
        bandit = Bandit(bins=2, temperature=0.4).begin(pool_of([0.9, 0.1]), seed=0)
        bandit.value = np.array([best, 0.0])
        assert bandit.chances[1] / bandit.chances[0] == pytest.approx(np.exp(-1 / 0.4))


def test_one_living_arm_of_ten_is_found_at_the_defaults_though_its_advantages_are_small(pool_of):
    """Rate .15, advantages not divided by their deviation: 2 p (1 - p) = .22 at most, of ten arms all others at 0."""
    rng = np.random.default_rng(0)
    sources = [f"s{row % 10}" for row in range(200)]
    shares = []
    for scale in ("best", "absolute"):
        bandit = Bandit(by="source", scale=scale).begin(pool_of([0.5] * 200, source=sources), seed=1)
        living = 0
        for step in range(60):
            results = []
            for id_ in bandit.sample(16):
                alive = sources[int(id_[1:])] == "s3"
                p = rng.binomial(8, 0.15 if alive else 0.0) / 8
                results.append(group(id_, 2 * p * (1 - p)))
                living += alive and step >= 20
            bandit.observe(results)
        shares.append(living / (40 * 16))
    assert shares[0] > 0.45
    assert shares[1] < 0.2  # an even draw has .1


def test_names_are_arms_whatever_bins_says_and_so_are_clusters(pool_of):
    by_source = Bandit(by="source").begin(pool_of([0.5] * 3, source=["a", "b", "a"]), seed=0)
    by_cluster = Bandit(by="cluster").begin(pool_of([0.5] * 3, cluster=[7, 7, 2]), seed=0)
    assert by_source.arm.tolist() == [0, 1, 0]
    assert by_cluster.arm.tolist() == [0, 0, 1]


def test_values_of_a_column_can_be_the_arms(pool_of):
    bandit = Bandit(by="source", bins=0).begin(pool_of([0.5] * 3, source=["a", "b", "a"]), seed=0)
    assert bandit.arm.tolist() == [0, 1, 0]


def test_mass_moves_to_the_arm_near_one_half_and_follows_when_it_changes(pool_of):
    """Of an easy, a learnable and an impossible arm, the second becomes easy and the third learnable after 40 steps."""
    late = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        bandit = Bandit(bins=3, alpha=0.5, temperature=0.2).begin(pool_of(np.repeat([0.99, 0.5, 0.01], 10)), seed=seed)
        rates = np.array([0.99, 0.5, 0.01])
        for step in range(80):
            if step == 40:
                late.append(bandit.chances[1])
                rates = np.array([0.99, 0.99, 0.5])
            ids = bandit.sample(16)
            results = []
            for id_ in ids:
                right = rng.binomial(8, rates[bandit.arm[int(id_[1:])]])
                p = right / 8
                results.append(group(id_, 2 * np.sqrt(p * (1 - p))))
            bandit.observe(results)
        late.append(bandit.chances[2])
    before, after = np.mean(late[::2]), np.mean(late[1::2])
    assert before > 0.8  # softmax of (.15, .93, .15) at .2 is .96
    assert after > 0.8


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.5])
def test_a_change_is_tracked_within_about_one_over_alpha_updates_of_that_arm(pool_of, alpha):
    bandit = Bandit(bins=2, alpha=alpha).begin(pool_of([0.9, 0.1]), seed=0)
    bandit.value = np.array([0.928, 0.0])  # the first arm taught, at one half of right answers, until now
    for _ in range(round(1 / alpha)):
        bandit.observe([group("p0", 0.0), group("p1", 0.928)])
    assert bandit.value[1] >= (1 - 1 / np.e) * 0.928
    assert bandit.value[0] <= 0.928 / np.e
    assert bandit.chances[1] > bandit.chances[0]


def test_more_arms_than_problems_leave_none_empty_and_an_empty_pool_has_nothing_to_draw(pool_of):
    bandit = Bandit(bins=5).begin(pool_of([0.9, 0.1]), seed=0)
    assert [len(deck) for deck in bandit.decks] == [1, 1]
    assert set(bandit.sample(20)) == {"p0", "p1"}
    nothing = Bandit(bins=5).begin(pool_of([]), seed=0)
    assert nothing.sample(4) == ()
    nothing.observe([])
    assert nothing.chances == {}


def test_where_every_arm_is_unsolvable_the_draw_stays_even_and_goes_on(pool_of):
    bandit = Bandit(bins=2).begin(pool_of([0.02, 0.01]), seed=0)
    bandit.value = np.array([0.5, 0.0])
    sampled = []
    for _ in range(40):
        ids = bandit.sample(4)
        sampled += ids
        bandit.observe([group(id_, 0.0) for id_ in ids])
    assert bandit.chances[0] == pytest.approx(0.5, abs=1e-6)
    assert 40 < sampled.count("p0") < 120


def gathered(rule, seed):
    """Mean signal of 60 steps of 8 groups over rising, easy, impossible and half-solved arms; training raises rates."""
    rng = np.random.default_rng(seed)
    skill = np.array([-2.0, 4.0, -9.0, 0.0])
    pool = Pool(tuple(f"p{row:02d}" for row in range(40)), {"mean": np.repeat([0.12, 0.98, 0.01, 0.5], 10)})
    bandit = Bandit(bins=4, alpha=0.5, temperature=0.2).begin(pool, seed=seed)
    arm_of = (1, 3, 0, 2)  # bins run from easy to hard
    total = 0.0
    for step in range(60):
        rates = 1 / (1 + np.exp(-skill))
        if rule == "bandit":
            ids = bandit.sample(8)
            arms = [arm_of[int(bandit.arm[int(id_[1:])])] for id_ in ids]
        else:
            arms = {
                "uniform": rng.integers(4, size=8),
                "easy": [(1, 3, 0, 2)[step // 15]] * 8,
                "hard": [(2, 0, 3, 1)[step // 15]] * 8,
            }.get(rule, [int(np.argmin(np.abs(rates - 0.5)))] * 8)
        right = rng.binomial(8, rates[arms]) / 8
        size = 2 * np.sqrt(right * (1 - right))
        if rule == "bandit":
            bandit.observe([group(id_, float(advantage)) for id_, advantage in zip(ids, size, strict=True)])
        np.add.at(skill, np.asarray(arms), 0.02 * size)
        total += float(size.mean()) / 60
    return total


def test_a_bandit_gathers_more_than_uniform_and_both_orders_and_no_more_than_an_oracle():
    signals = {
        rule: np.array([gathered(rule, seed) for seed in range(20)])
        for rule in ("bandit", "uniform", "easy", "hard", "oracle")
    }
    for rule in ("uniform", "easy", "hard"):
        _, low, _ = mean_interval(signals["bandit"] - signals[rule], bounds=None)
        assert low > 0.1, rule
    assert mean_interval(signals["oracle"] - signals["bandit"], bounds=None)[1] > 0


def test_at_eight_rollouts_the_mean_advantage_is_below_its_formula():
    rates = np.array([0.1, 0.3, 0.5])
    from scipy.stats import binom

    right = np.arange(9)
    size = 2 * np.sqrt(right / 8 * (1 - right / 8))
    expected = [float((binom.pmf(right, 8, p) * size).sum()) for p in rates]
    assert np.round(expected, 3).tolist() == [0.419, 0.824, 0.928]


def test_an_arm_is_paid_for_right_and_wrong_answers_and_not_for_shaped_rewards():
    shaped = GroupResult("p0", Counts(wrong=8), advantage=0.8, correctness_advantage=0.0)
    pool = Pool(("p0", "p1"), {"mean": np.array([0.1, 0.9])})
    for gate, value in (("correctness", 0.0), ("reward", 0.4)):
        online = Bandit(bins=2, gate=gate).begin(pool, seed=0)
        online.observe([shaped])
        assert online.value.max() == value
