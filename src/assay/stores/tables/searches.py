"""Tree searches: one row per problem and search, with its cost and whether it solved the problem."""

from assay.stores.schema import FLAG, INT, TEXT, column, table

SCHEMA = table(
    column(
        "scoring_id",
        TEXT,
        "hash of scorer, settings, policy, sampler and verifier versions, as in scores",
        was="scoring",
    ),
    column("problem_id", TEXT, "problems.id", refers="problems.id"),
    column("policy", TEXT, "rollouts.policy", refers="policies.policy"),
    column("sampler", TEXT, "sampling_configs.id", refers="sampling_configs.id"),
    column("settings", TEXT, "JSON of the search's settings"),
    column("seed", INT, "of the search"),
    column("iterations", INT, "selections made"),
    column("solved_at", INT, "iteration of the first correct answer, from 1; null = not within the budget"),
    column("censored", FLAG, "the budget ended before a correct answer"),
    column("tokens", INT, "generated tokens of the whole tree"),
    made_by=("score",),
)
