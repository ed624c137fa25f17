"""Keys in sorted runs on disk: what is shared is the same however many rows a run holds."""

import os
import tempfile

import numpy as np
import pyarrow as pa
import pytest

from assay.pipelines.data import key_runs
from assay.pipelines.data.key_runs import KEYS, KeyRuns


def shared_of(hashes: list[int], several: set[int]) -> tuple[set[str], list[int]]:
    """The ids that share a hash, and the rows of each table."""
    keys = KeyRuns()
    for start in range(0, len(hashes), 8):
        rows = range(start, min(start + 8, len(hashes)))
        batch = [[str(row) for row in rows], [hashes[row] for row in rows], [row in several for row in rows]]
        keys.add(pa.record_batch(batch, schema=KEYS))
    tables = list(keys.shared())
    of_table = [set(table["hash"].to_pylist()) for table in tables]
    assert sum(map(len, of_table)) == len(set().union(*of_table)), "a hash lies in two tables"
    column = [value for table in tables for value in table["hash"].to_pylist()]
    assert column == sorted(column)
    return {id_ for table in tables for id_ in table["id"].to_pylist()}, [len(table) for table in tables]


@pytest.mark.parametrize("rows", [1, 10, 64, 1_000])
def test_runs_of_any_length_find_what_all_keys_at_once_find(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(key_runs, "RUN_ROWS", rows)
    hashes = np.random.default_rng(0).integers(-(2**62), 2**62, 300)
    hashes[200:260] = hashes[100:160]
    hashes[270:] = 7
    counts = {value: int((hashes == value).sum()) for value in hashes.tolist()}
    expected = {str(row) for row, value in enumerate(hashes.tolist()) if counts[value] > 1} | {"5"}
    ids, tables = shared_of(hashes.tolist(), {5})
    assert ids == expected
    assert (len(tables) > 3) == (rows < 100)


def test_a_run_on_disk_leaves_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: os.PathLike[str]) -> None:
    monkeypatch.setattr(key_runs, "RUN_ROWS", 10)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert shared_of(list(range(90)), set()) == (set(), [])
    assert os.listdir(tmp_path) == []


def test_no_keys_share_nothing() -> None:
    assert shared_of([], set()) == (set(), [])
