"""The page of a plan: it does no stage, and tells what the lake holds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import ConfigError
from assay.pipelines.analysis.report import collected, difficulty_chart, rendered, write
from assay.pipelines.analysis.summary import BINS
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.stages.train import Train

MakeContext = Callable[..., RunContext]


def test_the_page_of_a_finished_plan_tells_its_counts(walked: MakeContext, context: MakeContext) -> None:
    walked()
    run_context = context()
    values = collected(run_context)
    assert [(row["stage"], row["state"], row["out"]) for row in values["stages"]][3:] == [
        ("score", "done", 32),
        ("embed", "done", 32),
        ("select", "done", 10),
        ("order", "done", 10),
    ]
    ingest, clean = values["stages"][:2]
    assert (ingest["in"], ingest["out"], clean["in"]) == (40, 40, 40)
    assert (sum(values["histogram"]["problems"]), sum(values["histogram"]["kept"])) == (32, 10)
    assert sum(values["widths"]["kept"]) + sum(values["widths"]["others"]) == 32
    assert sum(row["kept"] for row in values["clusters"]["rows"]) == 10
    assert sum(row["size"] for row in values["clusters"]["rows"]) == 32
    assert values["curriculum"]["lessons"] == len(values["curriculum"]["rows"]) == 10
    assert dict(values["tiles"])["attempts behind the scores"] == 128
    assert values["verifiers"][0]["verifier"] == "math"
    rollouts = next(row for row in values["tables"] if row["table"] == "rollouts")
    assert (rollouts["made_by"], rollouts["rows"]) == ("score", 128)
    assert values["curves"] == {}
    assert run_context.meter.samples == 0


def test_a_plan_of_which_half_is_done_says_what_is_next_and_does_nothing(context: MakeContext) -> None:
    run_stages(context(), "split")
    run_context = context()
    values = collected(run_context)
    states = {row["stage"]: row["state"] for row in values["stages"]}
    assert states["split"] == "done"
    assert states["score"].startswith("next: ")
    assert states["embed"] == "later"
    assert "Difficulty" not in rendered(values)
    assert run_context.lake.rows("SELECT count(*) AS n FROM rollouts") == [{"n": 0}]


def test_the_page_lies_in_the_lake_or_where_it_is_told_to(
    walked: MakeContext, context: MakeContext, tmp_path: Path
) -> None:
    walked()
    place = write(context())
    assert place == tmp_path / "lake" / "reports" / "sums.html"
    text = place.read_text()
    assert text.count("<svg") == 2
    assert "selected" in text
    assert write(context(), tmp_path / "new" / "page.html").read_text().startswith("<!doctype html>")
    assert not list(tmp_path.rglob("*.tmp"))
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written to"):
        write(context(), tmp_path / "file" / "page.html")


def test_the_difficulty_chart_holds_one_bar_a_bin_that_is_not_empty(walked: MakeContext, context: MakeContext) -> None:
    walked()
    values = collected(context())
    filled = sum(n > 0 for n in values["histogram"]["kept"]) + sum(
        of > n for of, n in zip(values["histogram"]["problems"], values["histogram"]["kept"], strict=True)
    )
    assert difficulty_chart(values).count("<title>") == filled
    assert len(values["histogram"]["kept"]) == len(BINS)


def test_training_is_a_curve_of_this_plans_own(
    walked: MakeContext, context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked()
    run_context = context()
    training_key = Train(run_context, run_stages(run_context, only=True)).key.rows
    rows: list[dict[str, Any]] = [
        {
            "id": f"{training}-{step}",
            "training": training,
            "step": step,
            "name": "reward",
            "value": step / 4,
            "policy": "p",
        }
        for training in (training_key, "another")
        for step in range(3)
    ]
    run_context.lake.append({"train_metrics": rows}, run="r")
    values = collected(run_context)
    assert values["curves"] == {"reward": [(0, 0.0), (1, 0.25), (2, 0.5)]}
    assert values["training"] == "not finished"
    assert "<polyline" in rendered(values)
