"""A simulated policy against the closed forms of the posteriors that it is drawn from."""

import numpy as np
import pytest

from assay.core.types import Pool
from assay.maths.rl.group_signal import expected_signal
from assay.maths.rl.reward_signal import RewardPosterior, expected_deviation, reward_signal
from assay.pipelines.analysis.simulated_policy import SimulatedPolicy
from assay.training.trainer.groups import correctness_advantage

N = 4_000
IDS = tuple(f"p{n:04}" for n in range(N))


def pool(table=None):
    columns = {"beta_a": np.full(N, 1.5), "beta_b": np.full(N, 2.5)}
    return Pool(IDS, columns if table is None else {**columns, "rewards": np.tile(table, (N, 1, 1))})


def attempted(problems, kind, tau=0.0):
    policy = SimulatedPolicy(problems, 8, kind=kind, tau=tau, rng=np.random.default_rng(0))
    return policy, policy.attempt(IDS)


def test_of_right_and_wrong_it_has_the_closed_forms():
    """4,000 groups: a share of .8 is known to .006, a mean deviation to .003."""
    policy, groups = attempted(pool(), "mixed")
    assert np.mean(policy.signals) == pytest.approx(float(expected_signal(1.5, 2.5, 8)), abs=0.02)
    assert np.mean([group.counts.correct for group in groups]) == pytest.approx(8 * 1.5 / 4, abs=0.1)
    policy, _ = attempted(pool(), "sd")
    assert np.mean(policy.signals) == pytest.approx(float(expected_deviation(1.5, 2.5, 8)), abs=0.01)


@pytest.mark.parametrize(("kind", "tau"), [("mixed", 0.0), ("mixed", 0.2), ("sd", 0.0)])
def test_of_graded_rewards_it_has_the_signal_of_their_posterior(kind, tau):
    table = np.array([[0.0, 2.0, 0.0], [0.3, 0.5, 0.0], [0.9, 1.0, 1.0], [1.0, 1.5, 1.0]])
    posterior = RewardPosterior.from_table([1.5], [2.5], table[None])
    policy, _ = attempted(pool(table), kind, tau)
    assert np.mean(policy.signals) == pytest.approx(float(reward_signal(posterior, 8, kind=kind, tau=tau)[0]), abs=0.03)


def test_advantages_are_training_s():
    _, groups = attempted(pool(), "mixed")
    for group in groups[:50]:
        right = [True] * group.counts.correct + [False] * group.counts.wrong
        assert group.advantage == pytest.approx(correctness_advantage(right, divides=True))
        assert group.correctness_advantage == group.advantage
