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

Made = Callable[..., RunContext]


def test_the_page_of_a_finished_plan_tells_its_counts(walked: Made, context: Made) -> None:
    walked()
    made = context()
    told = collected(made)
    assert [(each["stage"], each["state"], each["out"]) for each in told["stages"]][3:] == [
        ("score", "done", 32),
        ("embed", "done", 32),
        ("select", "done", 10),
        ("arrange", "done", 10),
    ]
    ingest, clean = told["stages"][:2]
    assert (ingest["in"], ingest["out"], clean["in"]) == (40, 40, 40)
    assert (sum(told["histogram"]["problems"]), sum(told["histogram"]["kept"])) == (32, 10)
    assert sum(told["widths"]["kept"]) + sum(told["widths"]["others"]) == 32
    assert sum(each["kept"] for each in told["clusters"]["rows"]) == 10
    assert sum(each["size"] for each in told["clusters"]["rows"]) == 32
    assert told["curriculum"]["lessons"] == len(told["curriculum"]["rows"]) == 10
    assert dict(told["tiles"])["attempts behind the scores"] == 128
    assert told["verifiers"][0]["verifier"] == "math"
    rollouts = next(row for row in told["tables"] if row["table"] == "rollouts")
    assert (rollouts["made_by"], rollouts["rows"]) == ("score", 128)
    assert told["curves"] == {}
    assert made.meter.samples == 0


def test_a_plan_of_which_half_is_done_says_what_is_next_and_does_nothing(context: Made) -> None:
    run_stages(context(), "split")
    made = context()
    told = collected(made)
    states = {each["stage"]: each["state"] for each in told["stages"]}
    assert states["split"] == "done"
    assert states["score"].startswith("next: ")
    assert states["embed"] == "later"
    assert "Difficulty" not in rendered(told)
    assert made.lake.rows("SELECT count(*) AS n FROM rollouts") == [{"n": 0}]


def test_the_page_lies_in_the_lake_or_where_it_is_told_to(walked: Made, context: Made, tmp_path: Path) -> None:
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


def test_the_difficulty_chart_holds_one_bar_a_bin_that_is_not_empty(walked: Made, context: Made) -> None:
    walked()
    told = collected(context())
    filled = sum(n > 0 for n in told["histogram"]["kept"]) + sum(
        of > n for of, n in zip(told["histogram"]["problems"], told["histogram"]["kept"], strict=True)
    )
    assert difficulty_chart(told).count("<title>") == filled
    assert len(told["histogram"]["kept"]) == len(BINS)


def test_training_is_a_curve_of_this_plans_own(walked: Made, context: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    walked()
    made = context()
    training_key = Train(made, run_stages(made, only=True)).key.rows
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
    made.lake.append({"train_metrics": rows}, run="r")
    told = collected(made)
    assert told["curves"] == {"reward": [(0, 0.0), (1, 0.25), (2, 0.5)]}
    assert told["training"] == "not finished"
    assert "<polyline" in rendered(told)
