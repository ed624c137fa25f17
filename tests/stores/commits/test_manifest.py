"""Entries are believed as far as their hashes go; lakes of formats 1 and 2 open, grow and are verified as they are."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import LakeError
from assay.stores.commits import manifest
from assay.stores.commits.sealing import read_sealed, seal_json
from assay.stores.lake import Lake
from assay.stores.maintenance.compaction import compact, forget
from assay.stores.maintenance.fsck import fsck

Rows = Callable[..., dict[str, list[dict[str, Any]]]]
LAKES = Path(__file__).with_name("lakes")
RATES = "SELECT problem_id, n_correct, n_wrong, n_truncated FROM pass_rates ORDER BY problem_id"
OLD_RATES = [
    {"problem_id": "a", "n_correct": 1, "n_wrong": 1, "n_truncated": 1},
    {"problem_id": "b", "n_correct": 2, "n_wrong": 1, "n_truncated": 0},
]


def unpacked(folder: Path, form: int) -> Path:
    with zipfile.ZipFile(LAKES / f"format{form}.zip") as archive:
        archive.extractall(folder / "lake")
    return folder / "lake"


@pytest.mark.parametrize("form", [1, 2])
def test_a_lake_of_an_older_format_is_read_verified_and_grows(tmp_path: Path, attempted: Rows, form: int) -> None:
    root = unpacked(tmp_path, form)
    mark = (root / "lake.json").read_bytes()
    old = sorted((root / "manifest").glob("*.json"))
    with Lake(root, create=False) as lake:
        assert lake.older_format == form
        assert lake.rows(RATES) == OLD_RATES
        assert lake.ask("SELECT count(*) AS n FROM completions").to_pylist() == [{"n": 6}]
    assert fsck(root) == []
    with Lake(root) as lake:
        lake.append(attempted("c", "cc"))
        assert lake.rows(RATES) == [*OLD_RATES, {"problem_id": "c", "n_correct": 2, "n_wrong": 0, "n_truncated": 0}]
    (new,) = set((root / "manifest").glob("*.json")) - set(old)
    tree, digest = read_sealed(new.read_bytes())
    assert (tree["format"], len(digest)) == (3, 64)
    assert [name for name, _ in tree["parents"]] == [path.stem for path in old]
    assert (root / "lake.json").read_bytes() == mark
    assert fsck(root) == []


@pytest.mark.parametrize("form", [1, 2])
def test_a_lake_of_an_older_format_is_compacted_and_forgets(tmp_path: Path, attempted: Rows, form: int) -> None:
    root = unpacked(tmp_path, form)
    with Lake(root) as lake:
        lake.append(attempted("c", "cc", policy="other"))
        forget(lake, "policy", "other")
        assert lake.rows(RATES) == OLD_RATES
        compact(lake, keep_s=0)
        assert lake.rows(RATES) == OLD_RATES
        assert {row["policy_last"] for row in lake.rows("SELECT policy_last FROM rollouts")} == {None}
    assert fsck(root) == []


@pytest.mark.parametrize("form", [1, 2])
def test_an_old_entry_that_changes_after_a_new_one_has_seen_it_is_told(
    tmp_path: Path, attempted: Rows, form: int
) -> None:
    root = unpacked(tmp_path, form)
    with Lake(root) as lake:
        lake.append(attempted("c", "cc"))
    entry = sorted((root / "manifest").glob("*.json"))[1]
    entry.write_text(entry.read_text().replace('"run":"r1"', '"run":"r7"'))
    with Lake(root) as lake, pytest.raises(LakeError, match="differs from what later entries saw; `curate lake fsck"):
        lake.rows(RATES)
    assert [finding.kind for finding in fsck(root)] == ["entry"]
    with Lake(root) as lake:
        assert lake.rows(RATES)[:2] == OLD_RATES


def test_an_old_entry_whose_hash_is_wrong_by_a_bit_takes_no_whole_file_down(tmp_path: Path) -> None:
    root = unpacked(tmp_path, 2)
    entry = sorted((root / "manifest").glob("*.json"))[1]
    tree = json.loads(entry.read_text())
    digest = tree["files"][0]["sha256"]
    tree["files"][0]["sha256"] = ("1" if digest[0] == "0" else "0") + digest[1:]
    tree["files"][1]["bytes"] += 1
    entry.write_text(json.dumps(tree))
    assert {finding.kind for finding in fsck(root)} == {"entry"}
    with Lake(root) as lake:
        assert lake.rows(RATES) == OLD_RATES
    assert [path.suffix for path in (root / "quarantine").rglob("*") if path.is_file()] == [".json"]
    assert fsck(root) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"table":"rollouts"', '"table":"rollouus"'),
        ('"rows":3', '"rows":2'),
        ('"format":3', '"format":2'),
        ('"seal":"', '"sealing":"'),
        ('"run":"', '"run":"x'),
    ],
)
def test_a_changed_entry_is_refused_by_every_read(tmp_path: Path, attempted: Rows, old: str, new: str) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append(attempted("a", "cwt"))
    (entry,) = (tmp_path / "lake" / "manifest").glob("*.json")
    text = entry.read_text()
    assert old in text
    entry.write_text(text.replace(old, new))
    with (
        Lake(tmp_path / "lake") as lake,
        pytest.raises(LakeError, match=r"cannot be read: .*; `curate lake fsck` sets it aside"),
    ):
        lake.rows(RATES)
    assert [finding.kind for finding in fsck(tmp_path / "lake")] == ["entry"]
    with Lake(tmp_path / "lake") as lake:
        assert lake.rows("SELECT count(*) AS n FROM rollouts") == [{"n": 3}]


def test_a_table_that_only_a_newer_version_knows_is_named_and_nothing_is_set_aside(
    tmp_path: Path, attempted: Rows
) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append(attempted("a", "cwt"))
    (entry,) = (tmp_path / "lake" / "manifest").glob("*.json")
    tree, _ = read_sealed(entry.read_bytes())
    tree["files"][0] |= {"table": "dreams", "path": tree["files"][0]["path"].replace("rollouts", "dreams")}
    entry.write_bytes(seal_json(tree))
    with (
        Lake(tmp_path / "lake") as lake,
        pytest.raises(LakeError, match="table 'dreams', which this version does not know: upgrade"),
    ):
        lake.rows(RATES)
    with pytest.raises(LakeError, match="upgrade"):
        fsck(tmp_path / "lake")
    assert entry.exists()


@pytest.mark.parametrize("path", ["../mine.txt", "tables/../../mine.txt", "tables/rollouts/../../../mine.txt", "{}"])
def test_no_file_outside_the_lake_is_read_moved_or_removed_on_an_entrys_word(
    tmp_path: Path, attempted: Rows, path: str
) -> None:
    (mine := tmp_path / "mine.txt").write_text("mine")
    with Lake(tmp_path / "lake") as lake:
        lake.append(attempted("a", "cwt"))
    file = manifest.File("rollouts", path.format(mine), 1, 4, hashlib.sha256(b"mine").hexdigest())
    manifest.write_entry(tmp_path / "lake", manifest.Entry(manifest.new_name(), "r", manifest.FORMAT, (file,)))
    with Lake(tmp_path / "lake") as lake, pytest.raises(LakeError, match="cannot be read: table 'rollouts' at"):
        compact(lake, keep_s=0)
    assert [finding.kind for finding in fsck(tmp_path / "lake", drop=True)] == ["entry"]
    assert mine.read_text() == "mine"
    with Lake(tmp_path / "lake") as lake:
        assert lake.rows("SELECT count(*) AS n FROM rollouts") == [{"n": 3}]


def test_an_entry_names_what_it_saw_and_only_what_nobody_had_named(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as one, Lake(tmp_path / "lake") as two:
        one.append(attempted("a", "c"))
        two.entries()
        one.append(attempted("b", "c"))
        two.commit({"labels": two._typed("labels", [{"id": "l"}], "")}, "")  # without having seen b
        one.entries()
        one.append(attempted("d", "c"))
        first, second, side, last = one.entries()
    assert [[name for name, _ in entry.parents] for entry in (first, second, side, last)] == [
        [],
        [first.name],
        [first.name],
        [second.name, side.name],
    ]
    assert dict(last.parents)[second.name] == second.sha256[: manifest.PARENT_DIGITS]
