"""The curriculum, one row per position."""

from assay.stores.schema import INT, TEXT, column, table

SCHEMA = table(
    column("curriculum_id", TEXT, "stages.key of the order stage", refers="stages.key", was="curriculum"),
    column("lesson", INT, "from 0"),
    column("position", INT, "place in the lesson, from 0"),
    column("passes", INT, "epochs over the lesson"),
    column("problem_id", TEXT, "problems.id", refers="problems.id"),
    made_by=("order",),
    was="lessons",
)
