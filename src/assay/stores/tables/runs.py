"""Runs: one row when a run starts, one when it ends; a run without an end was killed."""

from assay.stores.schema import FLOAT, INT, RUNS, TEXT, column, table

SCHEMA = table(
    column("event", TEXT, "start or end"),
    column("command", TEXT, "the command, such as curate run"),
    column("plan", TEXT, "JSON of the whole config"),
    column(
        "versions", TEXT, "JSON: of this package, Python, the packages that matter, and the files of parts from outside"
    ),
    column("outcome", TEXT, "done, partly, failed; null at the start"),
    column("tokens", INT, "generated tokens"),
    column("samples", INT, "rollouts generated"),
    column("seconds", FLOAT, "wall time"),
    column(
        "policy",
        TEXT,
        "revision of the policy's weights; null where the command opened none",
        refers="policies.policy",
        optional=True,
    ),
    column("time", FLOAT, "seconds since 1970, UTC"),
    made_by=RUNS,
    forget="keep",
)
