"""What was removed on request: how much, why and when, never the rows themselves."""

from assay.stores.schema import FLOAT, INT, RUNS, TEXT, column, table

SCHEMA = table(
    column("table", TEXT, "table that the rows lay in"),
    column("what", TEXT, "policy, source or lost; lost = a broken file took what they referred to"),
    column("value", TEXT, "the policy's revision or name, the source's name, the file"),
    column("rows", INT, "rows removed"),
    column("time", FLOAT, "seconds since 1970, UTC"),
    made_by=RUNS,
    forget="keep",
)
