"""`lake = "s3://bucket/prefix"`: the same walk, the same tables, and exit code 2 where the bucket is out of reach."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.stores.lake import Lake

Run = Callable[..., "subprocess.CompletedProcess[str]"]
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


def test_a_run_on_a_bucket_leaves_the_tables_of_a_local_one_and_knows_it_again(assay: Run, plan: Path, bucket: str) -> None:
    here, there = assay("curate", "run", plan), assay("curate", "run", plan, "--lake", bucket)
    assert (here.returncode, there.returncode) == (0, 0), there.stderr
    assert f"lake: {bucket}" in there.stdout
    with Lake(plan.parent / "lake") as local, Lake(bucket, create=False) as remote:
        for table, columns in CONTENT.items():
            query = f"SELECT {columns} FROM {table} ORDER BY ALL"
            assert remote.rows(query) == local.rows(query), table
            assert table == "members" or local.rows(query), f"{table} is empty: nothing was compared"
    again = assay("curate", "run", plan, "--lake", bucket, "--json", ASSAY_CACHE=str(plan.parent / "another machine"))
    assert json.loads(again.stdout)["nothing_to_do"] is True, again.stderr
    assert json.loads(again.stdout)["lake"] == bucket
    status = json.loads(assay("curate", "status", plan, "--lake", bucket, "--json").stdout)
    assert {each["state"] for each in status["stages"]} == {"done"}
    counted = assay("curate", "sql", "SELECT count(*) AS n FROM rollouts", "--lake", bucket, "--format", "json")
    assert json.loads(counted.stdout) == [{"n": 64}]
    assert "hush" not in there.stdout + there.stderr + again.stdout


def test_upkeep_and_training_know_a_bucket(assay: Run, plan: Path, bucket: str) -> None:
    assert assay("curate", "run", plan, "--lake", bucket).returncode == 0
    merged = json.loads(assay("curate", "compact", "--lake", bucket, "--keep-hours", "0", "--json").stdout)
    assert merged["before"] > merged["after"]
    checked = assay("curate", "fsck", "--lake", bucket)
    assert (checked.returncode, "as its commit left it" in checked.stderr) == (0, True), checked.stderr
    trained = assay("train", "run", plan, "--lake", bucket)
    assert (trained.returncode, "train.output" in trained.stderr) == (2, True), trained.stderr


def test_what_is_out_of_reach_is_one_line_and_exit_2(assay: Run, plan: Path, bucket: str) -> None:
    for lake, said, environment in (
        ("s3://no-such-bucket-here/lake", "there is no such bucket", {}),
        (bucket, "does not answer", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}),
    ):
        ran = assay("curate", "run", plan, "--lake", lake, **environment)
        assert (ran.returncode, said in ran.stderr, ran.stderr.count("\n")) == (2, True, 1), ran.stderr
