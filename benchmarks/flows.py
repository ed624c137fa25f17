"""What a flow costs over plain pipelines, and what a second Ray worker brings.

Shards are single problems whose engine takes a given time. A walk of few shards and one of many give, by the line through both, the cost a shard
and the cost that every run has; of a flow and of the plain pipelines, each in a process of its own, imports and the server's start left out. Bar:
at 1,000 shards of 2 s the flow's surplus, computed from these two, is under 5% of the shards' own time. Two Ray workers finish shards that keep a
core busy at least 1.7 times as fast as one, on 2 cores that nobody else uses; starts cancel out in the same way.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.claims import Claim, publish

RUNNERS = ("threads", "processes", "ray")
COMPUTED = 1_000, 2.0  # shards, seconds each
PLAN = """
name = "flows"
[[source]]
type = "files"
paths = "{folder}/sums-{shards}.jsonl"
[policy]
model = "scripted"
engine = "{engine}"
rule = "sum"
max_tokens = 16
truncated = "wrong"
{cost}
[score]
n = 1
problems_per_commit = 1
[embed]
encoder = "tfidf"
clusters = 2
[select]
budget = 2
[flow]
problems_per_shard = 1
workers = {workers}
runner = "{runner}"
"""
TIMED = """
import sys, time
from pathlib import Path
from assay.api import NullReporter
from assay.core.config import read_config
from assay.flows import server
from assay.flows.curate import curate
from assay.flows.run_context import FlowCall
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.runner.score_workers import score_shards
from assay.pipelines.sampling.shards import ShardConfig
from assay.stores.lake import Lake
plan, lake, how = sys.argv[1:]
with Lake(lake) as opened, RunContext(read_config(Path(plan)), opened, NullReporter()) as job:
    run_stages(job, "split")
    server.started(NullReporter())
    began = time.perf_counter()
    if how == "plain":
        score_shards(job, ShardConfig(chunk=1))
        run_stages(job)
    else:
        server.through(curate, job, FlowCall(plan, lake))
    print(time.perf_counter() - began)
"""


@contextmanager
def server(folder: Path) -> Iterator[dict[str, str]]:
    """A Prefect server on loopback, and the environment of processes that talk to it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_HOME": str(folder / "prefect"),
        "NO_PROXY": "127.0.0.1",
    }
    environment = {
        **os.environ,
        **quiet,
        "PYTHONPATH": os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(Path.cwd())]).strip(os.pathsep),
    }
    call = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(call, env=environment, stdout=log, stderr=log)
    address, end = f"http://127.0.0.1:{port}/api", time.monotonic() + 300
    try:
        while not answers(f"{address}/health"):
            if time.monotonic() > end:
                raise RuntimeError("Prefect's server did not come up within 300 s")
            time.sleep(0.5)
        yield {**environment, "PREFECT_API_URL": address}
    finally:
        process.terminate()
        process.wait(60)


def answers(address: str) -> bool:
    """Whether somebody is there."""
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


class Bench:
    """Timed walks of plans in one folder."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment, self.lakes = folder, environment, 0

    def seconds(self, shards: int, how: str, cost: str, *, engine: str = "scripted", workers: int = 1) -> float:
        """One walk on a new lake, from behind split to order."""
        self.lakes += 1
        rows = ({"prompt": f"What is {n} + {n % 9}?", "answer": str(n + n % 9)} for n in range(shards))
        (self.folder / f"sums-{shards}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        config, runner = self.folder / f"{self.lakes}.toml", how if how in RUNNERS else "threads"
        config.write_text(
            PLAN.format(folder=self.folder, shards=shards, engine=engine, cost=cost, workers=workers, runner=runner)
        )
        call = [sys.executable, "-c", TIMED, str(config), str(self.folder / f"lake{self.lakes}"), how]
        ran = subprocess.run(call, env=self.environment, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise RuntimeError(ran.stderr[-2000:])
        taken = float(ran.stdout.split()[-1])
        print(f"{how}, {workers} workers, {shards} shards: {taken:.2f} s", file=sys.stderr)
        return taken

    def line(
        self, few: int, many: int, how: str, cost: str, *, engine: str = "scripted", workers: int = 1
    ) -> tuple[float, float]:
        """What every run costs and what each shard costs, in seconds."""
        short, long = (self.seconds(shards, how, cost, engine=engine, workers=workers) for shards in (few, many))
        each = (long - short) / (many - few)
        return short - few * each, each


def overheads(bench: Bench, *, quick: bool) -> Iterator[Claim]:
    """Fixed cost and cost a shard of every runner, over plain pipelines."""
    few, many, delay = (2, 12, 0.5) if quick else (10, 60, 2.0)
    fixed, each = bench.line(few, many, "plain", f"delay_s = {delay}")
    shards, length = COMPUTED
    for runner in RUNNERS:
        start, cost = bench.line(few, many, runner, f"delay_s = {delay}")
        size = {"n": many, "full_n": 60}
        yield Claim(f"{runner}: fixed cost of a run", start, fixed, start - fixed, "none", True, "s", **size)
        yield Claim(f"{runner}: a shard of {delay:g} s", cost, each, cost - each, "none", True, "s", **size)
        share = (start - fixed + shards * (cost - each)) / (shards * length)
        told = f"{runner}: computed share of 1,000 shards of 2 s, beside their own time"
        yield Claim(told, share * shards * length, shards * length, share, "<= 0.05", share <= 0.05, "s", **size)


def two_workers(bench: Bench, *, quick: bool) -> Claim:
    """Shards a second of two Ray workers beside one."""
    few, many, cost = (2, 10, "rounds = 500_000") if quick else (4, 40, "rounds = 2_000_000")
    alone, both = (
        1 / bench.line(few, many, "ray", cost, engine="python:benchmarks._burning:Burning", workers=workers)[1]
        for workers in (1, 2)
    )
    told = "two Ray workers beside one, each shard keeping a core busy"
    return Claim(told, both, alone, both / alone, ">= 1.7", both / alone >= 1.7, "shards/s", n=many, full_n=40)


def main() -> None:
    """Measures and publishes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="12 shards of half a second")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, server(Path(name)) as environment:
        bench = Bench(Path(name), environment)
        publish("flows", [*overheads(bench, quick=given.quick), two_workers(bench, quick=given.quick)])


if __name__ == "__main__":
    main()
