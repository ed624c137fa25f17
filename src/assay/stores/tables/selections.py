"""Each problem of a pool: kept with its weight, or dropped with its reason."""

from assay.stores.schema import FLAG, FLOAT, TEXT, column, table

SCHEMA = table(
    column("selection_id", TEXT, "stages.key of the select stage", refers="stages.key", was="selection"),
    column("problem_id", TEXT, "problems.id", refers="problems.id"),
    column("kept", FLAG, "whether it was selected"),
    column("weight", FLOAT, "1 = unchanged; 0 = dropped"),
    column("reason", TEXT, "why it was dropped; empty if kept"),
    made_by=("select",),
)
