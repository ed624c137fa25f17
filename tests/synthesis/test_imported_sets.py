"""Training sets of other tools: their answers come in as attempts, are judged by our verifier, and make pairs and targets again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from assay.core.errors import ConfigError
from assay.exports.training_sets.dpo import Dpo
from assay.exports.training_sets.sft import Sft
from assay.pipelines.analysis.export_training_set import export_training_set
from assay.pipelines.data.training_rows import Synthesis, read_rows
from assay.pipelines.runner.stages import run_regrade, run_stages
from assay.pipelines.stages.import_rollouts import RolloutColumns, import_rollouts

PLAIN = {"rule": "vanilla", "attempts": 8, "distinct": False}


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


SIDES = """
SELECT s.problem_id, s.side, p.messages[1].content AS prompt, l.answer FROM splits s
JOIN problems p ON p.id = s.problem_id JOIN labels l USING (problem_id) ORDER BY s.side DESC, s.problem_id
"""


def test_steps_with_labels_come_home_and_are_exported_again(recorded: Callable[..., Any], tmp_path: Path) -> None:
    context, _ = recorded("onpolicy_pairs", {}, n=4)
    problems = context.lake.rows(SIDES)
    right, wrong, short, held_out = *problems[:3], problems[-1]
    assert (right["side"], held_out["side"]) == ("train", "held_out")
    theirs = [
        {"prompt": right["prompt"], "completions": ["I add.", f"It is {right['answer']}"], "labels": [True, True]},
        {
            "prompt": wrong["prompt"],
            "completions": ["I add.\n", "It is -1"],
            "labels": [True, False],
            "values": [0.75, 0],
        },
        {"prompt": short["prompt"], "completions": ["I add.", "It is 1"], "labels": [True]},
        {"prompt": held_out["prompt"], "completions": ["I add.", "It is 1"], "labels": [True, False]},
    ]
    file = tmp_path / "theirs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in theirs))
    found = import_rollouts(context.lake, "prm", file, policy="theirs", labels={})
    assert (found.added, dict(found.dropped)) == (3, {"unreadable": 1})
    assert import_rollouts(context.lake, "prm", file, policy="theirs", labels={}).added == 0
    (drop,) = context.lake.rows("SELECT DISTINCT detail FROM drops WHERE reason = 'unreadable'")
    assert "2 steps and 1 labels" in drop["detail"]
    run_regrade(context)
    outcomes = "SELECT v.outcome FROM verdicts v JOIN rollouts r ON r.id = v.rollout_id WHERE r.policy = 'theirs' AND problem_id = ?"
    assert [context.lake.rows(outcomes, [row["problem_id"]])[0]["outcome"] for row in (right, wrong)] == [
        "correct",
        "wrong",
    ]
    with pytest.raises(
        ConfigError, match=r"no step labels of .* were imported: .* there are some of theirs: set synthesize.policy"
    ):
        export_training_set(context, "prm", tmp_path / "none", method="imported")
    own, _ = recorded("onpolicy_pairs", {}, n=4, synthesize_policy="theirs")
    assert export_training_set(own, "prm", tmp_path / "out", method="imported")["rows"] == 2
    table = pq.read_table(tmp_path / "out" / "data" / "train.parquet").to_pylist()
    written = {row["prompt"]: (row["completions"], row["labels"], row["values"]) for row in table}
    assert written == {
        right["prompt"]: (["I add.\n", f"It is {right['answer']}"], [True, True], [1, 1]),
        wrong["prompt"]: (["I add.\n", "It is -1"], [True, False], [0.75, 0]),
    }
