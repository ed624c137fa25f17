"""`lakes/format3.zip`, written before tables and columns got the names that they have now, reads, grows, compacts and is verified as any other.

The names are looked up, so that the test says the same whatever they are now.
"""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from assay.stores.lake import Lake
from assay.stores.maintenance.compaction import compact, forget
from assay.stores.maintenance.fsck import fsck
from assay.stores.renames import first_names, present_name

LAKES = Path(__file__).with_name("lakes")
TABLES = (
    "samplers",
    "texts",
    "lessons",
    "train_log",
    "members",
    "scores",
    "searches",
    "selections",
    "clusters",
)
SCORE = {
    "scoring": "s", "problem_id": "a", "correct": 1, "wrong": 2, "truncated": 3, "error": 4, "post_a": 1.5, "post_b": 2.5,
}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    with zipfile.ZipFile(LAKES / "format3.zip") as archive:
        archive.extractall(tmp_path / "lake")
    return tmp_path / "lake"


def rows(lake: Lake, table: str) -> list[dict[str, Any]]:
    """All rows of a table by any name that it has had, under the names that its columns had at first."""
    name = present_name(table)
    return [first_names(name, row) for row in lake.rows(f'SELECT * FROM "{name}" ORDER BY id')]


def test_every_table_and_column_is_read(root: Path) -> None:
    with Lake(root, create=False) as lake:
        assert {table: len(rows(lake, table)) for table in TABLES} == dict.fromkeys(TABLES, 1) | {"texts": 6}
        (score,) = rows(lake, "scores")
        assert {name: score[name] for name in SCORE} == SCORE
        assert [rows(lake, table)[0]["scoring"] for table in ("scores", "searches")] == ["s", "s"]
        assert [rows(lake, table)[0][f"{table[:-1]}"] for table in ("selections",)] == ["k"]
        assert (rows(lake, "clusters")[0]["clustering"], rows(lake, "lessons")[0]["curriculum"]) == ("k", "k")


def test_it_grows_and_is_written_anew_by_compaction_alone(root: Path) -> None:
    before = sorted(path for path in root.glob("tables/*/*.parquet"))
    with Lake(root) as lake:
        present = present_name("scores")
        name = {old: new for new, old in zip(lake.rows(f"SELECT * FROM {present}")[0], rows(lake, "scores")[0])}
        lake.append({present: [{"id": "0", name["scoring"]: "s", name["correct"]: 9}]})
        assert [row["correct"] for row in rows(lake, "scores")] == [9, 1]
        assert set(before) <= set(root.glob("tables/*/*.parquet"))
        compact(lake, keep_s=0)
        assert [row["correct"] for row in rows(lake, "scores")] == [9, 1]
        assert len(rows(lake, "texts")) == 6
        forget(lake, "policy", "rev", keep_s=0)
        assert [len(rows(lake, table)) for table in ("texts", "train_log", "scores")] == [0, 0, 1]
    assert [finding.kind for finding in fsck(root) if finding.harm] == []


def test_a_table_that_nothing_wrote_is_left_where_it_is(root: Path) -> None:
    (path,) = root.glob("tables/curriculum_state/*.parquet")
    entry = json.loads(max(root.glob("manifest/*.json")).read_text())
    assert "curriculum_state" in {file["table"] for file in entry["files"]}
    with Lake(root) as lake:
        assert "curriculum_state" not in lake.files()
        compact(lake, keep_s=0)
    assert path.exists()
    found = fsck(root)
    assert [(finding.kind, finding.path) for finding in found] == [("foreign", str(path.relative_to(root)))]
