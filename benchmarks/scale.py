"""Where each stage's memory and time grow: bytes of peak memory and seconds of CPU that a further problem costs, stage by stage.

Every stage of `curate run` in a process of its own, over pools of two or more sizes, with the scripted engine (so that a model's own time and memory
are left out), 4 attempts a problem, TF-IDF vectors and 64 clusters. A slope is between the smallest and the largest pool; CPU seconds, those of the
judging processes included, since a wall clock tells little on a shared machine.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._pieces import resident_mib
from benchmarks.claims import RESULTS, hardware

FULL, QUICK = (10_000, 40_000), (1_000, 10_000)  # problems
STAGES = ("ingest", "clean", "split", "score", "score --worker", "embed", "select", "order", "report")
WORDS = [
    f"{first}{second}"
    for first in ("ba", "co", "di", "fu", "ga", "lo", "mi", "ne", "pa", "ru")
    for second in ("lt", "ne", "rd", "sk", "tun", "vel")
]
ATTEMPTS = 4
PLAN = """
name = "scale"
lake = "{folder}/lake"
[[source]]
type = "files"
paths = "{folder}/pool.jsonl"
verifier = "numeric"
[clean]
filters = ["empty", "conflicting_labels", "exact", "near", "unparsable"]
[split]
held_out = 100
[policy]
model = "scripted"
engine = "scripted"
rule = "sum"
[score]
n = {attempts}
problems_per_commit = 256
[embed]
encoder = "tfidf"
clusters = 64
[select]
budget = {budget}
"""


def main() -> None:
    """Measures every stage at every size, prints the slopes and writes them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"pools of {QUICK} in place of {FULL}")
    parser.add_argument("--sizes", type=int, nargs="+", help="other sizes")
    parser.add_argument("--piece", nargs=2, metavar=("FOLDER", "STAGE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.piece:
        print(json.dumps(piece(Path(asked.piece[0]), asked.piece[1])))
        return
    sizes = asked.sizes or (QUICK if asked.quick else FULL)
    with tempfile.TemporaryDirectory() as folder:
        found = {n: pool(Path(folder) / str(n), n) for n in sizes}
    rows = [row(stage, {n: each[stage] for n, each in found.items()}) for stage in STAGES]
    for each in rows:
        print(each)
    (RESULTS / "scale.json").write_text(
        json.dumps({"hardware": hardware(), "sizes": list(sizes), "attempts": ATTEMPTS, "stages": rows}, indent=1)
        + "\n"
    )


def pool(folder: Path, n: int) -> dict[str, dict[str, float]]:
    """Every stage's numbers over a new pool of n problems of about 40 words."""
    folder.mkdir(parents=True)
    rng = random.Random(n)
    with (folder / "pool.jsonl").open("w") as file:
        for _ in range(n):
            a, b = rng.randrange(10_000), rng.randrange(10_000)
            file.write(
                json.dumps(
                    {"prompt": " ".join(rng.choices(WORDS, k=40)) + f". What is {a} + {b}?", "answer": str(a + b)}
                )
                + "\n"
            )
    (folder / "plan.toml").write_text(PLAN.format(folder=folder, attempts=ATTEMPTS, budget=n // 10))
    found = {}
    for stage in STAGES:
        call = [sys.executable, "-m", "benchmarks.scale", "--piece", str(folder), stage]
        found[stage] = json.loads(
            subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1]
        )
        print(n, stage, found[stage], file=sys.stderr, flush=True)
    return found


def piece(folder: Path, stage: str) -> dict[str, float]:
    """One stage in this process: its peak memory, and what it took beyond a process that has only opened the plan."""
    from assay.api import NullReporter
    from assay.core.config import read_config
    from assay.pipelines.context.run import RunContext
    from assay.pipelines.runner.score_workers import score_shards
    from assay.pipelines.runner.stages import run_stages
    from assay.pipelines.sampling.shards import ShardConfig
    from assay.stores.lake import Lake
    from assay.viewer.report import write_report

    # what a worker draws lies in a second lake, so that it finds nothing of what the stage `score` has drawn
    config = read_config(folder / "plan.toml", [f"lake='{folder}/lake-of-worker'"] if stage == "score --worker" else [])
    with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
        if stage == "score --worker":
            run_stages(context, "split")
        opened, began, cpu = resident_mib("VmRSS"), time.perf_counter(), _cpu()
        Path("/proc/self/clear_refs").write_text("5")  # VmHWM counts from here
        if stage == "score --worker":
            score_shards(context, ShardConfig(chunk=256))
        elif stage == "report":
            write_report(context)
        else:
            run_stages(context, stage, only=True)
        context.close()  # the judging processes' time counts once they have ended
        wall = time.perf_counter() - began
        return {
            "opened_mib": opened,
            "peak_mib": resident_mib("VmHWM"),
            "cpu_s": _cpu() - cpu,
            "wall_s": wall,
            "lake_mib": _bytes(Path(lake.root)) / 2**20,
        }


def row(stage: str, found: dict[int, dict[str, float]]) -> dict[str, object]:
    """One stage's slopes between the smallest and the largest pool."""
    few, many = min(found), max(found)
    rise = {name: (found[many][name] - found[few][name]) / (many - few) for name in ("peak_mib", "cpu_s", "wall_s")}
    slopes = {
        "bytes_a_problem": round(rise["peak_mib"] * 2**20),
        "cpu_us_a_problem": round(rise["cpu_s"] * 1e6),
        "wall_us_a_problem": round(rise["wall_s"] * 1e6),
    }
    return {"stage": stage, **slopes, "peak_mib": {n: round(each["peak_mib"]) for n, each in found.items()}}


def _cpu() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
