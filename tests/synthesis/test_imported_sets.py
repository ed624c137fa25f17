"""Training sets of other tools: their answers come in as attempts, are judged by our verifier, and make pairs and targets again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.exports.training_sets.dpo import Dpo
from assay.exports.training_sets.sft import Sft
from assay.pipelines.data.training_rows import Synthesis, read_rows
from assay.pipelines.runner.stages import run_regrade, run_stages
from assay.pipelines.stages.import_rollouts import RolloutColumns, import_rollouts

PLAIN = {"rule": "vanilla", "trials": 8, "distinct": False}


@pytest.mark.parametrize(
    ("method", "settings", "table", "export", "columns"),
    [
        ("onpolicy_pairs", {}, "pairs", Dpo(), ("chosen", "rejected")),
        ("dart", PLAIN, "targets", Sft(), ("completion",)),
    ],
)
def test_a_set_that_was_exported_comes_back_as_attempts_that_make_it_again(
    recorded: Callable[..., Any],
    tmp_path: Path,
    method: str,
    settings: dict[str, Any],
    table: str,
    export: Any,
    columns: tuple[str, ...],
) -> None:
    context, (first,) = recorded(method, settings)
    rows = read_rows(context, run_stages(context, "split"), Synthesis(table, method, first.key.rows))
    written = [{name: row[name] for name in ("prompt", *columns)} for row in export.rows(rows)]  # no id of ours
    (tmp_path / "theirs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in written))
    for column in columns:
        import_rollouts(
            context.lake,
            "trl",
            tmp_path / "theirs.jsonl",
            policy="theirs",
            columns=RolloutColumns(text=column),
            labels={},
        )
    query = "SELECT count(*) AS n FROM rollouts WHERE policy = 'theirs'"
    assert context.lake.rows(query) == [{"n": len(columns) * len(rows)}]
    run_regrade(context)
    again, (second,) = recorded("onpolicy_pairs" if table == "pairs" else "s3ft", {}, synthesize_policy="theirs")
    made = again.lake.rows(f"SELECT problem_id, verified FROM {table} WHERE synthesis_id = ?", [second.key.rows])
    own = [row for row in made if row["verified"]]
    assert {row["problem_id"] for row in own} >= {row.problem_id for row in rows}
    if table == "pairs":
        assert sorted(row["problem_id"] for row in own) == sorted(row.problem_id for row in rows)
