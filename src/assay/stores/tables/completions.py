"""The texts of attempts, one row per rollout."""

import pyarrow as pa

from assay.stores.schema import TEXT, column, table

SCHEMA = table(
    column("text", TEXT, "the completion; the id is the rollout's"),
    column("logprobs", pa.list_(pa.float32()), "natural log, one per generated token; null where the engine gave none"),
    column(
        "token_ids",
        pa.list_(pa.int32()),
        "of an attempt that the cap cut, so that it can be continued exactly; null where it ended, or the engine gave "
        "none",
    ),
    made_by=("score",),
    id_refers="rollouts.id",
    was="texts",
)
