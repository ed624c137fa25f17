"""Difficulty of a problem for a policy, with its uncertainty."""

import pyarrow as pa

from assay.stores.schema import FLAG, FLOAT, INT, TEXT, column, table

REWARDS = pa.list_(pa.struct([("reward", FLOAT), ("correct", FLAG), ("n", INT)]))

SCHEMA = table(
    column("scoring_id", TEXT, "hash of scorer, settings, policy, sampler and verifier versions", was="scoring"),
    column("problem_id", TEXT, "problems.id", refers="problems.id"),
    column("scorer", TEXT, "the part that measured it"),
    column("policy", TEXT, "rollouts.policy", refers="policies.policy"),
    column("sampler", TEXT, "sampling_configs.id", refers="sampling_configs.id"),
    column("verifier", TEXT, "name@version of the verifier"),
    column("prior", TEXT, "id of the prior"),
    column("beta_a", FLOAT, "first parameter of the Beta posterior; null where the scorer has none", was="post_a"),
    column("beta_b", FLOAT, "its second parameter", was="post_b"),
    column("value", FLOAT, "for pass_rate: posterior mean in [0, 1], 1 = always solved"),
    column("low", FLOAT, "lower end of the interval"),
    column("high", FLOAT, "upper end of the interval"),
    column("n_correct", INT, "attempts graded correct", was="correct"),
    column("n_wrong", INT, "attempts graded wrong, including unparsable ones", was="wrong"),
    column("n_truncated", INT, "attempts truncated by the cap, neither correct nor wrong", was="truncated"),
    column("n_error", INT, "attempts whose verifier or engine failed", was="error"),
    column("direction", TEXT, "what a larger value means: easier or harder; null = easier"),
    column("censored", FLAG, "not solved within the budget of a search"),
    column(
        "disputed",
        FLAG,
        "no attempt is correct strictly, but at least one is leniently, so the problem is not hard; null = no",
    ),
    column(
        "corrected",
        FLOAT,
        "the pass rate corrected for its verifier's errors, posterior mean in [0, 1]; null without an audit",
    ),
    column("corrected_low", FLOAT, "lower end of its interval"),
    column("corrected_high", FLOAT, "upper end"),
    column("corrected_a", FLOAT, "first parameter of the Beta with its mean and variance"),
    column("corrected_b", FLOAT, "second parameter"),
    column("reward_mean", FLOAT, "mean reward of the graded attempts; null if all rewards are 0 or 1"),
    column("reward_sd", FLOAT, "standard deviation of their rewards, over n"),
    column("reward_low", FLOAT, "lower end of the mean reward's interval, which holds at any n; null out of bounds"),
    column("reward_high", FLOAT, "upper end"),
    column("rewards", REWARDS, "attempts by reward: the reward, whether it is correct, how many; ascending"),
    made_by=("score", "refresh"),
)
