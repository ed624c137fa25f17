"""What was removed on request: how much, why and when, never the rows themselves."""

from assay.stores.schema import FLOAT, INT, RUNS, TEXT, column, table

SCHEMA = table(
    column("table", TEXT, "table of the removed rows"),
    column("what", TEXT, "policy, source or lost; lost = the rows that they referred to were in a damaged file"),
    column("value", TEXT, "the policy's revision or name, the source's name, the file"),
    column("rows", INT, "rows removed"),
    column("time", FLOAT, "seconds since 1970, UTC"),
    made_by=RUNS,
    forget="keep",
)
