"""Metrics of training, one row per step and metric."""

from assay.stores.schema import FLOAT, INT, TEXT, column, table

SCHEMA = table(
    column("training", TEXT, "stages.key of the train stage", refers="stages.key"),
    column("step", INT, "optimiser step, from 0"),
    column("name", TEXT, "loss, reward, learning_rate, ..."),
    column("value", FLOAT, "null if it was not a number"),
    column(
        "policy",
        TEXT,
        "rollouts.policy of the weights at the start of the step; null in older files",
        refers="policies.policy",
        optional=True,
    ),
    made_by=("train", "sft", "dpo", "kto"),
    was="train_log",
)
