"""A run that Python opens ends in `runs` as what it was, whatever happens inside."""

from typing import Any

import pytest

from assay import api
from assay.core.config import parse_config
from assay.core.errors import EngineError
from assay.engines.scripted import Scripted
from assay.pipelines.runner.open_run import run_context
from assay.stores.lake import Lake
from assay.stores.maintenance import compaction


def ends(tables: dict[str, Any]) -> list[str]:
    with Lake(tables["lake"], create=False) as lake:
        return [row["outcome"] for row in lake.rows("SELECT outcome FROM runs WHERE event = 'end' ORDER BY time")]


def test_a_limit_leaves_a_run_partly_done_and_python_warns_with_the_numbers(tables: dict[str, Any]) -> None:
    with pytest.warns(UserWarning, match=r"score is partly done: \d+ of 32 problems; limit.tokens = 40 reached"):
        scores = api.score({**tables, "limit": {"tokens": 40}})
    assert scores.num_rows < 32
    assert ends(tables) == ["partly"]
    assert api.score(tables).num_rows == 32
    assert ends(tables) == ["partly", "done"]


def test_an_engine_that_fails_leaves_a_failed_run_and_none_that_looks_killed(
    tables: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise EngineError("no server responds")

    monkeypatch.setattr(Scripted, "generate", fail)
    with pytest.raises(EngineError, match="no server responds"):
        api.score(tables)
    assert ends(tables) == ["failed"]


def test_a_caller_that_knows_better_says_how_its_run_ended(tables: dict[str, Any]) -> None:
    with run_context(parse_config(tables), api.NullReporter(), command="mine", upto="ingest") as context:
        context.outcome = "partly"
    assert ends(tables) == ["partly"]


def test_a_run_merges_many_small_files_at_its_end_and_disturbs_no_reader(tables: dict[str, Any]) -> None:
    once = {**tables, "score": {"n": 1, "problems_per_commit": 1}, "compact_at": 0}
    api.score(once)
    with Lake(tables["lake"]) as reader:
        files = reader.files()
        assert len(files["rollouts"]) == 32
        batches = reader.stream("SELECT id FROM rollouts", rows=1)
        first = next(batches)
        with run_context(parse_config({**once, "compact_at": 1}), api.NullReporter(), command="mine", upto="ingest"):
            pass
        assert len(reader.files()["rollouts"]) == 1
        assert len([first, *batches]) == 32
        assert reader.rows("SELECT count(*) AS n FROM rollouts") == [{"n": 32}]


@pytest.mark.parametrize(("at", "merged"), [(0, False), (6, True), (7, False)])
def test_only_small_files_beyond_one_per_table_count_for_the_threshold(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, at: int, merged: bool
) -> None:
    monkeypatch.setattr(compaction, "sweep", lambda lake: 0)
    with Lake(tmp_path / "lake") as lake:
        for number in range(7):
            lake.append({"stages": [{"id": str(number), "stage": "ingest", "key": str(number), "detail": "{}"}]})
        assert (compaction.compact_scattered(lake, at) is not None) is merged
        assert len(lake.files()["stages"]) == (1 if merged else 7)


def test_a_compaction_that_is_under_way_is_left_alone(tmp_path: Any) -> None:
    with Lake(tmp_path / "lake") as lake:
        for number in range(3):
            lake.append({"stages": [{"id": str(number), "stage": "ingest", "key": str(number), "detail": "{}"}]})
        with compaction.lease(lake.storage, "compact", limit_s=60):
            assert compaction.compact_scattered(lake, 1) is None
        assert len(lake.files()["stages"]) == 3
