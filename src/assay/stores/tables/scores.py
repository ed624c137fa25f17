"""Difficulty of a problem for a policy, with its doubt."""

from assay.stores.schema import FLAG, FLOAT, INT, TEXT, column, table

SCHEMA = table(
    column("scoring", TEXT, "hash of scorer, settings, policy, sampler and verifier versions"),
    column("problem_id", TEXT, "problems.id", refers="problems.id"),
    column("scorer", TEXT, "the part that measured it"),
    column("policy", TEXT, "rollouts.policy", refers="policies.policy"),
    column("sampler", TEXT, "samplers.id", refers="samplers.id"),
    column("verifier", TEXT, "name@version that judged"),
    column("prior", TEXT, "id of the prior"),
    column("post_a", FLOAT, "first parameter of the Beta posterior; null where the scorer has none"),
    column("post_b", FLOAT, "its second parameter"),
    column("value", FLOAT, "for pass_rate: posterior mean in [0, 1], 1 = always solved"),
    column("low", FLOAT, "lower end of the interval"),
    column("high", FLOAT, "upper end of the interval"),
    column("correct", INT, "attempts judged right"),
    column("wrong", INT, "attempts judged wrong, unparsable ones included"),
    column("truncated", INT, "attempts cut by the cap, neither right nor wrong"),
    column("error", INT, "attempts whose verifier or engine failed"),
    column("direction", TEXT, "what more value means: easier or harder; null = easier"),
    column("censored", FLAG, "not solved within the budget of a search"),
    column(
        "disputed", FLAG, "right in no attempt strictly and in at least one leniently, so it is not hard; null = no"
    ),
    made_by=("score",),
)
