"""Tests that appends to a large table find what is stored, without reading stored ids."""

import numpy as np
import pytest

from assay.stores.commits.known_ids import KnownIds
from assay.stores.lake import Lake
from assay.stores.maintenance.compaction import compact
from assay.stores.sql import views


def labels(*names):
    return {
        "labels": [
            {"id": name, "problem_id": "p", "answer": "1", "verifier": "math", "origin": "gold"} for name in names
        ]
    }


def test_every_id_that_was_added_is_found_and_no_run_is_short():
    known, rng = KnownIds(), np.random.default_rng(0)
    added = [rng.integers(0, 2**64, size, dtype=np.uint64) for size in (5, 1, 300, 0, 2, 7, 7, 1000)]
    for hashes in added:
        known.add(hashes)
    assert known.may_hold(np.concatenate(added)).all()
    assert not known.may_hold(rng.integers(0, 2**64, 100, dtype=np.uint64)).any()
    assert len(known.runs) <= 3


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr("assay.stores.lake.FROM_ROWS", 2)


def ids(lake):
    return sorted(row["id"] for row in lake.rows("SELECT id FROM labels"))


def test_appends_add_each_row_once_whoever_wrote_it_and_whatever_was_compacted(small, tmp_path):
    with Lake(tmp_path / "lake") as lake, Lake(tmp_path / "lake") as other:
        assert lake.append(labels("a", "b", "c")) == 3
        assert lake.append(labels("c", "d")) == 1
        assert lake.append(labels("d", "e", "e")) == 1
        assert other.append(labels("e", "f")) == 1
        assert lake.append(labels("f", "g")) == 1
        compact(other, keep_s=0)
        assert lake.append(labels("a", "g", "h")) == 1
        assert lake.ids("labels", ["a", "h", "z"]) == {"a", "h"}
        assert ids(lake) == list("abcdefgh")


def test_two_ids_with_one_hash_are_two_rows(small, tmp_path, monkeypatch):
    with Lake(tmp_path / "lake") as lake:
        for name in "abc":
            lake.append(labels(name, f"{name}{name}"))
        monkeypatch.setattr(KnownIds, "may_hold", lambda self, hashes: np.ones(len(hashes), np.bool_))
        assert lake.append(labels("a", "new")) == 1


def test_an_append_to_a_large_table_reads_no_stored_id(small, tmp_path, monkeypatch):
    with Lake(tmp_path / "lake") as lake:
        for name in "abcd":
            lake.append(labels(name, f"{name}{name}"))
        asked, run = [], views.run
        monkeypatch.setattr(
            views, "run", lambda connection, sql, *more: asked.append(sql) or run(connection, sql, *more)
        )
        assert lake.append(labels("e")) == 1
        assert asked
        assert not any("SEMI JOIN" in sql for sql in asked)
