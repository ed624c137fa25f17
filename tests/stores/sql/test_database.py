"""Tests that queries hold a bounded part of their data in memory."""

import pytest

from assay.core.errors import ConfigError
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
