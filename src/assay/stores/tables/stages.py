"""The ledger of finished work: a stage is done for a key when its row exists; one commit writes it and its results."""

from assay.stores.schema import FLOAT, INT, RUNS, TEXT, column, table

SCHEMA = table(
    column(
        "stage",
        TEXT,
        "the stage's name, as of its command (`score` also of a worker's chunk); "
        "asked = a chunk that a planner has posted; of a loop: curate, refresh, round",
    ),
    column("key", TEXT, "hash of everything that the result depends on"),
    column("rows_in", INT, "rows that came in"),
    column("rows_out", INT, "rows that went on"),
    column("detail", TEXT, "JSON: counts by reason, device, and the like; of asked, attempts by problem"),
    column("seconds", FLOAT, "wall time of the stage in the run that finished it"),
    made_by=RUNS,
    forget="keep",
)
