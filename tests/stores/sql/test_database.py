"""Tests that queries hold a bounded part of their data in memory."""

import pytest

from assay.core.errors import ConfigError, LakeError
from assay.stores.sql import database as databases
from assay.stores.sql import views
from assay.stores.sql.database import MEMORY, memory_gib, open_database


def test_a_sort_that_memory_does_not_hold_goes_on_in_files(monkeypatch, tmp_path):
    monkeypatch.setenv(MEMORY, "0.02")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with open_database(":memory:") as database:
        database.execute("SET threads = 1")
        rows = database.sql("SELECT hash(range)::VARCHAR AS text FROM range(1_000_000) ORDER BY text")
        batches = rows.to_arrow_reader(100_000)
        assert len(next(batches))
        assert list(tmp_path.glob("assay-sql-*"))


@pytest.mark.parametrize("given", ["much", "0", "-1", "nan", "inf"])
def test_an_amount_of_memory_that_is_none_is_refused_with_its_name(monkeypatch, given):
    monkeypatch.setenv(MEMORY, given)
    with pytest.raises(ConfigError, match=f"{MEMORY} = '{given}'"):
        memory_gib()


def test_queries_have_half_a_gib_or_more_unless_the_environment_says_otherwise(monkeypatch):
    monkeypatch.delenv(MEMORY, raising=False)
    assert memory_gib() >= 0.5
    monkeypatch.setenv(MEMORY, "2.5")
    assert memory_gib() == 2.5


WIDE = "SELECT string_agg(hash(range)::VARCHAR, ',') AS text FROM range(2_000_000)"  # a text of 38 MB, in no file


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.delenv(MEMORY, raising=False)
    monkeypatch.setattr(databases, "MEMORY_GIB", 0.02)
    monkeypatch.setattr(databases, "THREAD_GIB", 0)
    with open_database(":memory:") as database:
        yield database


def test_a_query_that_fits_into_no_file_gets_more_memory_at_once_and_in_batches(narrow):
    assert len(views.run(narrow, WIDE)["text"][0].as_py()) > 2e7
    narrow.execute("SET memory_limit = '20 MiB'")
    assert sum(batch.num_rows for batch in views.stream(narrow, WIDE)) == 1


def test_memory_that_the_environment_gives_is_not_exceeded_and_the_error_names_it(narrow, monkeypatch):
    monkeypatch.setenv(MEMORY, "0.02")
    for ask in (lambda: views.run(narrow, WIDE), lambda: list(views.stream(narrow, WIDE))):
        with pytest.raises(LakeError, match=f"Out of Memory.*{MEMORY} gives queries more memory"):
            ask()


def test_memory_is_limited_for_a_time_unless_the_environment_says_how_much_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def limit() -> str:
        return str(databases.trunk().execute("SELECT current_setting('memory_limit')").fetchall()[0][0])

    monkeypatch.delenv(databases.MEMORY, raising=False)
    before = limit()
    with databases.limited_memory(0.0625):
        assert limit() not in (before, "")
        assert limit().startswith("6")
    assert limit() == before
    monkeypatch.setenv(databases.MEMORY, "1")
    with databases.limited_memory(0.0625):
        assert limit() == before
