"""The content of a release, one row per problem."""

from assay.stores.schema import FLAG, FLOAT, INT, TEXT, column, table

SCHEMA = table(
    column("tag", TEXT, "tags.tag"),
    column("problem_id", TEXT, "problems.id", refers="problems.id"),
    column("label_id", TEXT, "labels.id", refers="labels.id"),
    column("side", TEXT, "train or held_out"),
    column("verifier", TEXT, "name@version of the verifier; null = not scored"),
    column("policy", TEXT, "rollouts.policy; null = not scored", refers="policies.policy", optional=True),
    column("n_correct", INT, "attempts graded correct; null = not scored"),
    column("n_wrong", INT, "attempts graded wrong"),
    column("n_truncated", INT, "attempts truncated by the cap"),
    column("n_error", INT, "attempts whose verifier or engine failed"),
    column("beta_a", FLOAT, "first parameter of the Beta posterior of the pass rate; null where the scorer has none"),
    column("beta_b", FLOAT, "its second parameter"),
    column("value", FLOAT, "the score"),
    column("kept", FLAG, "whether it was selected"),
    column("weight", FLOAT, "of the selection; 0 = dropped"),
    column("reason", TEXT, "why it was dropped; empty if kept"),
    made_by=("tag",),
)
