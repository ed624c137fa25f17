"""The same walk as a Prefect flow, on Prefect's own ephemeral server: an equal result, nothing said to anybody, nothing left behind."""

import json
import os
import subprocess
import sys
import time
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
[flow]
shard = 3
workers = 2
"""
HERE = ("127.", "::1", "::ffff:127.", "0.0.0.0", "::")


def family(root: int) -> set[int]:
    """A process and those that it started, and these, ..."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = {root}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def sockets(process: int) -> set[str]:
    found = set()
    for handle in Path(f"/proc/{process}/fd").glob("*"):
        try:
            if (target := os.readlink(handle)).startswith("socket:["):
                found.add(target[8:-1])
        except OSError:
            continue
    return found


def far_ends(processes: set[int]) -> set[str]:
    """The addresses that these processes are, or try to be, connected with."""
    import ipaddress

    held, found = set[str]().union(*map(sockets, processes)), set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in held:
                raw = bytes.fromhex(fields[2].partition(":")[0])
                words = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
                found.add(str(ipaddress.ip_address(words)))
    return found


@pytest.mark.service
def test_a_flow_does_what_a_plain_walk_does_without_a_word_to_anybody_and_leaves_no_process(tmp_path: Path) -> None:
    pytest.importorskip("prefect", reason="the extra flows is not installed")
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps({"prompt": f"What is {n} + 1?", "answer": str(n + 1)}) + "\n" for n in range(8)))
    (tmp_path / "plan.toml").write_text(PLAN.format(folder=tmp_path))
    told, met, seen = [], set[str](), set[int]()
    for lake, flags in (("plain", []), ("flow", ["--flow"])):
        command = [sys.executable, "-m", "assay", "curate", "run", str(tmp_path / "plan.toml"), "--lake", str(tmp_path / lake), "--json", *flags]
        environment = {key: value for key, value in os.environ.items() if key != "PREFECT_API_URL"} | {"PREFECT_HOME": str(tmp_path / "prefect")}
        with (tmp_path / f"{lake}.json").open("w") as out, (tmp_path / f"{lake}.log").open("w") as log:
            running = subprocess.Popen(command, stdout=out, stderr=log, env=environment)
            end = time.monotonic() + 600
            while running.poll() is None and time.monotonic() < end:
                seen |= (kin := family(running.pid))
                met |= far_ends(kin)
                time.sleep(0.1)
            running.kill()  # if it has not ended by itself
            running.wait()
        assert running.returncode == 0, (tmp_path / f"{lake}.log").read_text()[-2000:]
        told.append(json.loads((tmp_path / f"{lake}.json").read_text()))
    assert told[0]["stages"] == told[1]["stages"]
    assert [each["problem_id"] for each in told[0]["curriculum"]] == [each["problem_id"] for each in told[1]["curriculum"]]
    assert {each for each in met if not each.startswith(HERE)} == set()
    assert "127.0.0.1" in met, "the flow's own server was not seen, so nobody else would have been"
    end = time.monotonic() + 10
    while (left := {each for each in seen if Path(f"/proc/{each}").exists()}) and time.monotonic() < end:
        time.sleep(0.2)
    assert left == set()
