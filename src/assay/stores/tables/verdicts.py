"""Verdicts on rollouts; grading again adds rows and changes none."""

from assay.stores.schema import FLOAT, TEXT, column, table

SCHEMA = table(
    column("rollout_id", TEXT, "rollouts.id", refers="rollouts.id"),
    column("label_id", TEXT, "labels.id", refers="labels.id"),
    column("verifier", TEXT, "the part that judged"),
    column("version", TEXT, "its version"),
    column("outcome", TEXT, "correct, wrong, unparsable, truncated, verifier_error"),
    column("reward", FLOAT, "1 = right in the binary case"),
    column("extracted", TEXT, "the final answer that was found"),
    column("reason", TEXT, "how the verdict was reached, or what went wrong"),
    column(
        "lenient",
        TEXT,
        "the lenient outcome, if it differs from the strict `outcome`; null = the same",
    ),
    made_by=("score",),
)
