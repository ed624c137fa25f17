"""Every dropped row, with its reason."""

from assay.stores.schema import INT, TEXT, column, table

SCHEMA = table(
    column("key", TEXT, "stages.key of the stage that dropped it", refers="stages.key"),
    column("stage", TEXT, "ingest or clean"),
    column("reason", TEXT, "one word"),
    column(
        "problem_id",
        TEXT,
        "problems.id; empty if the row never became a problem",
        refers="problems.id",
        optional=True,
    ),
    column("detail", TEXT, "the other row, the value or the error"),
    column("source", TEXT, "name of the source", refers="problems.source"),
    column("file", TEXT, "file of a malformed row"),
    column("line", INT, "line or row in that file, from 1; 0 = none"),
    made_by=("ingest", "clean"),
)
