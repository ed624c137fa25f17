"""The value of choosing, from the attempts that a lake holds."""

from collections.abc import Callable

import pytest

from assay.core.errors import ConfigError
from assay.pipelines.analysis import choosing_value
from assay.pipelines.analysis.choosing_value import estimate_value, read_attempts
from assay.pipelines.analysis.report import collect_values
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import done_stages, run_stages
from assay.viewer.report import snapshot

MakeContext = Callable[..., RunContext]


def test_counts_and_tokens_are_those_of_the_lake_and_what_was_not_attempted_has_none(walked: MakeContext) -> None:
    run_context = walked()
    ids = sorted(run_context.lake.query("SELECT DISTINCT problem_id FROM attempts")["problem_id"].to_pylist())
    attempts = read_attempts(run_context, {**dict.fromkeys(ids, "sums"), "none": ""})
    rows = {row["problem_id"]: row for row in run_context.lake.rows("SELECT * FROM pass_rates")}
    assert attempts.correct.tolist() == [*(rows[id_]["n_correct"] for id_ in ids), 0]
    assert attempts.tried.tolist() == [*(rows[id_]["n"] for id_ in ids), 0]
    assert attempts.tokens[-1] != attempts.tokens[-1]
    assert attempts.source.tolist()[-1] == "-"


def test_the_forecast_is_of_the_configs_training_and_writes_nothing(
    walked: MakeContext, context: MakeContext, monkeypatch
) -> None:
    monkeypatch.setattr(choosing_value, "LEAST", 10)
    walked()
    run_context = context(train={"steps": 3, "problems_per_step": 2})
    run_stages(run_context)
    before = run_context.lake.files()
    found = estimate_value(run_context, worlds=4)
    assert run_context.lake.files() == before
    assert (found["problems"], found["attempted"], found["steps"], found["groups"]) == (32, 32, 3, 2)
    assert {row["way"] for row in found["rows"] if row["uses"] == 5} == {
        "scoring, 4 attempts",
        "scoring, 8 attempts",
        "scoring until enough",
    }
    scoring = next(row for row in found["rows"] if row["way"] == "scoring, 4 attempts" and row["uses"] == 1)
    uniform = found["rows"][0]
    assert scoring["whole"][1] <= uniform["whole"][1] * 1.05  # its four attempts are stored, so it is charged for none
    assert found == estimate_value(run_context, worlds=4)


def test_the_report_tells_whether_choosing_pays_where_enough_was_attempted(
    walked: MakeContext, context: MakeContext, monkeypatch
) -> None:
    walked()
    run_context = context(train={"steps": 3, "problems_per_step": 2})
    run_stages(run_context)
    assert "value" not in snapshot(run_context)["parts"]
    monkeypatch.setattr(choosing_value, "LEAST", 10)
    report = snapshot(run_context)
    assert "value" in report["parts"]
    assert report["value"]["answer"]
    # once for each number of trainings that share its cost
    assert [row["way"] for row in report["value"]["rows"]].count("scoring until enough") >= 3
    monkeypatch.setattr(choosing_value, "REPORT_PROBLEMS", 31)
    assert collect_values(run_context)["value"] == {}


def test_too_few_attempted_problems_or_no_split_is_an_error_that_says_what_to_do(context: MakeContext) -> None:
    run_context = context()
    with pytest.raises(ConfigError, match="needs ingest"):
        estimate_value(run_context)
    run_stages(run_context)
    done_stages(run_context, "split", "this test")
    with pytest.raises(ConfigError, match=r"32 of 32 problems were attempted, but a forecast needs 40.*--pilot"):
        estimate_value(run_context)
