"""How many stored rollouts a second synthesis handles, and what a further problem costs in memory.

Two methods that read every stored attempt: `dart` by the rule "vanilla" (a target per right answer) and
`onpolicy_pairs`. The rollouts of the scripted engine are scored first; then each method runs in a process of its own,
on pools of two sizes, with nothing left to draw. Seconds are of the method with its writing, without opening the lake; CPU seconds beside them,
since a wall clock tells little on a shared machine.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from assay.api import NullReporter
from assay.core.config import Config, parse_config
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.runner.synthesis import run_synthesis
from assay.stores.lake import Lake
from benchmarks._pieces import resident_mib
from benchmarks.claims import RESULTS, hardware

FULL, QUICK = (20_000, 100_000), (2_000, 8_000)  # problems
ATTEMPTS = 8
METHODS = ("dart", "onpolicy_pairs")
REQUIRED = 50_000  # rollouts/s


def main() -> None:
    """Measure both methods at both sizes, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"pools of {QUICK} in place of {FULL}")
    parser.add_argument("--piece", nargs=2, metavar=("FOLDER", "METHOD"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.piece:
        print(json.dumps(piece(Path(asked.piece[0]), asked.piece[1])))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for problems in QUICK if asked.quick else FULL:
            place = Path(folder) / str(problems)
            score(place, problems)
            for method in METHODS:
                command = [sys.executable, "-m", "benchmarks.synthesis", "--piece", str(place), method]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                rows.append({"problems": problems, "method": method, **json.loads(done.stdout.splitlines()[-1])})
                print(rows[-1])
    least = min(row["rollouts_per_s"] for row in rows)
    growth = {
        method: 1024**2 * (large["peak_mib"] - small["peak_mib"]) / (large["problems"] - small["problems"])
        for method in METHODS
        for small, large in [[row for row in rows if row["method"] == method]]
    }
    found = {
        "rows": rows,
        "least_rollouts_per_s": least,
        "required": REQUIRED,
        "bytes_per_further_problem": growth,
        "hardware": hardware(),
    }
    (RESULTS / "synthesis.json").write_text(json.dumps(found, indent=1) + "\n")
    print(f"at least {least:.0f} rollouts/s, {REQUIRED} required; bytes a further problem: {growth}")


def plan(folder: Path) -> Config:
    """The plan over one pool."""
    return parse_config(
        {
            "lake": str(folder / "lake"),
            "source": [{"type": "files", "paths": str(folder / "pool.jsonl"), "verifier": "numeric"}],
            "clean": {"filters": []},
            "policy": {"model": "scripted", "engine": "scripted", "rule": "sum"},
            "score": {"n": ATTEMPTS, "problems_per_commit": 2_048},
            "synthesize": {"settings": {"dart": {"rule": "vanilla", "trials": ATTEMPTS, "distinct": False}}},
        }
    )


def score(folder: Path, problems: int) -> None:
    """Attempt a pool of sums."""
    folder.mkdir()
    rows = (f'{{"prompt": "What is {n} + {n % 97}?", "answer": "{n + n % 97}"}}\n' for n in range(problems))
    (folder / "pool.jsonl").write_text("".join(rows))
    config = plan(folder)
    with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
        run_stages(context, "score")


def piece(folder: Path, method: str) -> dict[str, float]:
    """Run one method on a scored pool."""
    config = plan(folder)
    with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
        rollouts = lake.query("SELECT count(*) FROM rollouts").column(0)[0].as_py()
        began, cpu = time.perf_counter(), time.process_time()
        (result,) = run_synthesis(context, method)
        seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu
        return {
            "rollouts": rollouts,
            "rows": result.rows_out,
            "seconds": round(seconds, 2),
            "cpu_s": round(cpu_s, 2),
            "rollouts_per_s": round(rollouts / seconds),
            "rollouts_per_cpu_s": round(rollouts / cpu_s),
            "peak_mib": round(resident_mib("VmHWM")),
        }


if __name__ == "__main__":
    main()
