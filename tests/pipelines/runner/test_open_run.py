"""A run that Python opens ends in `runs` as what it was, whatever happens inside."""

from typing import Any

import pytest

from assay import api
from assay.core.config import parse_config
from assay.core.errors import EngineError
from assay.engines.scripted import Scripted
from assay.pipelines.runner.open_run import run_context
from assay.stores.lake import Lake


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
        raise EngineError("no server answers")

    monkeypatch.setattr(Scripted, "generate", fail)
    with pytest.raises(EngineError, match="no server answers"):
        api.score(tables)
    assert ends(tables) == ["failed"]


def test_a_caller_that_knows_better_says_how_its_run_ended(tables: dict[str, Any]) -> None:
    with run_context(parse_config(tables), api.NullReporter(), command="mine", upto="ingest") as context:
        context.outcome = "partly"
    assert ends(tables) == ["partly"]
