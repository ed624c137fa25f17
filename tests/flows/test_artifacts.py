"""What a run leaves on the server for people: through the API, as the UI asks for it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assay.core.flow_config import FlowConfig
from assay.flows import artifacts
from assay.flows.artifacts import kept_and_dropped

DROPPED = [
    {"stage": "clean", "reason": "exact", "rows": 1, "example": "q"},
    {"stage": "select", "reason": "not_chosen", "rows": 5, "example": "p"},
]


def stage(name: str, out: int | None) -> dict[str, Any]:
    return {"stage": name, "out": out}


def test_what_a_stage_kept_stands_before_what_it_dropped() -> None:
    stages = [stage("ingest", 9), stage("clean", 8), stage("score", 8), stage("select", 3), stage("order", None)]
    rows = kept_and_dropped({"stages": stages, "dropped": DROPPED})
    assert [(row["stage"], row["what"], row["reason"], row["rows"]) for row in rows] == [
        ("clean", "kept", "", 8),
        ("clean", "dropped", "exact", 1),
        ("score", "kept", "", 8),
        ("select", "kept", "", 3),
        ("select", "dropped", "not_chosen", 5),
    ]


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:8080", "http://127.0.0.1:8080/"])
def test_the_link_leads_to_the_file_or_to_where_the_plan_says_that_pages_are_served(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str
) -> None:
    pytest.importorskip("prefect", reason="the extra flows is not installed")
    made: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr("prefect.artifacts.create_link_artifact", lambda link, **said: made.append((link, said)))
    page, config = tmp_path / "reports" / "sums.html", SimpleNamespace(name="sums", flow=FlowConfig(reports_url=url))
    monkeypatch.setattr(artifacts, "write_report", lambda *_, **__: page)
    monkeypatch.setattr(artifacts, "collect_values", lambda *_, **__: {"stages": [], "dropped": [], "histogram": {}})
    monkeypatch.setattr("prefect.artifacts.create_table_artifact", lambda *_rows, **_said: None)
    artifacts.make_artifacts(SimpleNamespace(config=config, reporter=SimpleNamespace(warn=pytest.fail)))  # type: ignore[arg-type]
    ((link, said),) = made
    assert link == said["link_text"] == ("http://127.0.0.1:8080/sums.html" if url else page.as_uri())
    assert said["key"] == "sums-report"
    assert ("copy the address" in said["description"]) == (not url)


HOSTILE = "night`ly ![x](http://e.org/p.png) <img src=http://e.org/q>"


def test_no_name_and_no_given_text_begins_a_picture_in_what_the_ui_renders(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("prefect", reason="the extra flows is not installed")
    shown: list[str] = []
    for kind in ("link", "table", "markdown"):
        monkeypatch.setattr(
            f"prefect.artifacts.create_{kind}_artifact",
            lambda data, **said: shown.extend([json.dumps(data), *said.values()]),
        )
    config = SimpleNamespace(name=HOSTILE, flow=FlowConfig(reports_url=""))
    monkeypatch.setattr(artifacts, "write_report", lambda *_, **__: tmp_path / "page.html")
    dropped = [{"stage": "clean", "reason": "exact", "rows": 1, "example": HOSTILE}]
    told = {"stages": [stage("clean", 1)], "dropped": dropped, "histogram": [1], "policy": HOSTILE}
    monkeypatch.setattr(artifacts, "collect_values", lambda *_, **__: told)
    monkeypatch.setattr(artifacts, "difficulty_chart", lambda _summary: "<svg></svg>")
    artifacts.make_artifacts(SimpleNamespace(config=config, reporter=SimpleNamespace(warn=pytest.fail)))  # type: ignore[arg-type]
    assert len(shown) > 6
    for text in shown:
        given = text.removeprefix('"![difficulty](data:image/svg+xml;base64,')
        assert "![" not in given
        assert "<img" not in given.replace("\\<", "")
        assert "night`" not in given


@pytest.mark.service
def test_a_run_leaves_table_picture_progress_and_link(server: Any, finished: Any) -> None:
    made = server.artifacts(finished.run["id"])
    rows = json.loads(made["nightly-kept-and-dropped"]["data"])
    assert ("ingest", "dropped", "duplicate", 1) in [
        (row["stage"], row["what"], row["reason"], row["rows"]) for row in rows
    ]
    assert sum(row["rows"] for row in rows if row["stage"] == "select") == 8
    assert made["nightly-difficulty"]["data"].startswith("![difficulty](data:image/svg+xml;base64,")
    page = finished.lake / "reports" / "nightly.html"
    assert page.is_file()
    assert page.as_uri() in made["nightly-report"]["data"]


@pytest.mark.service
def test_a_run_tells_its_log_and_its_progress(server: Any, finished: Any) -> None:
    assert "select: " in finished.log
    runs = server.ask("task_runs/filter", flow_runs={"id": {"any_": [finished.run["id"]]}})
    assert {"ingest", "clean", "order"} <= {run["name"] for run in runs}
    found = server.ask("artifacts/filter", artifacts={"key": {"any_": ["nightly-attempts-progress"]}})
    assert max(each["data"] for each in found) == 100
    assert "attempts of nightly: 16 of 16, 64 tokens" in [each["description"] for each in found]
    assert found[0]["task_run_id"]
