"""Results: tables that every library takes, with kept fields as columns, and text that is inert in a notebook."""

from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

import assay
from assay.api.results import flatten_metadata

SCRIPTED = {"engine": "scripted", "model": "scripted", "rule": "sum", "max_tokens": 16}


@pytest.fixture
def scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    rows = [{"question": f"<script>{a}</script>?", "answer": str(a), "source": "own"} for a in range(12)]
    pool = assay.problems(rows, metadata_fields=["source"], name="sums")
    return assay.score(pool, attempts=4, policy=SCRIPTED, lake="lake")


def test_a_result_is_a_table_for_every_library(scores: Any) -> None:
    assert pa.table(scores).equals(scores.to_arrow())
    assert pd.DataFrame(scores.to_pandas()).shape == (12, scores.num_columns)
    with duckdb.connect() as connection:
        assert connection.sql("SELECT count(*) FROM scores").fetchall() == [(12,)]
    assert scores.to_dataset().column_names == scores.column_names
    assert [row["problem_id"] for row in scores] == scores["problem_id"].to_pylist()
    assert "filter" in dir(scores)


def test_kept_fields_become_columns_that_shadow_none(scores: Any) -> None:
    assert set(scores["source"].to_pylist()) == {"sums"}
    assert set(scores["metadata_source"].to_pylist()) == {"own"}
    mixed = pa.table({"metadata": ['{"a": 1, "b": [1]}', '{"a": "x"}', None]})
    assert flatten_metadata(mixed).to_pydict() == {"a": ["1", '"x"', None], "b": [[1], None, None]}


def test_a_notebook_shows_a_summary_and_inert_rows(scores: Any) -> None:
    page = scores._repr_html_()
    assert "12 problems, 48 attempts" in page
    assert "<script>" not in page
    assert "&lt;script&gt;0&lt;/script&gt;?" in page
    assert "… 2 more" in page


def test_a_limit_says_that_the_rows_are_partial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pool = assay.problems([{"question": f"{a}?", "answer": str(a)} for a in range(40)])
    with pytest.warns(UserWarning, match=r"score is partly done: \d+ of 40 problems; limit.tokens = 20 reached"):
        scores = assay.score(pool, attempts=4, policy=SCRIPTED, limit={"tokens": 20})
    assert scores.partial.startswith("score is partly done")
    assert "partly done" in repr(scores)


def test_plots_show_every_problem(scores: Any) -> None:
    bars = scores.plot()
    assert sum(patch.get_height() for patch in bars.patches) == 12
    lines = scores.plot("intervals")
    assert len(lines.lines[0].get_xdata()) == 12
    clusters = assay.embed(scores, encoder="tfidf", clusters=3)
    assert len(clusters.plot().collections[0].get_offsets()) == 12
