"""Which problems and labels each reading of a source yielded."""

from assay.stores.schema import TEXT, column, table

SCHEMA = table(
    column(
        "pool",
        TEXT,
        "hash of the source's settings and its files; for a label that the clean stage corrected, its stages.key",
    ),
    column("problem_id", TEXT, "problems.id", refers="problems.id"),
    column("label_id", TEXT, "labels.id", refers="labels.id"),
    made_by=("ingest", "clean"),
    was="members",
)
