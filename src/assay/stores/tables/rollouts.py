"""Attempts, never changed; their texts are in `completions`, so counting does not read them."""

from assay.stores.schema import FLAG, FLOAT, INT, TEXT, column, table

SCHEMA = table(
    column("problem_id", TEXT, "problems.id", refers="problems.id"),
    column("policy", TEXT, "revision of the weights that sampled it", refers="policies.policy"),
    column("policy_name", TEXT, "readable name of that revision", refers="policies.name"),
    column("sampler", TEXT, "sampling_configs.id", refers="sampling_configs.id"),
    column("sample", INT, "index among the interchangeable samples of one problem, policy and sampler"),
    column("seed", INT, "recorded, not part of the id; -1 = none was given"),
    column("tokens", INT, "generated tokens"),
    column("prompt_tokens", INT, "tokens of the prompt, chat template included"),
    column("finish", TEXT, "stop, length, error"),
    column("engine", TEXT, "backend that ran the policy"),
    column("step", INT, "optimiser step that sampled it; null = not from training"),
    column("group", TEXT, "GRPO group; null = not from training"),
    column("advantage", FLOAT, "as training used it; null = not from training"),
    column("guided", FLAG, "a teacher wrote part of it, so it does not count as evidence about the policy"),
    column(
        "policy_last",
        TEXT,
        "revision that finished it, if asynchronous training changed the weights meanwhile; null = policy",
        refers="policies.policy",
        optional=True,
    ),
    column(
        "extends",
        TEXT,
        "the rollout with a shorter cap that this one continues; text and tokens include both. null = none",
        refers="rollouts.id",
        optional=True,
    ),
    column("tokens_before", INT, "how many of its tokens belong to the rollout that it continues; null = none"),
    made_by=("score",),
    redrawn=True,
)
