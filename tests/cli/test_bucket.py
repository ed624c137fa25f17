"""`--lake s3://bucket/prefix`: every command takes it, and says in one line with exit code 2 what is out of reach."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
pytestmark = pytest.mark.service


def test_a_run_a_question_and_a_check_on_a_bucket(assay: Run, config: Path, bucket: str) -> None:
    ran = assay("curate", "run", config, "--set", f"lake={bucket}")
    assert ran.returncode == 0, ran.stderr
    assert f"lake: {bucket} (Parquet in tables/)" in ran.stdout
    assert "hush" not in ran.stdout + ran.stderr
    counted = assay("curate", "sql", "SELECT count(*) AS n FROM rollouts", "--lake", bucket, "--format", "json")
    assert json.loads(counted.stdout) == [{"n": 64}]
    checked = assay("curate", "lake", "fsck", "--lake", bucket)
    assert (checked.returncode, "every file is intact" in checked.stderr) == (0, True), checked.stderr


def test_what_is_out_of_reach_is_one_line_and_exit_2(assay: Run, config: Path, bucket: str) -> None:
    for command, lake, said, environment in (
        ("run", "s3://no-such-bucket-here/lake", "there is no such bucket", {}),
        ("status", bucket, "does not answer", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}),
    ):
        ran = assay("curate", command, config, "--lake", lake, **environment)
        assert (ran.returncode, said in ran.stderr, ran.stderr.count("\n")) == (2, True, 1), ran.stderr
