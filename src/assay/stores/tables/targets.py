"""Which answer of which problem to imitate, and by what rule it was chosen."""

from assay.stores.schema import FLOAT, INT, TEXT, column, table

SCHEMA = table(
    column("targeting", TEXT, "stages.key, or hash of the rule, its settings and its evidence"),
    column("problem_id", TEXT, "problems.id", refers="problems.id"),
    column(
        "rollout_id",
        TEXT,
        "rollouts.id of the answer; null where a label is the target",
        refers="rollouts.id",
        optional=True,
    ),
    column(
        "label_id",
        TEXT,
        "labels.id of the answer; null where a rollout is the target",
        refers="labels.id",
        optional=True,
    ),
    column("rule", TEXT, "the rule that chose it"),
    column("tier", INT, "order of preference, 0 = first"),
    column("wanted", INT, "answers that the rule asks for this problem; null = no number"),
    column("weight", FLOAT, "1 = as it is"),
    made_by=("synthesis",),
    restored=False,
)
