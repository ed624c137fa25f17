"""`curate autopsy` on a recorded training: one page, one table, and a file that `curate init` reads."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from assay.cli.apps import curate_app

RECORDED = Path(__file__).parent.parent / "pipelines" / "analysis" / "autopsy" / "recorded_training.parquet"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_page_a_table_and_a_pool_that_init_reads(here: Path) -> None:
    arguments = ["autopsy", str(RECORDED), "--verifier", "numeric", "--out", "pool.jsonl", "--table", "t.parquet"]
    done = CliRunner().invoke(curate_app, [*arguments, "--problems", "p.parquet", "--json"])
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert summary["attempts"] == 1536
    assert summary["written"]["page"] == "autopsy.html"
    assert "went into groups that taught nothing" in (here / "autopsy.html").read_text()
    table = pq.read_table(here / "t.parquet").to_pylist()
    assert [row["finding"] for row in table] == [row["finding"] for row in summary["findings"]]
    problems = pq.read_table(here / "p.parquet").to_pylist()
    kept = [json.loads(line) for line in (here / "pool.jsonl").read_text().splitlines()]
    assert [row["prompt"] for row in problems if row["kept"]] == [row["prompt"] for row in kept]
    assert 0 < len(kept) == summary["pool"]["kept"] < len(problems) == 48
    done = CliRunner().invoke(curate_app, ["init", "pool.jsonl", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["problems"] == len(kept)


def test_the_terminal_says_the_headline_and_each_finding(here: Path) -> None:
    done = CliRunner().invoke(curate_app, ["autopsy", str(RECORDED), "--regrade", "0"], env={"COLUMNS": "140"})
    assert done.exit_code == 0, done.output
    for text in ("taught nothing", "without signal", "best half by posterior", "columns: prompt in prompt"):
        assert text in done.output


def test_a_pool_without_golds_is_refused_after_the_page_is_written(here: Path) -> None:
    rows = [json.dumps({"prompt": "How many?", "completion": "4", "reward": n % 2}) for n in range(8)]
    (here / "log.jsonl").write_text("\n".join(rows))
    done = CliRunner().invoke(curate_app, ["autopsy", "log.jsonl", "--out", "pool.jsonl"])
    assert done.exit_code == 2
    assert "none of the kept problems has a gold answer" in done.output
    assert (here / "autopsy.html").exists()
    assert not (here / "pool.jsonl").exists()


def test_a_log_that_is_none_is_a_usage_error(here: Path) -> None:
    done = CliRunner().invoke(curate_app, ["autopsy", "nowhere.jsonl"])
    assert done.exit_code == 2
    assert "no such file" in done.output
