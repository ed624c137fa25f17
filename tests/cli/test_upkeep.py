"""What a user types to verify, merge, explain, export, import and forget."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
pytestmark = pytest.mark.service  # each test starts real processes


def test_a_lake_is_verified_merged_explained_exported_fed_and_relieved(assay: Run, curated: Path) -> None:
    lake = ("--lake", curated.parent / "lake")
    assert assay("curate", "lake", "fsck", *lake).returncode == 0
    assert json.loads(assay("curate", "lake", "compact", *lake, "--json").stdout)["after"] > 0
    (row,) = json.loads(
        assay("curate", "sql", "SELECT id FROM problems ORDER BY id LIMIT 1", *lake, "--format", "json").stdout
    )
    assert json.loads(assay("curate", "show", row["id"], *lake, "--json").stdout)["problem"][0]["id"] == row["id"]
    assert (
        json.loads(
            assay("curate", "export", curated, "--to", "verl", "--out", curated.parent / "out", "--json").stdout
        )["rows"]
        == 6
    )
    (curated.parent / "r.jsonl").write_text(json.dumps({"assay_id": row["id"], "completion": "1", "reward": 1}) + "\n")
    told = json.loads(
        assay("curate", "import", "rollouts", curated.parent / "r.jsonl", "--policy", "theirs", *lake, "--json").stdout
    )
    assert told == {"rows": 1, "added": 1, "dropped": {}}
    assert (
        json.loads(assay("curate", "lake", "delete", "--policy", "theirs", *lake, "--json").stdout)["removed"][
            "rollouts"
        ]
        == 1
    )
    assert assay("curate", "lake", "delete", *lake).returncode == 2


def test_a_broken_file_makes_fsck_fail_and_is_named(assay: Run, curated: Path) -> None:
    victim = next((curated.parent / "lake" / "tables" / "verdicts").glob("*.parquet"))
    victim.write_bytes(victim.read_bytes()[:100])
    found = json.loads((ran := assay("curate", "lake", "fsck", "--lake", curated.parent / "lake", "--json")).stdout)
    assert ran.returncode == 1
    assert [(each["kind"], each["table"], each["restore"]) for each in found] == [
        ("broken", "verdicts", "curate score CONFIG")
    ]
    assert assay("curate", "run", curated).returncode == 0


def test_an_older_lake_is_told_of_before_it_grows_and_keeps_its_mark(assay: Run, config: Path) -> None:
    assay("curate", "ingest", config)
    mark = config.parent / "lake" / "lake.json"
    mark.write_text('{"format": 1}')
    before = sorted((config.parent / "lake" / "tables").rglob("*.parquet"))
    bytes_before = [path.read_bytes() for path in before]
    ran = assay("curate", "clean", config)
    assert ran.returncode == 0
    assert "began in lake format 1; new files use the current format" in " ".join(ran.stderr.split())
    assert mark.read_text() == '{"format": 1}'
    assert [path.read_bytes() for path in before] == bytes_before
