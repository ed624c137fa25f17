"""Every table's schema says what each column means."""

from assay.stores.schema import sql_type
from assay.stores.tables import schemas


def test_every_table_starts_with_its_id_and_ends_with_its_run() -> None:
    for name, schema in schemas().items():
        assert (schema.names[0], schema.names[-1]) == ("id", "run"), name


def test_every_column_says_what_it_means() -> None:
    for name, schema in schemas().items():
        for field in schema:
            assert (field.metadata or {}).get(b"meaning"), f"{name}.{field.name}"
            assert sql_type(field.type)
