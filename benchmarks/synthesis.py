"""How many stored rollouts a second synthesis handles, and what a further problem costs in time and memory.

    python -m benchmarks.synthesis [--quick] [--sizes N N ...] [--scratch DIR]

Methods that read every stored attempt: `dart` by the rule "vanilla" (a target per right answer) and `onpolicy_pairs`. The rollouts and their
verdicts are drawn and written as scoring would have stored them, 8 per problem, and scored; then each method runs in a process of its own, with
nothing left to draw. Seconds are of the method with its writing, without opening the lake; beside the rate of each size stands the one of the
problems that the largest has more than the smallest, in which what a process pays once (imports, plans of queries) is not. Two turns, of which
the faster counts; CPU seconds beside, since a wall clock tells little on a shared machine.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from assay.api import NullReporter
from assay.core.config import Config, parse_config
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.runner.synthesis import run_synthesis
from assay.stores.lake import Lake
from benchmarks._pieces import resident_mib
from benchmarks._scale_pool import store_attempts
from benchmarks.claims import RESULTS, hardware

FULL, QUICK = (20_000, 100_000), (2_000, 8_000)  # problems
ATTEMPTS, TURNS = 8, 2
METHODS = ("dart", "onpolicy_pairs")
REQUIRED = 50_000  # rollouts/s


def main() -> None:
    """Measure both methods at all sizes, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"pools of {QUICK} in place of {FULL}")
    parser.add_argument("--sizes", type=int, nargs="+", default=[], help="other sizes, of which nothing is written")
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--scratch", type=Path, help="keep the scored lakes here, and find them here again")
    parser.add_argument("--piece", nargs=2, metavar=("FOLDER", "METHOD"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.piece:
        print(json.dumps(piece(Path(asked.piece[0]), asked.piece[1])))
        return
    with tempfile.TemporaryDirectory() as folder:
        sizes = asked.sizes or (QUICK if asked.quick else FULL)
        found = measure(asked.scratch or Path(folder), sorted(sizes), asked.turns)
    print(json.dumps({name: value for name, value in found.items() if name != "rows"}, indent=1))
    if not asked.sizes:
        (RESULTS / "synthesis.json").write_text(json.dumps(found, indent=1) + "\n")


def measure(place: Path, sizes: list[int], turns: int) -> dict[str, Any]:
    """The rows of all sizes and methods, and the slopes between the smallest and the largest."""
    rows = []
    for problems in sizes:
        score(place / str(problems), problems)
        for method in METHODS:
            tries = [run_piece(place / str(problems), method) for _ in range(turns)]
            rows.append({"problems": problems, "method": method, **min(tries, key=lambda row: row["seconds"])})
            print(rows[-1], flush=True)
    slopes = {}
    for method in METHODS if len(sizes) > 1 else ():
        small, large = (row for row in rows if row["method"] == method and row["problems"] in (sizes[0], sizes[-1]))
        more = {name: large[name] - small[name] for name in ("problems", "rollouts", "seconds", "cpu_s", "peak_mib")}
        slopes[method] = {
            "rollouts_per_s": round(more["rollouts"] / more["seconds"]),
            "rollouts_per_cpu_s": round(more["rollouts"] / more["cpu_s"]),
            "bytes_per_further_problem": round(1024**2 * more["peak_mib"] / more["problems"]),
        }
    least = min(row["rollouts_per_s"] for row in rows)
    return {
        "rows": rows,
        "slopes": slopes,
        "least_rollouts_per_s": least,
        "required": REQUIRED,
        "hardware": hardware(),
    }


def run_piece(place: Path, method: str) -> dict[str, float]:
    """One method in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.synthesis", "--piece", str(place), method]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def plan(folder: Path, turn: int = 0) -> Config:
    """The plan over one pool; of each turn a setting differs that changes no row, so that the work is done again."""
    return parse_config(
        {
            "lake": str(folder / "lake"),
            "source": [{"type": "files", "paths": str(folder / "pool.jsonl"), "verifier": "numeric"}],
            "clean": {"filters": []},
            "policy": {"model": "scripted", "engine": "scripted", "rule": "sum"},
            "score": {"n": ATTEMPTS},
            "synthesize": {
                "settings": {
                    "dart": {"rule": "vanilla", "trials": ATTEMPTS, "distinct": False, "level": f"level {turn}"},
                    "onpolicy_pairs": {"pairs": 4 + turn},
                }
            },
        }
    )


def score(folder: Path, problems: int) -> None:
    """Write a pool of sums with stored attempts, and score it; a folder that is done is left as it is."""
    if (folder / "done").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "pool.jsonl").open("w") as file:
        file.writelines(f'{{"prompt": "What is {n} + {n % 97}?", "answer": "{n + n % 97}"}}\n' for n in range(problems))
    config = plan(folder)
    with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
        run_stages(context, "split")
        store_attempts(context, ATTEMPTS)
        run_stages(context, "score")
    (folder / "done").touch()


def piece(folder: Path, method: str) -> dict[str, float]:
    """Run one method on a scored pool."""
    with Lake(plan(folder).lake) as lake:
        turn = lake.rows("SELECT count(*) AS n FROM stages WHERE stage = 'synthesize'")[0]["n"]
        rollouts = lake.query("SELECT count(*) FROM rollouts").column(0)[0].as_py()
    config = plan(folder, turn)
    with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
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
