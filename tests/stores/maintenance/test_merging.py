"""Merging: every row once, whatever kills it; nothing that this lake contradicts or was asked to delete."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import LakeError
from assay.stores.lake import Lake
from assay.stores.maintenance.compaction import forget
from assay.stores.maintenance.fsck import fsck
from assay.stores.maintenance.merging import merge_lakes

Rows = Callable[..., dict[str, list[dict[str, Any]]]]
OLD = Path(__file__).parents[2] / "pipelines" / "v1" / "v1.zip"
SOURCE = str(Path(__file__).parents[3] / "src")


def problem(id_: str, source: str = "s") -> dict[str, Any]:
    return {"id": id_, "messages": [{"role": "user", "content": id_}], "media": [], "source": source, "metadata": "{}"}


def fill(place: Path, *tables: dict[str, list[dict[str, Any]]]) -> Path:
    with Lake(place) as lake:
        for rows in tables:
            lake.append(rows, run="r")
    return place


def score(problem_id: str, scoring: str, id_: str, value: float = 0.5) -> dict[str, Any]:
    named = dict.fromkeys(("scorer", "policy", "sampler", "verifier", "prior"), "x")
    return {"id": id_, "scoring_id": scoring, "problem_id": problem_id, "value": value, **named}


def line(stage: str, key: str) -> dict[str, Any]:
    return {
        "id": f"{stage}-{key}",
        "stage": stage,
        "key": key,
        "rows_in": 1,
        "rows_out": 1,
        "detail": "{}",
        "seconds": 0.0,
    }


def counts(lake: Lake, *tables: str) -> dict[str, int]:
    return {table: lake.rows(f'SELECT count(*) AS n FROM "{table}"')[0]["n"] for table in tables}


def merged(ours: Path, theirs: Path) -> Any:
    with Lake(ours) as lake, Lake(theirs, create=False) as other:
        return merge_lakes(lake, other)


def test_every_row_comes_once_and_a_second_merge_adds_nothing(tmp_path: Path, attempted: Rows) -> None:
    shared = {"problems": [problem("p")], **attempted("p", "cw")}
    ours = fill(tmp_path / "ours", shared)
    theirs = fill(tmp_path / "theirs", shared, {"problems": [problem("q")], **attempted("q", "cccw")})
    result = merged(ours, theirs)
    assert result.added == {"problems": 1, "completions": 4, "rollouts": 4, "verdicts": 4}
    assert result.present == {"problems": 1, "rollouts": 2, "verdicts": 2}
    assert merged(ours, theirs).added == {}
    with Lake(ours) as lake:
        assert counts(lake, "rollouts", "completions", "verdicts") == dict.fromkeys(
            ("rollouts", "completions", "verdicts"), 6
        )
        assert lake.rows("SELECT DISTINCT run FROM rollouts") == [{"run": "r"}]
    assert fsck(ours, repair=False) == []


def test_an_attempt_that_both_drew_with_other_texts_stays_behind_with_its_verdicts(
    tmp_path: Path, attempted: Rows
) -> None:
    ours = fill(tmp_path / "ours", attempted("p", "c"))
    other = attempted("p", "cw")
    other["completions"][0]["text"] = "another text"
    other["verdicts"].append({**other["verdicts"][0], "id": "newer", "version": "2"})  # judged the other text
    result = merged(ours, fill(tmp_path / "theirs", other))
    assert result.reasons == {"drawn with another text here": 1}
    assert result.withheld == {"rollouts": 1, "verdicts": 2}
    with Lake(ours) as lake:
        assert counts(lake, "rollouts", "completions", "verdicts") == {"rollouts": 2, "completions": 2, "verdicts": 2}
        assert not lake.ids("verdicts", ["newer"])


def test_results_of_ones_own_are_kept_and_the_ledger_claims_nothing_that_stayed_behind(tmp_path: Path) -> None:
    ours = fill(tmp_path / "ours", {"scores": [score("p", "k", "a")], "stages": [line("score", "1")]})
    theirs = fill(
        tmp_path / "theirs",
        {
            "scores": [score("p", "k", "b"), score("q", "other", "c")],
            "stages": [line("score", "2"), line("clean", "3")],
        },
    )
    result = merged(ours, theirs)
    assert result.reasons == {"results of its own here": 1}
    with Lake(ours) as lake:
        assert lake.ids("scores", ["a", "b", "c"]) == {"a", "c"}
        assert lake.ids("stages", ["score-1", "score-2", "clean-3"]) == {"score-1", "clean-3"}


def test_finished_work_of_another_pool_comes_with_its_ledger(tmp_path: Path) -> None:
    rows = {"scores": [score("q", "k", "c")], "stages": [line("score", "2")]}
    ours = fill(tmp_path / "ours", {"problems": [problem("p")]})
    assert merged(ours, fill(tmp_path / "theirs", rows)).added == {"scores": 1, "stages": 1}


def test_what_this_lake_was_asked_to_delete_does_not_come_back(tmp_path: Path, attempted: Rows) -> None:
    rows = {"problems": [problem("p", "secret"), problem("q", "open")], **attempted("p", "c")}
    ours = fill(tmp_path / "ours", rows)
    with Lake(ours) as lake:
        forget(lake, "source", "secret")
    result = merged(ours, fill(tmp_path / "theirs", rows, attempted("q", "c")))
    assert result.reasons == {"deleted here before": 1}
    with Lake(ours) as lake:
        assert lake.rows("SELECT id FROM problems") == [{"id": "q"}]
        assert lake.rows("SELECT problem_id FROM rollouts") == [{"problem_id": "q"}]


KILLED = """
import os, sys
from assay.stores.commits import manifest
from assay.stores.lake import Lake
from assay.stores.maintenance import merging
merging.CHUNK, commits, write = 10, 0, manifest.write_entry
def counted(*arguments):
    global commits
    commits += 1
    if commits == int(sys.argv[3]):
        os.kill(os.getpid(), 9)
    return write(*arguments)
manifest.write_entry = counted
with Lake(sys.argv[1]) as lake, Lake(sys.argv[2], create=False) as other:
    merging.merge_lakes(lake, other)
"""


@pytest.mark.parametrize("commit", [1, 3, 6])
def test_a_killed_merge_is_gone_on_with(tmp_path: Path, attempted: Rows, commit: int) -> None:
    ours = fill(tmp_path / "ours", {"problems": [problem("p")]})
    rows = [attempted(f"q{n}", "cwcw") for n in range(10)]
    scores = {"scores": [score(f"q{n}", "k", f"s{n}") for n in range(15)], "stages": [line("score", "2")]}
    theirs = fill(tmp_path / "theirs", *rows, scores)
    command = [sys.executable, "-c", KILLED, str(ours), str(theirs), str(commit)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": SOURCE}, timeout=60)
    assert done.returncode == -9
    with Lake(ours) as lake:
        assert not lake.ids("stages", ["score-2"])  # the ledger comes last
        assert lake.rows("SELECT count(*) AS n FROM rollouts ANTI JOIN completions USING (id)") == [{"n": 0}]
    merged(ours, theirs)
    with Lake(ours) as lake, Lake(theirs) as other:
        tables = ("rollouts", "completions", "verdicts", "scores", "stages")
        assert counts(lake, *tables) == counts(other, *tables)
        assert not lake.has_duplicates()


def test_the_lake_itself_and_a_newer_format_are_refused(tmp_path: Path) -> None:
    ours = fill(tmp_path / "ours", {"problems": [problem("p")]})
    with pytest.raises(LakeError, match="is this lake itself"):
        merged(ours, ours)
    newer = fill(tmp_path / "newer", {"problems": [problem("q")]})
    (newer / "lake.json").write_text('{"format": 99, "version": "9.9"}')
    with pytest.raises(LakeError, match="lake format 99, but this version reads formats up to"):
        merged(ours, newer)
    with pytest.raises(LakeError, match="no lake at"):
        merged(ours, tmp_path / "nowhere")


def test_a_lake_of_an_older_format_is_taken_over_under_the_present_names(tmp_path: Path) -> None:
    with zipfile.ZipFile(OLD) as archive:
        archive.extractall(tmp_path / "old")
    old = next((tmp_path / "old").rglob("lake.json")).parent
    ours = fill(tmp_path / "ours", {"problems": [problem("p")]})
    result = merged(ours, old)
    with Lake(ours) as lake, Lake(old, create=False) as other:
        for table in ("rollouts", "completions", "verdicts", "scores", "curriculum"):
            assert result.added[table] == counts(other, table)[table] == counts(lake, table)[table] > 0
        assert lake.older_format is None
    again = merged(ours, old)
    assert (again.added, again.withheld) == ({}, {})
