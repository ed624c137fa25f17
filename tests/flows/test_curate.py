"""The same walk as a Prefect flow, on Prefect's own ephemeral server: an equal result, nothing said to anybody, nothing left behind."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = {"::1", "0.0.0.0", "::"}


@pytest.mark.service
def test_a_flow_does_what_a_plain_run_does_and_leaves_no_process(
    scripted: Callable[..., Path], started: Callable[..., Any], tmp_path: Path, proc: Any
) -> None:
    pytest.importorskip("prefect", reason="the extra flows is not installed")
    config = scripted(
        tmp_path, problems=8, score={"n": 2}, select={"budget": 3}, flow={"problems_per_shard": 3, "workers": 2}
    )
    env = {**os.environ, "PREFECT_API_URL": "", "PREFECT_HOME": str(tmp_path / "prefect")}
    told, met, seen = [], set[str](), set[int]()
    for lake, flags in (("plain", []), ("flow", ["--flow"])):
        with (tmp_path / f"{lake}.json").open("w") as out, (tmp_path / f"{lake}.log").open("w") as log:
            running = started(
                "curate", "run", config, "--lake", tmp_path / lake, "--json", *flags, env=env, stdout=out, stderr=log
            )
            end = time.monotonic() + 600
            while running.poll() is None and time.monotonic() < end:
                seen |= (kin := proc.family(running.pid))
                met |= proc.ends(kin, far=True)
                time.sleep(0.1)
        assert running.returncode == 0, (tmp_path / f"{lake}.log").read_text()[-2000:]
        told.append(json.loads((tmp_path / f"{lake}.json").read_text()))
    said = (tmp_path / "flow.log").read_text()
    assert "select: 8 problems" in said
    assert "leaked" not in said
    assert told[0]["stages"] == told[1]["stages"]
    assert [each["problem_id"] for each in told[0]["curriculum"]] == [
        each["problem_id"] for each in told[1]["curriculum"]
    ]
    assert {each for each in met if not each.startswith("127.")} <= HERE
    assert "127.0.0.1" in met, "the flow's own server was not seen, so nobody else would have been"
    end = time.monotonic() + 10
    while (left := {each for each in seen if Path(f"/proc/{each}").exists()}) and time.monotonic() < end:
        time.sleep(0.2)
    assert left == set()
