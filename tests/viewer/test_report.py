"""The report: the viewer's views over answers that lie in one page."""

import tempfile
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import ConfigError
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.stages.train import Train
from assay.viewer import report
from assay.viewer.report import snapshot, write_report


def test_the_answers_are_those_of_the_viewer_and_name_what_there_is_to_show(curated: RunContext) -> None:
    found = snapshot(curated)
    assert found["parts"] == [
        "overview",
        "telling",
        "difficulty",
        "clusters",
        "selectors",
        "curriculum",
        "cost",
        "origin",
    ]
    (stored,) = curated.lake.rows("SELECT count(*) AS problems, sum(n_correct)::INT AS correct FROM current_scores")
    assert (found["state"]["problems"], found["overview"]["attempts"]["correct"]) == tuple(stored.values())
    assert stored["problems"] == 24
    assert sum(map(sum, (row["bins"] for row in found["difficulty"]["sources"]))) == 24
    assert len(found["telling"]) == len(found["problems"]) == 20
    assert all(len(page["attempts"]) == 4 for page in found["problems"].values())
    assert [row["state"] for row in found["origin"]["stages"]][:7] == ["done"] * 7
    assert next(row["rows"] for row in found["origin"]["tables"] if row["table"] == "rollouts") == 96
    assert ["grading", "strict"] in found["origin"]["sampling"]
    assert curated.meter.samples == 0, "a report draws nothing"


def test_a_pool_that_lies_in_a_file_gives_the_same_page(
    curated: RunContext, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    in_memory = snapshot(curated)
    monkeypatch.setattr(report, "IN_MEMORY", 0)
    monkeypatch.setattr(report, "read_pool", None)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    in_file = snapshot(curated)
    assert {name: value for name, value in in_file.items() if value != in_memory[name]} == {}
    assert not list(tmp_path.glob("assay-report-*"))


def test_a_config_of_which_half_is_done_shows_what_there_is(curation: Any) -> None:
    run_stages(curation(), "split")
    found = snapshot(curation())
    assert found["parts"] == ["overview", "origin"]
    states = {row["stage"]: row["state"] for row in found["origin"]["stages"]}
    assert states["split"] == "done"
    assert states["score"].startswith("next: ")


def test_the_page_lies_in_the_lake_or_where_it_is_told_to(
    curated: RunContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write_report(curated)
    assert place == curated.lake.root / "reports" / "sums.html"
    assert place.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert place.stat().st_size < 5_000_000
    assert write_report(curated, tmp_path / "new" / "page.html").exists()
    assert not list(tmp_path.rglob("*.tmp"))
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("assay.viewer.report.snapshot", None)  # a place that refuses the page is found before
    with pytest.raises(ConfigError, match="cannot write the page to"):
        write_report(curated, tmp_path / "file" / "page.html")


def test_the_training_shown_is_the_configs_own(curated: RunContext, curation: Any) -> None:
    own = Train(curated, run_stages(curated, only=True)).key.rows
    rows = [
        {
            "id": f"{training}-{step}",
            "training": training,
            "step": step,
            "name": "reward",
            "value": step / 4,
            "policy": "p",
        }
        for training in ("another", own)
        for step in range(3)
    ]
    curated.lake.append({"train_metrics": rows[:3]}, run="r")
    assert "training" not in snapshot(curation())["parts"]
    curated.lake.append({"train_metrics": rows[3:]}, run="r")
    found = snapshot(curation())["training"]
    assert [row["training"] for row in found["trainings"]] == [own]
    assert [point[:2] for point in found["curves"]["reward"]] == [[0, 0.0], [1, 0.25], [2, 0.5]]
