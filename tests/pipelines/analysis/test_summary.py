"""What the end of a run tells adds up: every row that went in came out or is told as dropped."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from assay.pipelines.analysis.summary import dropped
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
    run_context = context(source=[{"part": "files", "paths": str(sums)}, {"part": "files", "paths": str(more)}])
    results = run_stages(run_context, "clean")
    ingest, clean = results
    assert (ingest.rows_out, clean.rows_in) == (44, 41)
    drops: list[dict[str, Any]] = dropped(run_context, results)
    assert [(row["stage"], row["reason"], row["rows"]) for row in drops] == [("ingest", "same_question", 3)]


def test_a_pool_without_a_question_twice_tells_none(context: MakeContext) -> None:
    run_context = context()
    assert dropped(run_context, run_stages(run_context, "clean")) == []
