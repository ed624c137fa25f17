"""A pool in batches of 7, of 1,000, and whole leaves the same rows in every table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.embedding.tfidf import Tfidf
from assay.pipelines.context.run import RunContext
from assay.pipelines.data import problem_batches
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.sampling import stored_counts
from assay.pipelines.stages import ingest, split
from assay.stores import lake as lakes

pytest.importorskip("faiss")
TABLES = (
    "problems",
    "labels",
    "pool_members",
    "drops",
    "splits",
    "scores",
    "vectors",
    "clusters",
    "selections",
    "curriculum",
)


def rows_of(context: Callable[..., RunContext], lake: Path) -> dict[str, Any]:
    """What a run leaves that draws attempts, and one over these with another prior, without runs and times."""
    run_stages(context(lake=str(lake)), "score")
    again = context(lake=str(lake), score={"prior": "uniform"})
    results = run_stages(again)
    rows = {name: again.lake.rows(f"SELECT * EXCLUDE (run) FROM {name} ORDER BY id") for name in TABLES}
    assert len(rows["scores"]) == 2 * len(rows["vectors"]) == 2 * results.of("score").rows_out
    return rows | {"results": [(str(result.key), result.rows_in, result.rows_out) for result in results]}


@pytest.mark.model  # no model, but half a minute: it runs beside the other long ones
def test_a_pool_in_batches_of_7_of_1000_and_whole_leaves_the_same_rows(
    context: Callable[..., RunContext], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = rows_of(context, tmp_path / "whole")
    for size in (7, 1_000):
        for place in ((problem_batches, "BATCH"), (ingest, "CHUNK"), (split, "ROWS"), (stored_counts, "ROWS")):
            monkeypatch.setattr(*place, size)
        monkeypatch.setattr(Tfidf, "texts_per_commit", size)
        monkeypatch.setattr(lakes, "FROM_ROWS", size)
        monkeypatch.setattr(lakes, "BATCH", size)
        other = rows_of(context, tmp_path / str(size))
        for name, rows in whole.items():
            assert other[name] == rows, name
