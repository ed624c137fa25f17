"""What a user types to keep a release, to say what changed since, and to take over another lake."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
pytestmark = pytest.mark.service  # each test starts real processes


def test_a_pool_is_tagged_compared_and_merged(assay: Run, curated: Path) -> None:
    lake = curated.parent / "lake"
    first = json.loads(assay("curate", "tag", "v1", curated, "--note", "first", "--json").stdout)
    assert first["is_new"]
    assert first["kept"] > 1
    fewer = curated.with_name("fewer.toml")
    fewer.write_text(curated.read_text().replace("budget = ", "budget = 1 # "))
    assert assay("curate", "run", fewer).returncode == 0
    refused = assay("curate", "tag", "v1", fewer)
    assert refused.returncode == 2
    assert "releases never change" in refused.stderr
    changed = json.loads(assay("curate", "diff", "v1", fewer, "--json").stdout)
    assert changed["selection"]["b"] == 1
    assert changed["problems"]["added"] == 0
    assert "selected" in assay("curate", "diff", "v1", fewer).stdout
    other = curated.parent / "other"
    added = json.loads(assay("curate", "lake", "merge", lake, "--lake", other, "--json").stdout)["added"]
    assert added["tags"] == 1
    assert added["tag_rows"] == first["problems"]
    assert json.loads(assay("curate", "lake", "merge", lake, "--lake", other, "--json").stdout)["added"] == {}
    assert assay("curate", "lake", "merge", other, "--lake", other).returncode == 1
    sql = "SELECT DISTINCT source FROM problems"
    (row,) = json.loads(assay("curate", "sql", sql, "--lake", other, "--format", "json").stdout)
    kept = assay("curate", "lake", "delete", "--source", row["source"], "--lake", other)
    assert kept.returncode == 1
    assert "releases hold these rows: v1" in kept.stderr
    assert assay("curate", "lake", "fsck", "--lake", other).returncode == 0
