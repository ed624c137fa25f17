"""The cluster of each problem under one clustering."""

from assay.stores.schema import FLOAT, INT, TEXT, column, table

SCHEMA = table(
    column("clustering_id", TEXT, "stages.key of the embed stage", refers="stages.key", was="clustering"),
    column("problem_id", TEXT, "problems.id", refers="problems.id"),
    column("cluster", INT, "from 0"),
    column("similarity", FLOAT, "cosine to the cluster's centre, in [-1, 1]"),
    made_by=("embed",),
)
