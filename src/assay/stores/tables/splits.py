"""Held-out problems, drawn before any score existed; a group of duplicates stays on one side."""

from assay.stores.schema import TEXT, column, table

SCHEMA = table(
    column("split", TEXT, "hash of the seed and of how many are held out"),
    column("problem_id", TEXT, "problems.id", refers="problems.id"),
    column("side", TEXT, "train or held_out"),
    column("duplicates", TEXT, "hash of the normal form; equal for duplicates"),
    made_by=("split",),
)
