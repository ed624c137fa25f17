"""Notes on problems that stay in the pool: a gold answer of an odd form, a benchmark problem with other numbers."""

from assay.stores.schema import TEXT, column, table

SCHEMA = table(
    column("key", TEXT, "stages.key of the stage that noticed it", refers="stages.key"),
    column("stage", TEXT, "ingest or clean"),
    column("reason", TEXT, "one word"),
    column("problem_id", TEXT, "problems.id", refers="problems.id"),
    column("detail", TEXT, "the other problem, the value, or the setting that would change it"),
    column("source", TEXT, "name of the source", refers="problems.source"),
    made_by=("ingest", "clean"),
)
