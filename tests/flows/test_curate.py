"""The same walk as a Prefect flow, on Prefect's own ephemeral server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLAN = """
name = "sums"
[[source]]
part = "files"
paths = "{folder}/sums.jsonl"
[policy]
model = "scripted"
engine = "scripted"
rule = "sum"
[score]
n = 2
truncated = "wrong"
[embed]
encoder = "tfidf"
clusters = 2
[select]
budget = 3
"""


@pytest.mark.service
def test_a_flow_does_what_a_plain_walk_does(tmp_path: Path) -> None:
    pytest.importorskip("prefect", reason="the extra flows is not installed")
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps({"prompt": f"What is {n} + 1?", "answer": str(n + 1)}) + "\n" for n in range(8)))
    (tmp_path / "plan.toml").write_text(PLAN.format(folder=tmp_path))
    told = []
    for lake, flags in (("plain", []), ("flow", ["--flow"])):
        command = [sys.executable, "-m", "assay", "curate", "run", str(tmp_path / "plan.toml"), "--lake", str(tmp_path / lake), "--json", *flags]
        environment = {**os.environ, "PREFECT_HOME": str(tmp_path / "prefect")}
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)
        assert ran.returncode == 0, ran.stderr[-2000:]
        told.append(json.loads(ran.stdout[ran.stdout.index("{") :]))
    assert told[0]["stages"] == told[1]["stages"]
    assert [each["problem_id"] for each in told[0]["curriculum"]] == [each["problem_id"] for each in told[1]["curriculum"]]
