"""Rollouts leave with their verdicts, in three forms."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.core.errors import ConfigError
from assay.pipelines.analysis.export import export
from assay.pipelines.analysis.export_rollouts import export_rollouts
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.stores.lake import Lake


def config_of(folder: Path, **policy: Any) -> Any:
    return parse_config(
        {
            "lake": str(folder / "lake"),
            "source": [
                {"type": "files", "paths": str(folder / "sums.jsonl"), "name": "sums", "metadata_fields": ["id"]}
            ],
            "policy": {
                "model": "scripted",
                "engine": "scripted",
                "rule": "sum",
                "template": "{prompt} Think.",
                **policy,
            },
            "score": {"n": 3},
            "embed": {"encoder": "tfidf", "clusters": 2},
            "select": {"selector": "uniform", "budget": 2},
        }
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunContext]:
    """Five sums, attempted three times each at two temperatures; the run is that of the second."""
    folder = tmp_path_factory.mktemp("rollouts")
    rows = [{"id": n, "prompt": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(5)]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for temperature in (0.5, 1.0):
        config = config_of(folder, temperature=temperature)
        with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
            run_stages(context)
            if temperature == 1.0:
                yield context
            context.judge.close()


def test_json_lines_hold_prompt_completion_and_verdict(finished: RunContext, tmp_path: Path) -> None:
    result = export_rollouts(finished, "jsonl", tmp_path / "out")
    rows = [json.loads(line) for line in (tmp_path / "out" / "rollouts.jsonl").read_text().splitlines()]
    assert (result["rollouts"], result["judged"], len(rows)) == (15, 15, 15)
    assert sum(result["outcomes"].values()) == 15
    for row in rows:
        question = row["prompt"][-1]["content"]
        assert question.endswith("+ 1? Think.")
        right = row["completion"] == f"The answer is {row['gold']}"
        assert (row["outcome"], row["reward"]) == (("correct", 1.0) if right else ("wrong", 0.0))
        assert (row["row_id"], row["verifier"], row["source"]) == (str(int(row["gold"]) - 1), "math", "sums")


def test_an_exported_question_is_the_authors_and_its_prompt_the_policys(finished: RunContext, tmp_path: Path) -> None:
    export(finished, "jsonl", tmp_path / "out")
    rows = [json.loads(line) for line in (tmp_path / "out" / "train.jsonl").read_text().splitlines()]
    assert rows
    assert {row["prompt"][-1]["content"] == row["question"] + " Think." for row in rows} == {True}


def test_parquet_holds_the_same_rows_and_other_policies_on_demand(finished: RunContext, tmp_path: Path) -> None:
    export_rollouts(finished, "parquet", tmp_path / "own")
    export_rollouts(finished, "parquet", tmp_path / "all", every_policy=True)
    own, both = (pq.read_table(tmp_path / name / "rollouts-00000.parquet").to_pylist() for name in ("own", "all"))
    assert (len(own), len(both), len({row["sampler"] for row in both})) == (15, 30, 2)


def test_a_trace_is_a_session_with_its_turns(finished: RunContext, tmp_path: Path) -> None:
    result = export_rollouts(finished, "traces", tmp_path / "out", limit=4)
    files = sorted((tmp_path / "out").iterdir())
    assert (result["rollouts"], len(files)) == (4, 4)
    header, *turns = [json.loads(line) for line in files[0].read_text().splitlines()]
    assert (header["type"], header["harness"], header["id"]) == ("session", "assay", files[0].stem)
    assert [turn["message"]["role"] for turn in turns] == ["user", "assistant"]
    assert header["verdict"]["outcome"] in ("correct", "wrong")


def test_what_cannot_be_written_is_refused(finished: RunContext, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown form 'csv'"):
        export_rollouts(finished, "csv", tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("")
    with pytest.raises(ConfigError, match="not empty"):
        export_rollouts(finished, "jsonl", tmp_path / "mine")
