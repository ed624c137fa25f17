"""Compaction changes files and no answer; what is forgotten is gone from every view; fsck names, sets aside and leaves the rest whole."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assay.core.errors import LakeError
from assay.stores.commits import manifest
from assay.stores.commits.lease import expired, give_back, lease, take
from assay.stores.lake import Lake
from assay.stores.maintenance.compaction import compact, forget, must_know
from assay.stores.maintenance.fsck import LakeFault, fsck

Rows = Callable[..., dict[str, list[dict[str, Any]]]]
SOAK = os.environ.get("ASSAY_SOAK") == "1"


def count(lake: Lake, table: str) -> int:
    return int(lake.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"])


def fill(lake: Lake, attempted: Rows, problems: str = "abc") -> None:
    for problem in problems:
        lake.append(attempted(problem, "cwt"), run=f"run-{problem}")


def kinds(found: list[LakeFault]) -> list[tuple[str, str]]:
    return [(each.kind, each.table) for each in found]


def test_compaction_leaves_one_file_a_table_and_every_answer_as_it_was(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        fill(lake, attempted)
        asked = "SELECT * FROM pass_rates ORDER BY problem_id"
        before = lake.rows(asked)
        done = compact(lake)
        assert (done.before, done.after, done.swept) == (9, 3, 0)
        assert lake.rows(asked) == before
    with Lake(tmp_path / "lake") as again:
        assert again.rows(asked) == before
        assert {row["run"] for row in again.rows("SELECT run FROM rollouts")} == {"run-a", "run-b", "run-c"}


def test_a_reader_that_opened_before_compaction_still_finds_its_files(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        fill(lake, attempted)
        old = lake.files()["rollouts"]
        compact(lake)
        assert all(Path(path).exists() for path in old)
        assert compact(lake, keep_s=0).swept == 9
        assert not any(Path(path).exists() for path in old)
        assert count(lake, "rollouts") == 9


def test_an_append_beside_a_compaction_is_neither_lost_nor_doubled(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as one, Lake(tmp_path / "lake") as two:
        fill(one, attempted)
        two._refresh()
        compact(one)
        two.append(attempted("d", "cc"))
        assert (count(one, "rollouts"), count(two, "rollouts")) == (11, 11)
        compact(one, keep_s=0)
        with Lake(tmp_path / "lake") as fresh:
            assert count(fresh, "rollouts") == 11


class Slow(Lake):
    """A writer who is overtaken while it asks which of its rows are stored."""

    overtaken: Callable[[], object] | None = None

    def _stored_ids(self, table: str, ids: Any, among: frozenset[str] | None) -> Any:
        found = super()._stored_ids(table, ids, among)
        if work := self.overtaken:
            self.overtaken = None
            work()
        return found


def test_a_writer_overtaken_between_the_checks_of_two_tables_adds_no_row_twice(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as one, Slow(tmp_path / "lake") as two:
        one.append(attempted("a", "c"))
        two._refresh()
        one.append(attempted("b", "c"))
        two._refresh()
        two.overtaken = lambda: one.append(attempted("d", "cw"))
        assert two.append(attempted("d", "cw")) == 0
        with Lake(tmp_path / "lake") as reader:
            assert [count(reader, name) for name in ("rollouts", "completions", "verdicts")] == [4, 4, 4]


def test_compaction_folds_for_good_what_two_writers_added(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as one, Lake(tmp_path / "lake") as two:
        rows = {name: one._typed(name, given, "r") for name, given in attempted("a", "cw").items()}
        two._refresh()
        one.commit(rows, "one")
        two.commit(rows, "two")
        assert one.has_duplicates()
        compact(one)
        assert not one.has_duplicates()
        assert count(one, "rollouts") == 2
        assert sum(file.rows for entry in one.entries() for file in entry.files if file.table == "rollouts") == 2


def test_of_two_compactions_at_once_the_earlier_counts(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        fill(lake, attempted)
        replaced = tuple(entry.name for entry in lake.entries())
        for _ in range(2):
            lake.commit_entry(
                manifest.Entry(
                    manifest.new_name(stand_in=True), "", manifest.FORMAT, lake.entries()[0].files, replaces=replaced
                )
            )
        with Lake(tmp_path / "lake") as reader:
            assert count(reader, "rollouts") == 3


def test_a_forgotten_policy_is_in_no_view_and_leaves_a_tombstone(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        fill(lake, attempted)
        lake.append(attempted("a", "cc", policy="bad"))
        lake.append({"stages": [{"id": "1", "stage": "score", "key": "k"}, {"id": "2", "stage": "ingest", "key": "k"}]})
        done = forget(lake, "policy", "name of bad", keep_s=0)
        assert dict(done.removed) == {"rollouts": 2, "completions": 2, "verdicts": 2}
        assert [row["policy"] for row in lake.rows("SELECT DISTINCT policy FROM rollouts")] == ["rev"]
        assert [row["stage"] for row in lake.rows("SELECT stage FROM stages")] == ["ingest"]
        assert lake.rows('SELECT "table", rows, value FROM tombstones WHERE "table" = \'rollouts\'')[0] == {
            "table": "rollouts",
            "rows": 2,
            "value": "name of bad",
        }
    assert not any(
        b"bad" in path.read_bytes() for path in (tmp_path / "lake" / "tables" / "rollouts").glob("*.parquet")
    )


def test_a_forgotten_policy_leaves_no_row_that_names_it(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append(attempted("a", "c", policy="bad"))
        lake.append(
            {
                "policies": [{"id": "1", "policy": "served", "name": "name of bad"}, {"id": "2", "policy": "good"}],
                "train_metrics": [
                    {"id": "3", "training": "t", "policy": "bad"},
                    {"id": "4", "training": "u", "policy": "good"},
                ],
                "superseded": [{"id": "5", "training": "t", "policy": "bad"}],
                "stages": [{"id": name, "stage": "train", "key": name} for name in ("t", "u")],
            }
        )
        must_know(lake, "policy", "served")  # which has not attempted anything yet
        forget(lake, "policy", "name of bad", keep_s=0)
        assert {row["policy"] for row in lake.rows("SELECT policy FROM policies")} == {"good"}
        assert {row["training"] for row in lake.rows("SELECT training FROM train_metrics")} == {"u"}
        assert lake.rows("SELECT * FROM superseded") == []
        assert [row["key"] for row in lake.rows("SELECT key FROM stages")] == ["u"]


def test_a_forgotten_source_takes_its_labels_and_attempts_along(
    tmp_path: Path, attempted: Rows, labels: Callable[..., dict[str, Any]]
) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append(
            {
                "problems": [{"id": "a", "source": "theirs"}, {"id": "b", "source": "ours"}],
                "labels": [labels("l", "a"), labels("m", "b")],
            }
        )
        fill(lake, attempted, "ab")
        assert dict(forget(lake, "source", "theirs").removed) == {
            "problems": 1,
            "labels": 1,
            "rollouts": 3,
            "completions": 3,
            "verdicts": 3,
        }
        assert [count(lake, name) for name in ("problems", "labels", "rollouts", "completions", "verdicts")] == [
            1,
            1,
            3,
            3,
            3,
        ]


def test_what_a_forgotten_policy_finished_chose_or_searched_goes_too(tmp_path: Path, attempted: Rows) -> None:
    good, bad = attempted("a", "cw", policy="good"), attempted("a", "c", policy="bad")
    good["rollouts"][1]["policy_last"] = "bad"  # asynchronous training changed weights in the middle of it
    node, (kept, finished), (leaf,) = {"search": "s"}, [row["id"] for row in good["rollouts"]], bad["rollouts"]
    with Lake(tmp_path / "lake") as lake:
        lake.append(good)
        lake.append(bad)
        lake.append(
            {
                "searches": [{"id": "s", "problem_id": "a", "policy": "good"}, {"id": "t", "policy": "bad"}],
                "search_nodes": [
                    {"id": "root", **node},
                    {"id": "leaf", **node, "rollout_id": leaf["id"]},
                    {"id": "of bad", "search": "t"},
                ],
                "pairs": [
                    {"id": "1", "chosen": kept, "rejected": "root"},
                    {"id": "2", "chosen": "root", "rejected": "of bad"},
                    {"id": "3", "prefix_id": "leaf", "chosen": kept, "rejected": "root"},
                    {"id": "4", "chosen": leaf["id"], "rejected": kept},
                    {"id": "5", "chosen": "root", "rejected": finished},
                ],
            }
        )
        forget(lake, "policy", "bad", keep_s=0)
        assert [row["id"] for row in lake.rows("SELECT id FROM rollouts")] == [kept]
        assert [row["id"] for row in lake.rows("SELECT id FROM completions")] == [kept]
        assert [row["id"] for row in lake.rows("SELECT id FROM search_nodes")] == ["root"]
        assert [row["id"] for row in lake.rows("SELECT id FROM pairs")] == ["1"]
    for file in (tmp_path / "lake" / "tables").glob(
        "[!t]*/*.parquet"
    ):  # but for texts, which are its own, and tombstones
        assert b"bad" not in file.read_bytes(), file


def test_notes_of_a_forgotten_source_go_even_where_another_holds_the_problem(tmp_path: Path) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append({"problems": [{"id": "a", "source": "ours"}]})
        lake.append({"notes": [{"id": "1", "source": "theirs", "problem_id": "a"}, {"id": "2", "source": "ours"}]})
        lake.append({"drops": [{"id": "3", "source": "theirs", "key": "k"}, {"id": "4", "source": "ours", "key": "m"}]})
        lake.append({"stages": [{"id": key, "stage": "ingest", "key": key} for key in ("k", "m")]})
        assert dict(forget(lake, "source", "theirs", keep_s=0).removed) == {"drops": 1, "notes": 1}
        assert [row["id"] for row in lake.rows("SELECT id FROM notes")] == ["2"]


def test_only_selections_that_lost_a_problem_are_made_again(tmp_path: Path) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append({"problems": [{"id": "a", "source": "theirs"}]})
        rows = [{"id": id_, "problem_id": id_, "selection_id": key} for id_, key in (("a", "k"), ("b", "m"))]
        lake.append({"selections": rows, "stages": [{"id": key, "stage": "select", "key": key} for key in ("k", "m")]})
        forget(lake, "source", "theirs", keep_s=0)
        assert [row["key"] for row in lake.rows("SELECT key FROM stages WHERE stage = 'select'")] == ["m"]


def test_what_cannot_be_forgotten_is_named(tmp_path: Path) -> None:
    with Lake(tmp_path / "lake") as lake, pytest.raises(LakeError, match="known: policy, source"):
        forget(lake, "colour", "red")


def test_a_name_that_nothing_has_is_refused_with_its_neighbours(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append(attempted("p", "cw", policy="good"))
        with pytest.raises(LakeError, match=r"no policy in this lake is called 'goood'.*good"):
            must_know(lake, "policy", "goood")
        must_know(lake, "policy", "good")
        forget(lake, "policy", "good")
        must_know(lake, "policy", "good")


def test_one_holds_a_lease_until_it_ends(tmp_path: Path) -> None:
    token = take(tmp_path, "chunk", limit_s=0.05)
    assert token is not None
    assert take(tmp_path, "chunk", limit_s=9) is None
    time.sleep(0.06)
    second = take(tmp_path, "chunk", limit_s=9)
    assert second is not None
    give_back(tmp_path, "chunk", token)  # the first holder is late: the lease is no longer its own
    assert take(tmp_path, "chunk", limit_s=9) is None
    give_back(tmp_path, "chunk", second)
    with lease(tmp_path, "chunk", limit_s=9) as mine:
        assert mine
    assert not expired(tmp_path / "leases" / "chunk.json")


def test_a_sound_lake_has_no_findings(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        fill(lake, attempted)
        compact(lake)
        lake.catalogue()
    assert fsck(tmp_path / "lake") == []


def test_a_truncated_file_is_set_aside_with_what_hangs_on_it(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        fill(lake, attempted)
        lake.append({"stages": [{"id": "1", "stage": "score", "key": "k"}]})
        victim = Path(lake.files()["rollouts"][0])
    victim.write_bytes(victim.read_bytes()[:-20])
    with Lake(tmp_path / "lake") as lake:
        with pytest.raises(LakeError, match="curate lake fsck"):
            lake.query("SELECT * FROM rollouts")
        assert count(lake, "completions") == 9
    (found,) = fsck(tmp_path / "lake")
    assert (found.kind, found.table, found.rows, found.run, found.restore) == (
        "broken",
        "rollouts",
        3,
        "run-a",
        "curate score CONFIG",
    )
    assert "bytes on disk" in found.said
    with Lake(tmp_path / "lake") as lake:
        assert [count(lake, name) for name in ("rollouts", "completions", "verdicts", "stages")] == [6, 6, 6, 0]
    assert (tmp_path / "lake" / "quarantine" / found.path).exists()
    assert fsck(tmp_path / "lake") == []


def test_one_flipped_bit_is_found_and_harms_no_other_table(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        fill(lake, attempted)
        victim = Path(lake.files()["verdicts"][1])
    data = bytearray(victim.read_bytes())
    data[40] ^= 1
    victim.write_bytes(data)
    looked = fsck(tmp_path / "lake", repair=False)
    assert kinds(looked) == [("broken", "verdicts")]
    assert "SHA-256" in looked[0].said
    assert victim.exists()
    fsck(tmp_path / "lake")
    with Lake(tmp_path / "lake") as lake:
        assert [count(lake, name) for name in ("rollouts", "completions", "verdicts")] == [9, 9, 6]


@pytest.mark.soak
def test_a_damaged_catalogue_is_named_and_written_anew(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append(attempted("p", "cw"))
        catalogue = lake.catalogue()
    whole = catalogue.read_bytes()
    more = (whole[:5_000], bytes(len(whole))) if SOAK else ()
    for damaged in (b"", whole[: len(whole) // 2], whole.replace(b"frontier", b"frontief"), *more):
        catalogue.write_bytes(damaged)
        (looked,) = fsck(tmp_path / "lake", repair=False)
        assert (looked.kind, looked.path, looked.harm) == ("catalogue", "assay.duckdb", True)
        assert "the next command that writes" in looked.said
        assert catalogue.read_bytes() == damaged
        (found,) = fsck(tmp_path / "lake")
        assert found.said.endswith("; written again")
        assert fsck(tmp_path / "lake") == []
    with duckdb.connect(str(catalogue), read_only=True) as other:
        assert other.sql("SELECT n_correct, n_wrong FROM pass_rates").fetchall() == [(1, 1)]


def test_a_catalogue_is_rid_of_the_files_that_were_set_aside(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append(attempted("p", "cw"))
        lake.append(attempted("q", "c"))
        catalogue = lake.catalogue()
    victim = min((tmp_path / "lake" / "tables" / "completions").glob("*.parquet"))
    victim.write_bytes(b"")
    assert kinds(fsck(tmp_path / "lake")) == [("broken", "completions")]
    with duckdb.connect(str(catalogue), read_only=True) as other:
        assert other.sql("SELECT count(*) FROM completions").fetchall() == [(1,)]


def test_a_missing_manifest_is_named_and_entered_again(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        fill(lake, attempted)
        compact(lake)  # both the old files and the merged ones lie there now
    shutil.rmtree(tmp_path / "lake" / "manifest")
    with Lake(tmp_path / "lake") as lake, pytest.raises(LakeError, match="curate lake fsck"):
        lake.rows("SELECT * FROM rollouts")
    assert kinds(fsck(tmp_path / "lake")) == [("manifest", "")]
    with Lake(tmp_path / "lake") as lake:
        assert [count(lake, name) for name in ("rollouts", "completions", "verdicts")] == [9, 9, 9]


def test_a_broken_entry_is_entered_again_from_its_files(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        fill(lake, attempted)
    entry = min((tmp_path / "lake" / "manifest").glob("*.json"))
    entry.write_bytes(entry.read_bytes()[:30])
    with pytest.raises(LakeError, match="curate lake fsck"), Lake(tmp_path / "lake") as lake:
        lake.rows("SELECT * FROM rollouts")
    assert kinds(fsck(tmp_path / "lake")) == [("entry", "")]
    with Lake(tmp_path / "lake") as lake:
        assert count(lake, "rollouts") == 9


def test_foreign_files_and_rests_of_killed_writes_are_named_and_left_alone(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        fill(lake, attempted)
    strange = tmp_path / "lake" / "tables" / "rollouts" / "notes.txt"
    strange.write_text("mine")
    (tmp_path / "lake" / "tables" / "rollouts" / ".half.tmp").write_bytes(b"PAR1")
    shutil.copy(
        next((tmp_path / "lake" / "tables" / "completions").glob("*")),
        tmp_path / "lake" / "tables" / "completions" / f"{manifest.new_name()}.parquet",
    )
    found = fsck(tmp_path / "lake")
    assert sorted(each.kind for each in found) == ["foreign", "left_over", "left_over"]
    assert not any(each.harm for each in found)
    assert strange.read_text() == "mine"
    with Lake(tmp_path / "lake") as lake:
        assert (count(lake, "rollouts"), count(lake, "completions")) == (9, 9)


def tables(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in (root / "tables").rglob("*") if path.is_file()}


@pytest.mark.soak
@pytest.mark.parametrize("turn", range(20 if SOAK else 1))
def test_compaction_and_forgetting_run_beside_a_writer(tmp_path: Path, attempted: Rows, turn: int) -> None:
    root, ended, written = tmp_path / "lake", threading.Event(), [0]
    with Lake(root) as lake:
        fill(lake, attempted, "abcdefgh")
        lake.append(attempted("a", "cc", policy="bad"))

    def write() -> None:
        with Lake(root) as other:
            while not ended.is_set():
                other.append(attempted(f"{turn}-{written[0]}", "cw"))
                written[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with Lake(root) as lake:
            for _ in range(2 if SOAK else 1):
                assert compact(lake).after < 60
                forget(lake, "policy", "bad", keep_s=0)
            compact(lake, keep_s=0)
    finally:
        ended.set()
        writer.join()
    with Lake(root) as lake:
        assert [count(lake, name) for name in ("rollouts", "completions", "verdicts")] == [24 + 2 * written[0]] * 3
    assert fsck(root) == []


@pytest.mark.parametrize("table", ["rollouts", "completions", "verdicts"])
@pytest.mark.parametrize("harm", ["flipped", "cut", "gone", "pipe"])
def test_what_is_damaged_is_not_written_anew_as_whole(tmp_path: Path, attempted: Rows, table: str, harm: str) -> None:
    with Lake(tmp_path / "lake") as lake:
        fill(lake, attempted)
        path = min((lake.root / "tables" / table).glob("*"))
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 16
        path.unlink()
        if harm == "pipe":
            os.mkfifo(path)
        elif harm != "gone":
            path.write_bytes(data if harm == "flipped" else data[:-9])
        before = tables(lake.root)
        with pytest.raises(LakeError, match=r"nothing was changed: `curate lake fsck`") as refused:
            compact(lake)
        assert path.name in str(refused.value)
        assert tables(lake.root) == before
    assert table in {finding.table for finding in fsck(tmp_path / "lake") if finding.harm}


def test_a_compaction_and_a_forgetting_that_fail_leave_nothing_behind(
    tmp_path: Path, attempted: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lake(tmp_path / "lake") as lake:
        fill(lake, attempted)
        before = tables(lake.root)

        def refuse(*_: object) -> None:
            raise LakeError("the disk refused")

        monkeypatch.setattr(manifest, "write_entry", refuse)  # the one thing that cannot be had for real at this moment
        for work in (lambda: compact(lake), lambda: forget(lake, "policy", "rev")):
            with pytest.raises(LakeError, match="the disk refused"):
                work()
        monkeypatch.undo()
        assert tables(lake.root) == before
        assert [count(lake, name) for name in ("rollouts", "completions", "verdicts")] == [9, 9, 9]
    assert fsck(tmp_path / "lake") == []


def test_forgetting_takes_the_rests_of_killed_writes_along(
    tmp_path: Path, attempted: Rows, labels: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "lake"
    with Lake(root) as lake:
        lake.append({"problems": [{"id": "a", "source": "theirs"}], "labels": [labels("l", "a")]})
        fill(lake, attempted, "a")
        for table in ("problems", "completions"):
            whole = min((root / "tables" / table).glob("*.parquet"))
            shutil.copy(whole, whole.with_name(f"{manifest.new_name()}.parquet"))
            whole.with_name(f".{manifest.new_name()}.tmp").write_bytes(whole.read_bytes()[:99])
        (root / "tables" / "completions" / "notes.txt").write_text("mine")
        monkeypatch.setattr("assay.stores.storage.local.WRITERS_S", 0.1)
        with lake.storage.writing(), pytest.raises(LakeError, match="a commit is under way"):
            forget(lake, "source", "theirs", keep_s=0)
        assert forget(lake, "source", "theirs", keep_s=0).rests == 4
    left = [path for path in (root / "tables").rglob("*") if path.is_file()]
    assert not any(
        b"text of a" in path.read_bytes() or b"theirs" in path.read_bytes()
        for path in left
        if path.parent.name != "tombstones"
    )
    assert (root / "tables" / "completions" / "notes.txt").read_text() == "mine"


KILLED = """
import os, sys
from assay.stores.commits import manifest
from assay.stores.lake import Lake
manifest.write_entry = lambda *_: os.kill(os.getpid(), 9)
Lake(sys.argv[1]).append({"problems": [{"id": "b", "source": "theirs"}]})
"""


@pytest.mark.service
def test_a_killed_writer_holds_no_forgetting_up(tmp_path: Path) -> None:
    root = tmp_path / "lake"
    with Lake(root) as lake:
        lake.append({"problems": [{"id": "a", "source": "theirs"}]})
        assert subprocess.run([sys.executable, "-c", KILLED, str(root)]).returncode == -signal.SIGKILL
        assert len(tables(root)) == 2
        assert forget(lake, "source", "theirs", keep_s=0).rests == 1
    assert not any(b"theirs" in path.read_bytes() for path in (root / "tables" / "problems").iterdir())
