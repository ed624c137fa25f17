"""Unit vectors of problems."""

import pyarrow as pa

from assay.stores.schema import INT, TEXT, column, table

SCHEMA = table(
    column("problem_id", TEXT, "problems.id", refers="problems.id"),
    column("encoder", TEXT, "revision of the encoder"),
    column("dim", INT, "length of the vector"),
    column("vector", pa.list_(pa.float32()), "norm 1"),
    made_by=("embed",),
)
