"""The walk on a lake in a bucket leaves the tables of the walk on a folder, and another machine finds nothing to do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from assay.core.errors import ConfigError
from assay.pipelines.analysis.cost_estimate import list_stages, stage_states
from assay.pipelines.analysis.summary import collect_summary
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages, survey_stages
from assay.pipelines.stages.train import output_folder
from assay.stores.storage import s3

Made = Callable[..., RunContext]
pytestmark = pytest.mark.service
CONTENT = {
    "problems": "id, source, messages",
    "labels": "id, answer",
    "pool_members": "id",
    "splits": "id, side",
    "sampling_configs": "id, settings",
    "rollouts": "id, sample, tokens, seed",
    "completions": "id, text",
    "verdicts": "id, outcome",
    "scores": "id, n_correct, n_wrong",
    "vectors": "id, dim",
    "clusters": "id, cluster",
    "selections": "id, kept, reason",
    "curriculum": "id, position",
    "stages": "id, key, rows_in, rows_out",
    "pass_rates": "problem_id, n_correct, n_wrong, low, high",
}


def test_a_walk_on_a_bucket_leaves_the_tables_of_a_local_one(
    context: Made, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local, remote = context(), context(lake=bucket)
    for each in (local, remote):
        run_stages(each)
        each.lake.catalogue()
    for table, columns in CONTENT.items():
        rows = local.lake.rows(f"SELECT {columns} FROM {table} ORDER BY ALL")
        assert rows, f"{table} is empty: nothing was compared"
        assert remote.lake.rows(f"SELECT {columns} FROM {table} ORDER BY ALL") == rows, table
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "another machine"))
    s3.bucket.cache_clear()
    again = context(lake=bucket)
    assert {each["state"] for each in list_stages(stage_states(survey_stages(again)))} == {"done"}
    results = run_stages(again)
    assert all(result.reused for result in results)
    assert collect_summary(again, results)["lake"] == bucket
    with pytest.raises(ConfigError, match=r"cannot hold checkpoints: name a folder in train\.output"):
        output_folder(again, "key")
    assert output_folder(context(lake=bucket, train={"output": "here"}), "key") == Path("here")
