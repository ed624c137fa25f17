"""What pays: nine ways to choose the next problem, at equal cost, scoring and embedding included.

    python -m benchmarks.curriculum_study [--quick] [--work FOLDER]

Real GRPO on a model that can learn something: by default the bundled tiny one on arithmetic of one to three digits (most of the pool lies beyond
it, some is trivial), on a GPU machine `--pool reasoning_gym` with any model. Every arm starts from the same cleaned pool and is asked
the same held-out problems, which left the pool before anything was scored. A run ends when its cost has reached every mark; held-out accuracy
is measured at the marks, outside the accounted time. Two accounts come out of the same runs: equal seconds of engine, encoder and training,
and equal rollouts. On a CPU seconds are CPU seconds of a process with one thread (user and system), because the machine may be shared; `--clock wall`
counts seconds. Scoring, selection, order and training's chance are those of the seed; arms of one seed are paired. Each finished run is a line in
FOLDER/runs.jsonl, and the same command goes on from there.

What was decided before the full run, and what came out of it, is in docs/log.md.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from assay.core.config import Config
from assay.core.identity import content_id
from benchmarks._books import read_book
from benchmarks._curriculum_pool import gym_plan, prepared, tiny_plan
from benchmarks._curriculum_run import Arm, Mark, Setup, run
from benchmarks._curriculum_told import plot, summary, told
from benchmarks.claims import RESULTS, hardware

ARMS: dict[str, tuple[Arm, int]] = {  # and how many seeds
    "uniform": (Arm(), 10),
    "informative": (Arm(scored=True, selector="informative"), 10),
    "dynamic": (Arm(curriculum="dynamic"), 10),
    "frontier": (Arm(scored=True, embedded=True, selector="frontier", budget=200), 10),
    "informative + dynamic": (Arm(scored=True, selector="informative", curriculum="dynamic"), 5),
    "easy_to_hard by length": (Arm(curriculum="easy_to_hard", by_length=True), 5),
    "posterior": (Arm(scored=True, curriculum="posterior"), 5),
    "bandit": (Arm(scored=True, curriculum="bandit"), 5),
    "ability": (Arm(scored=True, curriculum="ability"), 5),
}
QUICK = ("uniform", "informative")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def main() -> None:
    """Runs what is left of the study, prints its tables and writes them; a quick one writes under another name."""
    given = arguments()
    work = given.work / given.pool
    work.mkdir(parents=True, exist_ok=True)
    if given.clock == "cpu":
        os.environ.update(dict.fromkeys(THREADS, "1"))
    setup, config = setup_of(given), plan_of(given, work)
    pool = prepared(config)
    arms = QUICK if given.quick else given.arms or tuple(ARMS)
    seeds = {arm: min(given.seeds or ARMS[arm][1], 2 if given.quick else ARMS[arm][1]) for arm in arms}
    key = content_id("curriculum study", setup.told, config.model_dump(mode="json", exclude={"lake"}))
    print(f"pool: {pool}\nsetup {key}: {setup.told}", flush=True)
    began = time.monotonic()
    book = work / "runs.jsonl"
    runs = (
        whole(seeds, finished(book, key)) if given.report else studied(seeds, config, setup, key, book, given.processes)
    )
    report(
        given,
        {"setup": setup.told, "pool": pool, "runs": runs, "hardware": hardware(), "seconds": time.monotonic() - began},
        arms,
    )


def report(given: argparse.Namespace, found: dict[str, Any], arms: Sequence[str]) -> None:
    """Prints, and writes results and plot."""
    marks = [f"{given.seconds:g} seconds", f"{given.rollouts:g} rollouts"]
    print(
        f"\n{told(found['runs'], arms, marks)}\n\n{found['hardware']}; {found['seconds'] / 60:.1f} minutes in this call"
    )
    found["tables"] = {mark: summary(found["runs"], arms, mark) for mark in marks}
    RESULTS.mkdir(exist_ok=True)
    name = "curriculum_study" + ("_quick" if given.quick else "") + ("" if given.pool == "tiny" else f"_{given.pool}")
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1).replace("NaN", "null") + "\n")
    if given.plot:
        plot(
            found["runs"], arms, [f"{mark['amount']:g} {mark['unit']}" for mark in found["setup"]["marks"]], given.plot
        )


def studied(
    seeds: dict[str, int], config: Config, setup: Setup, key: str, book: Path, processes: int
) -> list[dict[str, Any]]:
    """Every arm with its seeds, all arms of a seed before the next seed; finished ones are read from the book."""
    known, wanted = finished(book, key), [each for seed in range(max(seeds.values())) for each in of_seed(seeds, seed)]
    left = [each for each in wanted if each not in known]
    print(f"{len(wanted) - len(left)} runs are in {book}, {len(left)} are left", flush=True)
    with ProcessPoolExecutor(
        processes, get_context("spawn"), os.setsid
    ) as pool:  # where a kernel shares its cores by session, each run has a share
        jobs = {pool.submit(run, ARMS[arm][0], seed, config, setup): (arm, seed) for arm, seed in left}
        for context in as_completed(jobs):
            arm, seed = jobs[context]
            row = {"arm": arm, "setup": key, **context.result()}
            with book.open("a") as file:
                file.write(json.dumps(row) + "\n")
            known[arm, seed] = row
            last = row["points"][-1]
            print(
                f"{len(known)}: {arm}, seed {seed}: {last['accuracy']:.3f} after {row['steps']} steps, {row['wall_seconds']:.0f} s",
                flush=True,
            )
    return [known[each] for each in wanted]


def of_seed(seeds: dict[str, int], seed: int) -> list[tuple[str, int]]:
    """The runs of one seed."""
    return [(arm, seed) for arm in seeds if seed < seeds[arm]]


def finished(book: Path, key: str) -> dict[tuple[str, int], dict[str, Any]]:
    """The runs of this setup that the book holds, by arm and seed."""
    return {(row["arm"], row["seed"]): row for row in read_book(book) if row["setup"] == key}


def whole(seeds: dict[str, int], known: dict[tuple[str, int], dict[str, Any]]) -> list[dict[str, Any]]:
    """The runs of the seeds of which no arm is missing."""
    each = [of_seed(seeds, seed) for seed in range(max(seeds.values()))]
    return [known[run] for wanted in each if all(run in known for run in wanted) for run in wanted]


def setup_of(given: argparse.Namespace) -> Setup:
    """Two marks of seconds and two of rollouts; the last of each is what is reported, and is measured with more attempts."""
    few, many = (3, 12) if given.pool == "tiny" else (2, 4)
    parts = [("seconds", 0.5, few), ("seconds", 1.0, many), ("rollouts", 0.6, few), ("rollouts", 1.0, many)]
    marks = tuple(Mark(unit, share * getattr(given, unit), samples) for unit, share, samples in parts)
    size = {"groups": given.groups, "group_size": 8, "micro_batch": given.micro_batch or given.groups * 8}
    fixed = {"learning_rate": given.learning_rate, "objective": "dr_grpo", "held_out": given.held_out, "warmup": 10}
    return Setup(clock=given.clock, marks=marks, **size, **fixed)


def plan_of(given: argparse.Namespace, work: Path) -> Config:
    """The pool's plan; more problems are held out than are attempted, so that the attempted ones can be balanced."""
    if given.pool == "tiny":
        return tiny_plan(work, 800)
    return gym_plan(work, 2 * given.held_out, given.model, given.engine, given.each, given.max_tokens)


def arguments() -> argparse.Namespace:
    """The command line; --quick shrinks what it finds at full size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="2 arms, 2 seeds and half the cost: does it run, not what comes out"
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=Path(".assay/curriculum_study"),
        help="folder of the pool's lake and of finished runs",
    )
    parser.add_argument(
        "--arms", nargs="+", choices=tuple(ARMS), help="these alone; the first is what the others are compared with"
    )
    parser.add_argument("--seeds", type=int, help="at most so many an arm")
    parser.add_argument("--seconds", type=float, default=24.0, help="cost of a run, scoring and embedding included")
    parser.add_argument("--rollouts", type=int, default=9_000, help="the same, for the second table")
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--groups", type=int, default=16, help="problems a step, 8 rollouts each")
    parser.add_argument("--micro-batch", type=int, help="rollouts a forward pass")
    parser.add_argument("--held-out", type=int, default=300, help="problems that are attempted at every mark")
    parser.add_argument("--processes", type=int, default=2, help="runs at once; 1 on a GPU")
    parser.add_argument("--clock", choices=("cpu", "wall"), default="cpu")
    parser.add_argument("--pool", choices=("tiny", "reasoning_gym"), default="tiny")
    parser.add_argument("--model", default="smollm2-135m-instruct", help="of reasoning_gym")
    parser.add_argument("--engine", default="transformers", help="of reasoning_gym, for scoring")
    parser.add_argument("--each", type=int, default=400, help="of reasoning_gym: problems a generator")
    parser.add_argument("--max-tokens", type=int, default=32, help="of reasoning_gym")
    parser.add_argument("--report", action="store_true", help="run nothing: tell of the seeds that are finished")
    parser.add_argument("--plot", type=Path, help="write accuracy against cost here, as .png or .svg; needs matplotlib")
    given = parser.parse_args()
    if given.quick:
        given.seconds, given.rollouts = given.seconds / 2, given.rollouts // 2
    return given


if __name__ == "__main__":
    main()
