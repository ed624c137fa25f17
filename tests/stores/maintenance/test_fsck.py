"""What is gone is named until it is back or taken note of; what fsck names as the way back is one; what stands in odd places is one line."""

import contextlib
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import LakeError
from assay.stores.commits import manifest
from assay.stores.lake import Lake
from assay.stores.maintenance.compaction import compact, forget
from assay.stores.maintenance.fsck import FEW, LakeFault, fsck

Rows = Callable[..., dict[str, list[dict[str, Any]]]]
ATTEMPTS = ("rollouts", "completions", "verdicts")


def count(root: Path, *tables: str) -> list[int]:
    with Lake(root, create=False) as lake:
        return [int(lake.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"]) for table in tables or ATTEMPTS]


@pytest.fixture
def root(tmp_path: Path, attempted: Rows) -> Path:
    """Three commits of three attempts each."""
    with Lake(tmp_path / "lake") as lake:
        for problem in "abc":
            lake.append(attempted(problem, "cwt"), run=f"run-{problem}")
    return tmp_path / "lake"


def entries(root: Path) -> list[Path]:
    return sorted((root / "manifest").glob("*.json"))


def kinds(found: list[LakeFault]) -> list[str]:
    return [finding.kind for finding in found]


@pytest.mark.parametrize("place", [0, 1])
def test_a_missing_entry_is_told_by_an_ordinary_read_and_entered_again(root: Path, place: int) -> None:
    gone = entries(root)[place]
    gone.unlink()
    with (
        Lake(root) as lake,
        pytest.raises(
            LakeError,
            match=rf"1 manifest entry \({gone.stem}\) is missing, but later entries name them; `curate lake fsck",
        ),
    ):
        lake.rows("SELECT * FROM rollouts")
    with Lake(root) as lake, pytest.raises(LakeError, match="is missing"):
        lake.append({"labels": [{"id": "x"}]})
    looked = fsck(root, repair=False)
    assert kinds(looked)[:1] == ["entry"]
    assert "entered again from its 3 files" in looked[0].said
    assert not gone.exists()
    assert kinds(fsck(root)) == ["entry"]
    assert count(root) == [9, 9, 9]
    assert fsck(root) == []


def test_an_entry_that_is_gone_with_its_files_is_named_until_somebody_takes_note(root: Path) -> None:
    gone = entries(root)[1]
    gone.unlink()
    for path in root.glob(f"tables/*/{gone.stem}*.parquet"):
        path.unlink()
    for _ in range(2):
        (found,) = (finding for finding in fsck(root) if finding.harm)
        assert (found.kind, found.path) == ("lost", f"manifest/{gone.name}")
        assert "fsck --drop" in found.said
        with Lake(root) as lake, pytest.raises(LakeError, match="is missing"):
            lake.rows("SELECT * FROM rollouts")
    assert kinds(fsck(root, drop=True)) == ["lost"]
    assert count(root) == [6, 6, 6]
    assert fsck(root) == []


def test_what_was_forgotten_stays_so_when_the_entry_that_forgot_it_is_damaged(root: Path, attempted: Rows) -> None:
    with Lake(root) as lake:
        lake.append(attempted("a", "cc", policy="bad"))
        forget(lake, "policy", "bad")
        lake.append(attempted("d", "c"))
    (stand_in,) = (path for path in entries(root) if manifest.stands_in(path.stem))
    whole = stand_in.read_bytes()
    for harm in (
        lambda: stand_in.unlink(),
        lambda: stand_in.write_bytes(whole[:-9]),
        lambda: shutil.rmtree(root / "manifest"),
    ):
        harm()
        found = fsck(root)
        assert kinds(found)[0] in ("entry", "manifest")
        assert stand_in.read_bytes() == whole
        with Lake(root) as lake:
            assert lake.rows("SELECT DISTINCT policy FROM rollouts") == [{"policy": "rev"}]
            assert count(root) == [10, 10, 10]
    assert [finding for finding in fsck(root) if finding.harm] == []


def test_a_stand_in_without_its_copy_brings_no_row_twice(root: Path) -> None:
    with Lake(root) as lake:
        compact(lake)
    (stand_in,) = (path for path in entries(root) if manifest.stands_in(path.stem))
    stand_in.write_bytes(b"")
    shutil.rmtree(root / "copies")
    (found,) = fsck(root)
    assert "run `curate lake delete` again" in found.said
    assert count(root) == [9, 9, 9]
    assert fsck(root) == []


def test_files_that_are_away_for_a_while_come_back_by_themselves(root: Path) -> None:
    away = root.parent / "away"
    away.mkdir()
    for table in ("completions", "rollouts"):
        (root / "tables" / table).rename(away / table)
    for _ in range(2):
        found = fsck(root)
        assert kinds(found) == ["missing"] * 6
        assert all("count again" in finding.said and finding.rows == 3 for finding in found)
    with Lake(root) as lake, pytest.raises(LakeError, match=r"No such file.*curate lake fsck"):
        lake.rows("SELECT * FROM rollouts")
    for table in ("completions", "rollouts"):
        (away / table).rename(root / "tables" / table)
    assert fsck(root) == []
    assert count(root) == [9, 9, 9]


def test_rows_of_missing_files_go_with_the_flag_alone(root: Path) -> None:
    min((root / "tables" / "rollouts").glob("*")).unlink()
    assert kinds(fsck(root)) == ["missing"]
    (found,) = fsck(root, drop=True)
    assert (found.kind, found.rows, found.restore) == ("missing", 3, "curate score CONFIG")
    assert count(root) == [6, 6, 6]
    assert fsck(root) == []


def test_many_damaged_files_are_set_aside_with_the_flag_alone(tmp_path: Path) -> None:
    root = tmp_path / "lake"
    with Lake(root) as lake:
        for number in range(FEW + 1):
            lake.append({"labels": [{"id": f"l{number}"}]})
    saved = tmp_path / "saved"
    shutil.copytree(root / "tables", saved)
    for path in (root / "tables" / "labels").glob("*"):
        path.write_bytes(b"")
    assert kinds(fsck(root)) == ["broken"] * (FEW + 1)
    assert not (root / "quarantine").exists()
    shutil.rmtree(root / "tables")
    shutil.copytree(saved, root / "tables")
    assert fsck(root) == []
    assert count(root, "labels") == [FEW + 1]
    for path in (root / "tables" / "labels").glob("*"):
        path.write_bytes(b"")
    assert kinds(fsck(root, drop=True)) == ["broken"] * (FEW + 1)
    assert count(root, "labels") == [0]


def test_lost_texts_are_named_every_time_until_their_attempts_go_too(root: Path) -> None:
    victim = min((root / "tables" / "completions").glob("*"))
    victim.write_bytes(victim.read_bytes()[:-1])
    (found,) = fsck(root)
    assert (found.kind, found.table, found.restore) == ("broken", "completions", "")
    assert "these texts cannot be restored" in found.said
    assert count(root) == [9, 6, 9]
    for _ in range(2):
        (found,) = fsck(root)
        assert (found.kind, found.rows, found.restore, found.harm) == ("textless", 3, "", True)
    (found,) = fsck(root, drop=True)
    assert (found.rows, found.restore) == (3, "curate score CONFIG")
    assert count(root) == [6, 6, 6]
    assert fsck(root) == []


@pytest.mark.parametrize("torn", [None, b"", b'{"format', b"{}", b"[]"])
def test_lake_json_is_written_again_from_the_manifest(root: Path, torn: bytes | None) -> None:
    mark = root / "lake.json"
    whole = mark.read_bytes()
    mark.unlink() if torn is None else mark.write_bytes(torn)
    with pytest.raises(LakeError, match=r"lake\.json.*`curate lake fsck --lake .*` writes it again from the manifest"):
        Lake(root)
    (looked,) = fsck_or_line(root, repair=False)
    assert looked.kind == "mark"
    (found,) = fsck(root)
    assert (found.kind, found.harm) == ("mark", True)
    assert mark.read_bytes() == whole
    assert count(root) == [9, 9, 9]


def fsck_or_line(root: Path, *, repair: bool) -> list[LakeFault]:
    return [finding for finding in fsck(root, repair=repair) if finding.harm]


def test_lake_json_whose_format_changed_by_a_bit_is_not_believed(root: Path) -> None:
    mark = root / "lake.json"
    mark.write_bytes(mark.read_bytes().replace(b'"format": 3', b'"format": 2').replace(b'"format":3', b'"format":2'))
    with pytest.raises(LakeError, match="the SHA-256 inside is not that of its bytes"):
        Lake(root)


def test_interval_ends_that_were_changed_are_not_believed(root: Path) -> None:
    import pyarrow.parquet as pq

    with Lake(root) as lake:
        lake.catalogue()
        before = lake.rows("SELECT low, high FROM pass_rates")
    path = root / "derived" / "intervals.parquet"
    table = pq.read_table(path)
    pq.write_table(
        table.set_column(3, table.schema.field(3), table["high"]), path
    )  # every lower end is the upper one, the hash that of before
    with Lake(root) as lake:
        assert lake.rows("SELECT low, high FROM pass_rates") == before
    assert kinds(fsck(root)) == ["derived"]
    assert fsck(root) == []


@pytest.mark.parametrize(
    "place",
    [
        "manifest/{entry}",
        "manifest/99999999999999999999-ffffffff.json",
        "lake.json",
        "tables/rollouts/{file}",
        "assay.duckdb",
    ],
)
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_pipe_or_a_folder_where_a_file_should_be_is_one_line_and_put_right(
    root: Path, place: str, make: Callable[[Path], None]
) -> None:
    path = root / place.format(entry=entries(root)[0].name, file=min((root / "tables" / "rollouts").glob("*")).name)
    path.unlink(missing_ok=True)
    make(path)
    with contextlib.suppress(LakeError), Lake(root) as lake:
        lake.has_moved()
        with pytest.raises(LakeError) if "rollouts" in place else contextlib.nullcontext() as refused:
            lake.rows("SELECT * FROM rollouts")
        assert refused is None or "\n" not in str(refused.value)
    assert fsck(root)
    assert count(root)[0] == (6 if "rollouts" in place else 9)


MISPLACED = {
    "a link to itself": lambda path: path.symlink_to(path),
    "a link to nowhere": lambda path: path.symlink_to("/nowhere/at/all"),
    "an endless device": lambda path: path.symlink_to("/dev/zero"),
    "a socket": lambda path: os.mknod(path, stat.S_IFSOCK | 0o600),
    "a folder": os.mkdir,
}


@pytest.mark.parametrize(
    "place", ["manifest/{entry}", "tables/rollouts/{file}", "derived/intervals.parquet", "lake.json"]
)
@pytest.mark.parametrize("make", MISPLACED.values(), ids=MISPLACED)
def test_links_and_sockets_where_a_file_should_be_are_put_right_and_no_command_raises(
    root: Path, place: str, make: Callable[[Path], None]
) -> None:
    path = root / place.format(entry=entries(root)[0].name, file=min((root / "tables" / "rollouts").glob("*")).name)
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    make(path)
    for work in (compact, lambda lake: lake.rows("SELECT * FROM rollouts")):
        with contextlib.suppress(LakeError), Lake(root, create=False) as lake:
            work(lake)
    assert all("\n" not in finding.said for finding in fsck(root))
    missing = "rollouts" in place and path.is_symlink() and "nowhere" in os.readlink(path)
    assert [finding.kind for finding in fsck(root) if finding.harm] == ["missing"] * missing
    if not missing:
        assert count(root)[0] == (6 if "rollouts" in place else 9)


@pytest.mark.parametrize(
    "place",
    ["manifest", "manifest/{entry}", "tables", "tables/completions", "tables/completions/{file}", "lake.json", "."],
)
def test_what_may_not_be_read_is_one_line_and_nothing_is_moved(root: Path, place: str) -> None:
    path = root / place.format(entry=entries(root)[0].name, file=min((root / "tables" / "completions").glob("*")).name)
    before = committed(root)
    open_to_all = [root, *root.parents]
    modes = {each: each.stat().st_mode for each in open_to_all}
    for each in open_to_all[:4]:
        each.chmod(0o777)
    path.chmod(0)
    user = os.geteuid()
    try:
        os.seteuid(65534 if user == 0 else user)
        with contextlib.suppress(LakeError):
            Lake(root).catalogue()
        for work in (lambda: count(root), lambda: fsck(root), lambda: compacted(root)):
            with pytest.raises(LakeError, match=r"Permission denied|No such file") as refused:
                work()
            assert "\n" not in str(refused.value)
    finally:
        os.seteuid(user)
        path.chmod(0o755)
        for each, mode in modes.items():
            each.chmod(mode)
    assert committed(root) == before
    assert count(root) == [9, 9, 9]


def committed(root: Path) -> list[str]:
    return sorted(str(path) for folder in ("manifest", "tables", "quarantine") for path in (root / folder).rglob("*"))


def compacted(root: Path) -> None:
    with Lake(root) as lake:
        compact(lake)
