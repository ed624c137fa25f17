"""Policy revisions of training steps that were repeated after a kill; their rollouts stay and no longer count."""

from assay.stores.schema import TEXT, column, table

SCHEMA = table(
    column("policy", TEXT, "rollouts.policy; a later attempt at its step took its place", refers="policies.policy"),
    column("training", TEXT, "stages.key of the train stage", refers="stages.key"),
    made_by=("train", "sft", "dpo", "kto"),
)
