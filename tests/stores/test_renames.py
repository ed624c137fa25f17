"""Files that were written under earlier names of tables and columns are read, grown, folded, compacted and mended as the others."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from assay.core.errors import LakeError
from assay.core.identity import hash_file
from assay.stores.commits import manifest
from assay.stores.lake import Lake
from assay.stores.maintenance.compaction import compact, forget
from assay.stores.maintenance.fsck import fsck
from assay.stores.renames import NAMES, first_names, generation_of, old_name_hint, present_name, renamed_columns
from assay.stores.schema import INT, TEXT, column, table

AddTable = Callable[..., None]
SOURCE = column("source", TEXT, "problems.source", refers="problems.source")
GRADES = table(SOURCE, column("mark", INT, "from 1"), made_by=("score",))
MARKS = table(SOURCE, column("grade", INT, "from 1", was="mark"), made_by=("score",), was="grades")
READ = "SELECT id, grade FROM marks ORDER BY id"


def under_old_names(root: Path) -> None:
    """Makes the entries of a lake those of a version that knew no generations: their files say nothing of it, and they name no parents."""
    for path in sorted((root / "manifest").glob("*.json")):
        entry = manifest.read_entry(root, path.stem)
        path.unlink()
        manifest.write_entry(
            root, replace(entry, parents=(), files=tuple(replace(file, names=1) for file in entry.files))
        )


@pytest.fixture
def old(tmp_path: Path, added: AddTable) -> Path:
    """A lake of two commits, whose table and column have been renamed since."""
    added("grades", GRADES)
    with Lake(tmp_path / "lake") as lake:
        lake.append({"grades": [{"id": "a", "source": "s", "mark": 1}], "problems": [{"id": "p", "source": "s"}]})
        lake.append({"grades": [{"id": "b", "source": "t", "mark": 2}]})
    under_old_names(tmp_path / "lake")
    added("marks", MARKS, instead="grades")
    return tmp_path / "lake"


def test_names_lead_to_the_present_ones(old: Path) -> None:
    assert [present_name(name) for name in ("grades", "marks", "points")] == ["marks", "marks", ""]
    assert renamed_columns("marks", 1) == (("mark", "grade"),)
    assert renamed_columns("marks", NAMES) == ()
    assert (generation_of("marks", ["id", "mark"]), generation_of("marks", ["id", "grade"])) == (1, NAMES)
    assert first_names("marks", {"id": "a", "grade": 1}) == {"id": "a", "mark": 1}
    assert old_name_hint("Table with name grades does not exist") == "; grades is marks now"


def test_old_and_new_files_answer_together(old: Path) -> None:
    with Lake(old) as lake:
        assert lake.rows(READ) == [{"id": "a", "grade": 1}, {"id": "b", "grade": 2}]
        assert lake.append({"marks": [{"id": "b", "grade": 2}, {"id": "c", "source": "t", "grade": 3}]}) == 1
        assert [row["grade"] for row in lake.rows(READ)] == [1, 2, 3]
        assert lake.ask("SELECT sum(grade)::BIGINT AS n FROM marks").to_pylist() == [{"n": 6}]
        assert [path.split("/")[-2] for path in lake.files()["marks"]] == ["grades", "grades", "marks"]
        with pytest.raises(LakeError, match="grades is marks now"):
            lake.rows("SELECT * FROM grades")
    assert fsck(old) == []


def test_a_row_that_was_written_under_both_names_at_once_is_there_once(old: Path) -> None:
    with Lake(old) as one, Lake(old) as two:
        rows = {"marks": one._typed("marks", [{"id": "c", "grade": 3}], "r")}
        two._refresh()
        one.commit(rows, "one")
        two.commit(rows, "two")
        last = max((old / "manifest").glob("*.json"))
        entry = manifest.read_entry(old, last.stem)
        (file,) = entry.files
        pq.write_table(pq.read_table(old / file.path).rename_columns({"grade": "mark"}), old / file.path)
        again = manifest.File("marks", file.path, 1, (old / file.path).stat().st_size, hash_file(old / file.path), 1)
        last.unlink()
        manifest.write_entry(old, replace(entry, files=(again,)))
    with Lake(old) as lake:
        assert lake.has_duplicates()
        assert [row["grade"] for row in lake.rows(READ)] == [1, 2, 3]
        compact(lake, keep_s=0)
        assert not lake.has_duplicates()
        assert [row["grade"] for row in lake.rows(READ)] == [1, 2, 3]


def test_compaction_and_forgetting_write_the_present_names(old: Path) -> None:
    with Lake(old) as lake:
        forget(lake, "source", "s", keep_s=0)
        assert lake.rows(READ) == [{"id": "b", "grade": 2}]
        lake.append({"marks": [{"id": "c", "grade": 3}]})
        compact(lake, keep_s=0)
        (file,) = [file for entry in lake.entries() for file in entry.files if file.table == "marks"]
        assert (file.names, file.rows, file.path.split("/")[1]) == (NAMES, 2, "marks")
        assert pq.read_schema(old / file.path).names == MARKS.names
        assert not list((old / "tables" / "grades").glob("*.parquet"))
    assert fsck(old) == []


def test_a_lost_manifest_is_entered_again_with_the_names_that_its_files_bear(old: Path) -> None:
    with Lake(old) as lake:
        lake.append({"marks": [{"id": "c", "source": "t", "grade": 3}]})
    shutil.rmtree(old / "manifest")
    assert [finding.kind for finding in fsck(old)] == ["manifest"]
    with Lake(old) as lake:
        assert [row["grade"] for row in lake.rows(READ)] == [1, 2, 3]
    assert fsck(old) == []


def test_damage_and_rests_in_an_old_folder_are_found_under_the_present_name(old: Path) -> None:
    victim, whole = sorted((old / "tables" / "grades").glob("*.parquet"))
    rest = whole.with_name(f"{manifest.new_name()}.parquet")
    shutil.copy(whole, rest)
    victim.write_bytes(victim.read_bytes()[:-7])
    found = fsck(old)
    assert [(each.kind, each.table) for each in found] == [("broken", "marks"), ("left_over", "")]
    with Lake(old) as lake:
        assert [row["grade"] for row in lake.rows(READ)] == [2]
        assert forget(lake, "source", "t", keep_s=0).rests == 1
    assert not rest.exists()
