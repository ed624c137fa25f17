"""Sampling configurations of policies: template, few-shot turns, temperature, cap."""

from assay.stores.schema import TEXT, column, table

SCHEMA = table(
    column("settings", TEXT, "JSON of every field; the id is its hash"),
    made_by=("score",),
    forget="keep",
    was="samplers",
)
