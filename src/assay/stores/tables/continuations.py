"""What a policy wrote after the given beginning of an answer, for a tree search; no evidence for a pass rate."""

from assay.stores.schema import INT, TEXT, column, table

SCHEMA = table(
    column("problem_id", TEXT, "problems.id", refers="problems.id"),
    column("policy", TEXT, "revision of the weights that sampled it", refers="policies.policy"),
    column("policy_name", TEXT, "readable name of that revision", refers="policies.name"),
    column("sampler", TEXT, "sampling_configs.id", refers="sampling_configs.id"),
    column("sample", INT, "index among the continuations of one beginning"),
    column("seed", INT, "recorded, not part of the id; -1 = none was given"),
    column("begun", INT, "characters of the given beginning"),
    column("text", TEXT, "the generated text, including the delimiter that ended it"),
    column("tokens", INT, "generated tokens"),
    column("prompt_tokens", INT, "tokens of the prompt and of the given beginning of the answer"),
    column(
        "ended", TEXT, "open: more may follow; closed: the policy ended its answer; cut: by a cap or a full context"
    ),
    column("engine", TEXT, "backend that ran the policy"),
    made_by=("score",),
)
