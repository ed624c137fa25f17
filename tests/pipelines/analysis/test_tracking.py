"""A finished run is logged by the trackers' own offline modes."""

import importlib.util
import json
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.core.errors import ConfigError
from assay.pipelines.analysis import tracking
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.stores.lake import Lake
from assay.training.trainer.checks import check_reports


class Reporter(NullReporter):
    """Keeps warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunContext]:
    monkeypatch.chdir(tmp_path)
    rows = [{"prompt": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(6)]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = parse_config(
        {
            "name": "sums",
            "lake": str(tmp_path / "lake"),
            "source": [{"type": "files", "paths": str(tmp_path / "sums.jsonl")}],
            "policy": {"model": "scripted", "engine": "scripted", "rule": "sum"},
            "score": {"n": 3},
            "embed": {"encoder": "tfidf", "clusters": 2},
            "select": {"selector": "uniform", "budget": 4},
            "track": {"report_to": ["wandb"], "project": "lab", "completions": 5},
        }
    )
    with Lake(config.lake) as lake, RunContext(config, lake, Reporter()) as context:
        run_stages(context)
        yield context
        context.judge.close()


def test_a_run_is_stages_counts_rates_costs_and_some_completions(finished: RunContext) -> None:
    tracked = tracking.collect_run(finished)
    assert [row["stage"] for row in tracked.tables["stages"]][:4] == ["ingest", "clean", "split", "score"]
    assert tracked.numbers["stage/select/rows_out"] == 4
    attempts = sum(tracked.numbers[f"attempts/{name}"] for name in ("correct", "wrong", "truncated", "error"))
    assert attempts == tracked.numbers["cost/attempts"] == 18
    assert tracked.numbers["cost/tokens"] == 18 * 4  # "The answer is N"
    assert sum(tracked.numbers[f"pass_rate/bin_{n}"] for n in range(10)) == len(tracked.pass_rates) == 6
    assert len(tracked.tables["completions"]) == 5
    assert {"question", "completion", "outcome", "reward"} <= set(tracked.tables["completions"][0])


def test_wandb_writes_its_offline_run(finished: RunContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    tracking.track_run(finished)
    assert finished.reporter.warnings == []  # type: ignore[attr-defined]
    (run,) = (tmp_path / "wandb").glob("offline-run-*")
    assert list(run.glob("*.wandb"))
    tables = sorted(path.name.split("_")[0] for path in run.rglob("*.table.json"))
    assert tables == ["completions", "stages"]


def test_mlflow_writes_metrics_and_tables(
    finished: RunContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    tracking.TRACKERS["mlflow"](tracking.collect_run(finished))
    (file,) = (tmp_path / "mlruns").rglob("completions.json")
    assert len(json.loads(file.read_text())["rows"]) == 5
    assert list((tmp_path / "mlruns").rglob("cost/tokens"))


def test_trackio_keeps_a_local_database(finished: RunContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("trackio") is None:
        pytest.skip("trackio is not installed")
    for name in [name for name in sys.modules if name.partition(".")[0] == "trackio"]:
        monkeypatch.delitem(sys.modules, name)  # it reads its folder when it is imported
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    tracking.TRACKERS["trackio"](tracking.collect_run(finished))
    (file,) = (tmp_path / "trackio").glob("lab*.db")
    with sqlite3.connect(file) as database:
        text = " ".join(str(row) for row in database.execute("SELECT metrics FROM metrics"))
    assert "cost/tokens" in text


def test_a_tracker_that_fails_is_a_warning_and_one_that_is_not_installed_an_error(
    finished: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> None:
        raise ConnectionError("no server")

    monkeypatch.setattr(tracking, "TRACKERS", {"wandb": away})
    tracking.track_run(finished)
    warnings = finished.reporter.warnings  # type: ignore[attr-defined]
    assert warnings == ["wandb did not get this run: ConnectionError: no server"]
    with pytest.raises(ConfigError, match=r"track\.report_to names 'no_such_tracker', which is not installed"):
        check_reports(["no_such_tracker"], key="track.report_to")
