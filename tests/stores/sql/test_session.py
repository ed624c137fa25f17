"""What a question names is there as it lies in the lake now, and nothing else is made for it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import LakeError
from assay.stores.lake import Lake
from assay.stores.maintenance.compaction import compact
from assay.stores.sql import session, views

Rows = Callable[..., dict[str, list[dict[str, Any]]]]


def made(lake: Lake) -> set[str]:
    """The views and tables that this lake's connection has, without asking it through the lake, which would make all of them."""
    assert lake._session is not None
    return {
        name
        for (name,) in lake._session.connection.execute("SELECT table_name FROM information_schema.tables").fetchall()
    }


def test_a_question_makes_the_tables_that_it_reads_and_no_others(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append(attempted("p", "cw"))
        assert lake.rows("SELECT count(*) AS n FROM rollouts") == [{"n": 2}]
        assert made(lake) == {"rollouts"}
        assert lake.query("SELECT * FROM pass_rates").num_rows == 1
        assert made(lake) == {"attempts", "extensions", "rollouts", "verdicts", "superseded", "intervals", "pass_rates"}


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) AS n FROM query('SELECT * FROM roll' || 'outs')",
        "SELECT count(*) AS n FROM query_table('roll' || 'outs')",
        'SELECT count(*) AS n FROM main."Rollouts"',
        "SELECT 2 AS n FROM information_schema.tables WHERE table_name = 'roll' || 'outs'",
        "SELECT 2 AS n FROM pragma_table_info('roll' || 'outs') WHERE name = 'id'",
        "SELECT 2 AS n FROM (SHOW TABLES) WHERE name = 'roll' || 'outs'",
        "SELECT sum(n)::BIGINT AS n FROM fresh(2, 0.5)",
    ],
)
def test_a_table_is_found_however_it_is_named(tmp_path: Path, attempted: Rows, query: str) -> None:
    log = {"id": "log", "training": "t", "step": 0, "name": "reward", "value": 0.5, "policy": "rev"}
    with Lake(tmp_path / "lake") as lake:
        lake.append({**attempted("p", "cw"), "train_metrics": [log]})
        assert lake.rows(query) == [{"n": 2}]
        assert lake.ask(query).to_pylist() == [{"n": 2}]


def test_what_was_shown_before_a_commit_shows_it_after(tmp_path: Path, attempted: Rows) -> None:
    """Also where no word of the second question names the table that changed."""
    with Lake(tmp_path / "lake") as lake:
        for n, problem in enumerate("pqr"):
            assert lake.rows("SELECT count(*) AS n FROM query('FROM roll' || 'outs')") == [{"n": n}]
            assert lake.rows("SELECT count(*) AS n FROM pass_rates") == [{"n": n}]
            lake.append(attempted(problem, "c"))


def test_a_table_that_nobody_has_is_an_error_with_its_neighbours(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append(attempted("p", "c"))
        for asked in (lake.query, lake.ask):
            with pytest.raises(LakeError, match="rollout does not exist"):
                asked("SELECT * FROM rollout")


def test_two_lakes_of_one_process_share_no_table(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "one") as one, Lake(tmp_path / "two") as two:
        one.append(attempted("p", "cc"))
        two.append(attempted("p", "www"))
        asked = "SELECT n_correct, n_wrong FROM pass_rates"
        assert [lake.rows(asked) for lake in (one, two, one)] == [
            [{"n_correct": 2, "n_wrong": 0}],
            [{"n_correct": 0, "n_wrong": 3}],
            [{"n_correct": 2, "n_wrong": 0}],
        ]


def test_a_forked_process_asks_a_database_of_its_own(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append(attempted("p", "cc"))
        assert lake.query("SELECT * FROM rollouts").num_rows == 2
        child = os.fork()
        if not child:
            with Lake(tmp_path / "lake") as again:
                os._exit(again.query("SELECT * FROM pass_rates").num_rows)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
        assert lake.query("SELECT * FROM rollouts").num_rows == 2


def test_a_process_that_has_closed_its_lakes_may_fork_and_its_child_end(tmp_path: Path) -> None:
    code = f"""
import os, sys
from assay.stores.lake import Lake
from assay.stores.maintenance.compaction import compact
with Lake({str(tmp_path / "lake")!r}) as lake:
    lake.append({{"tombstones": []}})
    lake.query("SELECT * FROM pass_rates")
child = os.fork()
if not child:
    sys.exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("3\n", "")


def test_a_broken_file_is_looked_at_again_by_the_next_question(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append(attempted("p", "cc"))
        (victim,) = (tmp_path / "lake" / "tables" / "rollouts").glob("*.parquet")
        whole = victim.read_bytes()
        victim.write_bytes(whole[:100])
        with pytest.raises(LakeError, match=r"rollouts: .*curate lake fsck"):
            lake.query("SELECT * FROM rollouts")
        assert lake.query("SELECT * FROM verdicts").num_rows == 2
        victim.write_bytes(whole)
        assert lake.query("SELECT * FROM rollouts").num_rows == 2


def held(lake: Lake) -> set[str]:
    """The tables whose rows are in memory."""
    assert lake._session is not None
    return {
        name
        for (name,) in lake._session.connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE temporary"
        ).fetchall()
    }


def test_a_small_table_is_read_once_and_added_to_and_a_large_one_stays_a_view(
    tmp_path: Path, attempted: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append(attempted("p", "cc"))
        assert lake.rows("SELECT count(*) AS n FROM rollouts") == [{"n": 2}]
        assert held(lake) == {"rollouts"}
        (first,) = (tmp_path / "lake/tables/rollouts").glob("*.parquet")
        whole = first.read_bytes()
        first.write_bytes(b"")
        lake.append(attempted("q", "w"))
        assert lake.rows("SELECT count(*) AS n FROM rollouts") == [{"n": 3}]
        first.write_bytes(whole)
        monkeypatch.setattr(session, "SMALL", 0)
        lake.append(attempted("r", "w"))
        assert lake.rows("SELECT count(*) AS n FROM rollouts") == [{"n": 4}]
        assert held(lake) == set()


def test_what_another_lake_object_compacted_or_doubled_is_read_anew(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake, Lake(tmp_path / "lake") as other:
        for problem in "pq":
            lake.append(attempted(problem, "c"))
        asked = "SELECT count(*) AS n FROM rollouts"
        assert lake.rows(asked) == other.rows(asked) == [{"n": 2}]
        compact(other)
        for problem in "rst":
            other.append(attempted(problem, "c"))
        assert lake.rows(asked) == other.rows(asked) == [{"n": 5}]
        for writer in (lake, other):  # neither has looked, so both add the rows
            writer.commit({name: writer._typed(name, rows, "") for name, rows in attempted("u", "c").items()}, "")
        assert lake.rows(asked) == other.rows(asked) == [{"n": 6}]
        assert not held(lake) & {"rollouts", "verdicts"}


def test_tables_are_named_by_the_words_of_a_question() -> None:
    assert views.find_names("SELECT 1") == set()
    assert views.find_names("select * from COSTS") == {"costs", "rollouts"}
    assert views.find_tables("SELECT * FROM fresh(5, .9)") == {"train_metrics", "superseded", "rollouts", "verdicts"}
