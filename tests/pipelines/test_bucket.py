"""The walk on a lake in a bucket leaves the tables of the walk on a folder, and another machine finds nothing to do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from assay.core.errors import PlanError
from assay.pipelines.forecast import stages
from assay.pipelines.job import Job
from assay.pipelines.summary import summary
from assay.pipelines.train import output_folder
from assay.pipelines.walk import walk
from assay.stores import s3

Made = Callable[..., Job]
pytestmark = pytest.mark.service
CONTENT = {
    "problems": "id, source, messages",
    "labels": "id, answer",
    "members": "id",
    "splits": "id, side",
    "samplers": "id, settings",
    "rollouts": "id, sample, tokens, seed",
    "texts": "id, text",
    "verdicts": "id, outcome",
    "scores": "id, correct, wrong",
    "vectors": "id, dim",
    "clusters": "id, cluster",
    "selections": "id, kept, reason",
    "lessons": "id, position",
    "stages": "id, key, rows_in, rows_out",
    "pass_rates": "problem_id, n_correct, n_wrong, low, high",
}


def test_a_walk_on_a_bucket_leaves_the_tables_of_a_local_one(job: Made, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local, remote = job(), job(lake=bucket)
    for each in (local, remote):
        walk(each)
        each.lake.catalogue()
    for table, columns in CONTENT.items():
        rows = local.lake.rows(f"SELECT {columns} FROM {table} ORDER BY ALL")
        assert rows, f"{table} is empty: nothing was compared"
        assert remote.lake.rows(f"SELECT {columns} FROM {table} ORDER BY ALL") == rows, table
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "another machine"))
    s3.bucket.cache_clear()
    again = job(lake=bucket)
    assert {each["state"] for each in stages(again)} == {"done"}
    assert all(outcome.reused for outcome in walk(again))
    assert summary(again)["lake"] == bucket
    with pytest.raises(PlanError, match=r"holds no checkpoints: name a folder in train\.output"):
        output_folder(again, "key")
    assert output_folder(job(lake=bucket, train={"output": "here"}), "key") == Path("here")
