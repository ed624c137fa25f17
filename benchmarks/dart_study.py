"""What the answers that `dart` collects are worth: SFT on them and GRPO from there, by rule, at equal size and at equal attempts.

    python -m benchmarks.dart_study [--quick] [--work FOLDER] [--seeds 5] [--report] [--write]

The bundled tiny model answers its own unseen sums, differences and products; it is trained on its own right answers, then by GRPO on the
same problems. Each finished run is a line of FOLDER/runs.jsonl, and the same command goes on from there. What was decided before the first
run, and what came out of it, is in docs/log.md.
"""

import argparse
import json
import math
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from benchmarks._books import read_book
from benchmarks._dart_run import run
from benchmarks.claims import RESULTS, hardware

ARMS = (
    "vanilla",
    "vanilla, equal size",
    "prop2diff, equal size",
    "uniform, equal size",
    "prop2diff, equal attempts",
    "uniform, equal attempts",
    "no SFT",
)
MEASURES = ("all", "2 digits", "3 digits")


def main() -> None:
    """Run what is left of the study, print its table and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(".assay/dart_study"), help="folder of finished runs")
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0 to this number, less one")
    parser.add_argument("--report", action="store_true", help="run nothing: tell of the finished runs")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/dart_study.json")
    parser.add_argument("--quick", action="store_true", help="one run of two arms: does it run; nothing is kept")
    given = parser.parse_args()
    if given.quick:
        with tempfile.TemporaryDirectory(prefix="dart-") as folder:
            for arm in ("vanilla", "no SFT"):
                run_once(Path(folder) / "runs.jsonl", arm, 0)
        return
    given.work.mkdir(parents=True, exist_ok=True)
    book = given.work / "runs.jsonl"
    for seed in range(0 if given.report else given.seeds):
        for arm in ARMS:
            run_once(book, arm, seed)
    rows = read_book(book)
    print(table(rows))
    if given.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "dart_study.json").write_text(json.dumps({"hardware": hardware(), "runs": rows}, indent=1) + "\n")


def run_once(book: Path, arm: str, seed: int) -> None:
    """One run, unless the book holds it."""
    if any((row["arm"], row["seed"]) == (arm, seed) for row in read_book(book)):
        return
    began, cpu = time.monotonic(), time.process_time()
    row = run(arm, seed, book.parent)
    row |= {
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "wall_seconds": round(time.monotonic() - began, 1),
    }
    with book.open("a") as file:
        file.write(json.dumps(row) + "\n")
    for folder in book.parent.glob(f"{arm}-{seed}*"):
        shutil.rmtree(folder)
    sizes = f"{row.get('rows', 0)} rows of {row.get('attempts', 0)} attempts"
    points = " ".join(f"{when} {row[when]['all']:.3f}" for when in ("start", "sft", "grpo"))
    print(f"{arm} seed {seed}: {sizes}, {points}, {row['cpu_seconds']} CPU s", flush=True)


def table(rows: list[dict[str, Any]]) -> str:
    """Means by arm, and what each is above vanilla on the same seeds, with Student's 95% interval."""
    by_arm = {arm: {row["seed"]: row for row in rows if row["arm"] == arm} for arm in ARMS}
    heads = [f"{when} {measure}" for when in ("SFT", "GRPO") for measure in MEASURES]
    text = ["| arm | seeds | rows | attempts | " + " | ".join(heads) + " |", "|" + "---|" * (4 + len(heads))]
    for arm, runs in by_arm.items():
        if not runs:
            continue
        sizes = [f"{np.mean([run.get(name, 0) for run in runs.values()]):.0f}" for name in ("rows", "attempts")]
        cells = [_cell(runs, by_arm["vanilla"], when, measure) for when in ("sft", "grpo") for measure in MEASURES]
        text.append(f"| {arm} | {len(runs)} | " + " | ".join([*sizes, *cells]) + " |")
    return "\n".join(text)


def _cell(runs: dict[int, Any], baseline: dict[int, Any], when: str, measure: str) -> str:
    values = [run[when][measure] for run in runs.values()]
    both = sorted(set(runs) & set(baseline))
    above = np.array([runs[seed][when][measure] - baseline[seed][when][measure] for seed in both])
    cell = f"{np.mean(values):.3f}"
    if len(both) < 2 or not above.any():
        return cell
    half = stats.t.ppf(0.975, len(both) - 1) * above.std(ddof=1) / math.sqrt(len(both))
    return f"{cell} ({above.mean():+.3f} [{above.mean() - half:+.3f}, {above.mean() + half:+.3f}])"


if __name__ == "__main__":
    main()
