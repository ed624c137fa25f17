"""What the end of a run tells adds up: every row that went in came out or is told as dropped."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from assay.pipelines.analysis.summary import list_drops, suggest_queries
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages

MakeContext = Callable[..., RunContext]


def test_a_question_of_two_sources_is_told_where_the_count_falls(
    context: MakeContext, sums: Path, tmp_path: Path
) -> None:
    more = tmp_path / "more.jsonl"
    more.write_text(
        "".join(sums.read_text().splitlines(keepends=True)[:3])
        + json.dumps({"prompt": "What is 1 + 1?", "answer": "2"})
    )
    run_context = context(source=[{"type": "files", "paths": str(sums)}, {"type": "files", "paths": str(more)}])
    results = run_stages(run_context, "clean")
    ingest, clean = results
    assert (ingest.rows_out, clean.rows_in) == (44, 41)
    drops: list[dict[str, Any]] = list_drops(run_context, results)
    assert [(row["stage"], row["reason"], row["rows"]) for row in drops] == [("ingest", "same_question", 3)]


def test_a_pool_without_a_question_twice_tells_none(context: MakeContext) -> None:
    run_context = context()
    assert list_drops(run_context, run_stages(run_context, "clean")) == []


def test_suggested_queries_count_neither_other_settings_nor_training(context: MakeContext) -> None:
    first = context()
    queries = suggest_queries(first, run_stages(first))
    before = [first.lake.rows(query) for query in queries]
    assert [row["problems"] for row in before[0]] == [32]
    run_stages(context(policy={"temperature": 0.5}))
    (row, *_) = first.lake.rows("SELECT * FROM rollouts ORDER BY id LIMIT 1")
    trained = {**row, "id": "trained", "policy": "after a step", "step": 0, "group": "g"}
    (verdict, *_) = first.lake.rows("SELECT * FROM verdicts WHERE rollout_id = ?", [row["id"]])
    first.lake.append({"rollouts": [trained], "verdicts": [{**verdict, "id": "v", "rollout_id": "trained"}]})
    assert first.lake.rows(queries[0]) == before[0]
    answers = first.lake.rows(queries[1].replace("LIMIT 5", ""))
    wrong = first.lake.rows(
        "SELECT count(*) AS n FROM rollouts r JOIN verdicts v ON v.rollout_id = r.id "
        "WHERE step IS NULL AND outcome <> 'correct' AND sampler = ?",
        [first.config.policy.sampler.id],
    )
    assert len(answers) == wrong[0]["n"] > 0
