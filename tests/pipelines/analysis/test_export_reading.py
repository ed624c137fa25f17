"""What an export writes, read in parts, is what it writes as a whole."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from assay.pipelines.analysis import export as exporting
from assay.pipelines.analysis.export import export
from assay.pipelines.context.run import RunContext

pytest.importorskip("faiss")
Made = Callable[..., RunContext]


@pytest.fixture
def ready(kept: Made) -> RunContext:
    """A finished lake, whose curriculum walks 10 problems twice."""
    return kept(order={"curriculum": "easy_to_hard", "epochs": 2})


def test_rows_in_parts_are_the_rows_of_the_whole_for_every_export_and_ending(
    ready: RunContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("jsonl", "trl", "verl", "verifiers", "hub"):
        answers = {}
        for size in (7, 10_000):
            monkeypatch.setattr(exporting, "ROWS", size)
            done = export(ready, name, tmp_path / f"{name}{size}", filtered=True)
            files = sorted((tmp_path / f"{name}{size}").rglob("*.parquet")) or sorted(
                (tmp_path / f"{name}{size}").rglob("*.jsonl")
            )
            tables = [
                [json.loads(line) for line in file.read_text().splitlines()]
                if file.suffix == ".jsonl"
                else pq.read_table(file)
                for file in files
            ]
            assert [file.stem for file in files] == ["filtered", "train"]
            assert [len(table) for table in tables] == [done["filtered"], done["rows"]]
            answers[size] = tables
        assert answers[7] == answers[10_000], name


def test_a_phase_of_two_epochs_is_walked_twice_and_places_go_on(ready: RunContext, tmp_path: Path) -> None:
    export(ready, "jsonl", tmp_path / "out")
    lines = [json.loads(line) for line in (tmp_path / "out" / "train.jsonl").read_text().splitlines()]
    assert [line["place"] for line in lines] == list(range(20))
    ids = [line["assay_id"] for line in lines]
    assert ids[:10] == ids[10:]
    order = ready.lake.query("SELECT problem_id FROM curriculum ORDER BY lesson, position")["problem_id"].to_pylist()
    assert ids[:10] == order


@pytest.mark.service
def test_a_process_that_exports_beside_torch_ends_without_a_list_of_leaks() -> None:
    pytest.importorskip("torch")
    code = """
import torch
from assay.pipelines.analysis.export import export
from assay.stores.sql.database import trunk
trunk().cursor().execute("SELECT 1").fetchall()
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
