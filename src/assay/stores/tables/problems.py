"""Questions as their authors wrote them, before any template."""

import pyarrow as pa

from assay.stores.schema import INT, TEXT, TURN, column, table

SCHEMA = table(
    column("messages", pa.list_(TURN), "chat turns; the id is the hash of messages and media"),
    column("media", pa.list_(TEXT), "SHA-256 of each attached file's bytes"),
    column("source", TEXT, "name of the source", refers="problems.source"),
    column("metadata", TEXT, "JSON: fields kept from the source, a generator's entry"),
    column("characters", INT, "length of all turns' contents"),
    made_by=("ingest",),
)
