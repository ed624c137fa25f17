"""The pictures of problems, as files: once per source, however many of its problems show them."""

from assay.stores.schema import BYTES, INT, TEXT, column, table

SCHEMA = table(
    column("sha256", TEXT, "SHA-256 of the bytes: an element of problems.media"),
    column("source", TEXT, "name of the source that brought it", refers="problems.source"),
    column("media_type", TEXT, "image/png, image/jpeg, image/gif or image/webp, told by its first bytes"),
    column("width", INT, "in pixels, as its header says"),
    column("height", INT, "in pixels"),
    column("size", INT, "length of the file in bytes"),
    column("data", BYTES, "the file as the source holds it"),
    made_by=("ingest",),
)
