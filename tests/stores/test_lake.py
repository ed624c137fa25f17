"""The lake keeps what was committed, shows nothing else, and answers only questions."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from assay.core.errors import ConfigError, LakeError
from assay.stores.commits.manifest import FORMAT
from assay.stores.lake import Lake
from assay.stores.maintenance.fsck import fsck


def row(id_: str) -> dict[str, object]:
    return {"id": id_, "problem_id": id_, "answer": "4", "verifier": "math", "origin": "gold"}


def ids(lake: Lake) -> list[str]:
    return [each["id"] for each in lake.rows("SELECT id FROM labels ORDER BY id")]


def test_rows_come_back_with_their_run(tmp_path: Path) -> None:
    with Lake(tmp_path / "lake") as lake:
        assert lake.append({"labels": [row("a"), row("b")]}, run="r1") == 2
        assert lake.rows("SELECT id, answer, run FROM labels ORDER BY id") == [
            {"id": "a", "answer": "4", "run": "r1"},
            {"id": "b", "answer": "4", "run": "r1"},
        ]


def test_an_id_is_stored_once_within_and_across_commits(tmp_path: Path) -> None:
    with Lake(tmp_path / "lake") as lake:
        assert lake.append({"labels": [row("a"), row("a"), row("b")]}) == 2
        assert lake.append({"labels": [row("b"), row("c")]}) == 1
        assert ids(lake) == ["a", "b", "c"]


def test_a_query_that_is_repeated_is_answered_anew_once_its_table_has_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lake(tmp_path / "lake") as lake, Lake(tmp_path / "lake") as other:
        ran: list[str] = []
        monkeypatch.setattr(lake, "query", lambda sql, parameters: ran.append(sql) or Lake.query(lake, sql, parameters))
        asked = "SELECT id FROM labels WHERE answer = ? ORDER BY id"

        def answer(gold: str = "4") -> list[str]:
            return lake.query_again(asked, [gold])["id"].to_pylist()

        assert (answer(), answer(), len(ran)) == ([], [], 1)
        lake.append({"labels": [row("a")]})
        assert (answer(), answer("5"), answer(), len(ran)) == (["a"], [], ["a"], 3)
        other.append({"labels": [row("b")]})
        assert answer() == ["a", "b"]
        lake.append({"runs": [{"id": "r"}]})
        assert (answer(), len(ran)) == (["a", "b"], 4)


def test_an_empty_append_writes_nothing(tmp_path: Path) -> None:
    with Lake(tmp_path / "lake") as lake:
        assert lake.append({"labels": []}) == 0
    assert not (tmp_path / "lake").exists()


def test_every_table_is_there_and_typed_before_any_row(tmp_path: Path) -> None:
    with Lake(tmp_path / "lake") as lake:
        assert lake.rows("SELECT count(*) AS n FROM pass_rates") == [{"n": 0}]
        assert str(lake.query("SELECT tokens FROM rollouts").schema.field("tokens").type) == "int64"


def test_a_second_reader_sees_what_the_first_writer_committed(tmp_path: Path) -> None:
    with Lake(tmp_path / "lake") as writer, Lake(tmp_path / "lake") as reader:
        writer.append({"labels": [row("a")]})
        assert ids(reader) == ["a"]
        writer.append({"labels": [row("b")]})
        assert ids(reader) == ["a", "b"]


def test_a_file_that_no_entry_names_does_not_exist(tmp_path: Path) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append({"labels": [row("a")]})
        lake.append({"labels": [row("b")]})
    last = max((tmp_path / "lake" / "manifest").glob("*.json"))
    last.unlink()
    (tmp_path / "lake" / "manifest" / ".half.tmp").write_text('{"name": ')
    with Lake(tmp_path / "lake") as lake:
        assert ids(lake) == ["a"]
        lake.append({"labels": [row("b")]})
        assert ids(lake) == ["a", "b"]


def test_a_commit_over_several_tables_is_one_entry(tmp_path: Path) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append(
            {"labels": [row("a")], "pool_members": [{"id": "m", "pool": "p", "problem_id": "a", "label_id": "a"}]}
        )
    entries = list((tmp_path / "lake" / "manifest").glob("*.json"))
    assert [sorted(each["table"] for each in json.loads(entry.read_text())["files"]) for entry in entries] == [
        ["labels", "pool_members"]
    ]


def test_a_lake_of_a_newer_format_is_refused_with_both_numbers(tmp_path: Path) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append({"labels": [row("a")]})
    (tmp_path / "lake" / "lake.json").write_text(json.dumps({"format": FORMAT + 1}))
    with pytest.raises(
        LakeError, match=f"format {FORMAT + 1}, but this version reads formats up to {FORMAT}: upgrade assay-curation"
    ):
        Lake(tmp_path / "lake")


def test_a_lake_of_a_newer_format_names_the_version_that_reads_it(tmp_path: Path) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append({"labels": [row("a")]})
    mark = json.loads((tmp_path / "lake" / "lake.json").read_text())
    assert set(mark) == {"format", "version", "seal"}
    (tmp_path / "lake" / "lake.json").write_text(json.dumps({"format": FORMAT + 1, "version": "9.1"}))
    with pytest.raises(LakeError, match=r"pip install 'assay-curation>=9\.1'"):
        Lake(tmp_path / "lake")


def test_a_folder_of_other_files_is_not_taken_for_a_lake(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(LakeError, match=r"contains other files and no lake\.json"):
        Lake(tmp_path)


def test_a_lake_whose_founder_was_killed_is_founded_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "manifest").mkdir()
    (tmp_path / "leases").mkdir()
    (tmp_path / ".lake.7.tmp").write_text('{"for')
    with Lake(tmp_path) as lake:
        lake.append({"labels": [row("a")]})
    with Lake(tmp_path, create=False) as lake:
        assert ids(lake) == ["a"]


def test_a_missing_lake_is_named_by_those_who_only_read(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="no lake at"):
        Lake(tmp_path / "nowhere", create=False)


def test_a_missing_lake_answers_with_the_lakes_beside_it(tmp_path: Path) -> None:
    with Lake(tmp_path / "quickstart") as lake:
        lake.append({"labels": [row("a")]})
    for opened in (lambda place: Lake(place, create=False), fsck):
        with pytest.raises(
            LakeError,
            match=f"lakes nearby, for --lake: {tmp_path}/quickstart; `curate run CONFIG --lake {tmp_path}/lake` creates one",
        ):
            opened(tmp_path / "lake")


def test_a_file_is_not_taken_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("mine")
    with pytest.raises(LakeError, match="lake is a file, but a lake is a folder"):
        Lake(tmp_path / "lake")


def test_a_slow_query_draws_no_bar_into_what_a_command_prints(tmp_path: Path) -> None:
    asked = "SELECT current_setting('enable_progress_bar') AS bar"
    with Lake(tmp_path / "lake") as lake:
        lake.append({"labels": [row("a")]})
        assert lake.rows(asked) == lake.ask(asked).to_pylist() == [{"bar": False}]


@pytest.mark.parametrize(
    "query",
    [
        "COPY labels TO '{lake}/x.csv'",
        "ATTACH '{lake}/x.db'",
        "INSTALL httpfs",
        "SELECT 1; SELECT 2",
        "CREATE TABLE x AS SELECT 1",
        "SET threads = 1",
        "PRAGMA database_list",
        "EXPLAIN ANALYZE COPY labels TO '{lake}/x.csv'",
        "EXPORT DATABASE '{lake}/x'",
        "INSERT INTO intervals VALUES (1)",
        "CALL pragma_version()",
        "LOAD httpfs",
        "USE memory",
        "selct 1",
        "",
    ],
)
def test_what_is_not_one_select_is_refused(tmp_path: Path, query: str) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append({"labels": [row("a")]})
        before = sorted(path.name for path in lake.root.rglob("*"))
        with pytest.raises(ConfigError):
            lake.ask(query.format(lake=lake.root))
        assert sorted(path.name for path in lake.root.rglob("*")) == before


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('{file}')",
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM glob('{folder}/*')",
        "SELECT * FROM '{file}'",
        "SELECT * FROM read_text('{lake}/../secret.txt')",
        "SELECT * FROM sniff_csv('{file}')",
    ],
)
def test_a_select_reads_nothing_outside_the_lake(tmp_path: Path, query: str) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    with Lake(tmp_path / "lake") as lake:
        lake.append({"labels": [row("a")]})
        with pytest.raises(LakeError, match=r"disabled by configuration|does not exist"):
            lake.ask(query.format(file=secret, folder=tmp_path, lake=lake.root))
        assert lake.ask("SELECT count(*) AS n FROM labels").to_pylist() == [{"n": 1}]


def test_the_catalogue_answers_through_plain_duckdb_while_the_lake_is_written(tmp_path: Path) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append({"labels": [row("a")]})
        with duckdb.connect(str(lake.catalogue()), read_only=True) as reader:
            lake.append({"labels": [row("b")]})
            lake.catalogue()
            assert reader.sql("SELECT count(*) FROM labels").fetchall() == [(1,)]
        with duckdb.connect(str(lake.root / "assay.duckdb"), read_only=True) as reader:
            assert reader.sql("SELECT count(*) FROM labels").fetchall() == [(2,)]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere; the full disk below stands in")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "lake"
    folder.mkdir()
    folder.chmod(0o500)
    with pytest.raises(LakeError, match="Permission denied"), Lake(folder) as lake:
        lake.append({"labels": [row("a")]})


def test_a_full_disk_is_named_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append({"labels": [row("a")]})
        monkeypatch.setattr(
            os, "fsync", _full
        )  # the kernel's answer is the only thing that cannot be had for real here
        with pytest.raises(LakeError, match="No space left on device; what was committed before is safe"):
            lake.append({"labels": [row("b")]})
        monkeypatch.undo()
        assert ids(lake) == ["a"]
        assert not list(lake.root.rglob("*.tmp"))


def _full(_: int) -> None:
    raise OSError(28, "No space left on device")


WRITER = """
import sys
from assay.stores.lake import Lake
lake = Lake(sys.argv[1])
for n in range(10**6):
    lake.append({"labels": [{"id": f"{n:07d}-{half}", "problem_id": "p", "answer": "4", "verifier": "math", "origin": "gold"} for half in "ab"]})
    print(n, flush=True)
"""


@pytest.mark.service
def test_a_writer_killed_at_any_instant_leaves_whole_commits(tmp_path: Path) -> None:
    for attempt in range(5):
        root = tmp_path / f"lake{attempt}"
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(root)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        told = writer.stdout.readline()
        time.sleep(0.013 * attempt)
        writer.send_signal(signal.SIGKILL)
        told += writer.stdout.read()
        writer.wait()
        promised = [int(line) for line in told.splitlines()]
        with Lake(root) as lake:
            found = ids(lake)
        whole = len(found) // 2
        assert found == [f"{n:07d}-{half}" for n in range(whole) for half in "ab"]
        assert whole >= len(promised), "a commit that was acknowledged is gone"


def test_rows_one_by_one_are_the_rows_at_once(tmp_path: Path) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append({"sampling_configs": [{"id": f"{n:05d}", "settings": "{}"} for n in range(20_000)]})
        query = "SELECT id FROM sampling_configs WHERE id < ? ORDER BY id"
        assert list(lake.iterate_rows(query, ["09000"])) == lake.rows(query, ["09000"])
        assert list(lake.iterate_rows(query, ["0"])) == []
