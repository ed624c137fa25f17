"""Where each stage's memory and time grow: bytes of peak memory and seconds of CPU that a further problem costs, stage by stage.

Every stage of `curate run`, and what reads a finished lake, in a process of its own over pools of two or more sizes: problems of 40 words, 4
stored attempts each (so that neither a model nor a judge takes part), TF-IDF vectors and 64 clusters. A slope is between the smallest and the
largest pool; CPU seconds, since a wall clock tells little on a shared machine. `--peers PYTHON` measures datatrove's MinHash, semhash and a
pandas script beside ours on the same pool, with an interpreter that has them.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks._pieces import resident_mib
from benchmarks._scale_pool import ATTEMPTS, store_attempts, write_pool
from benchmarks.claims import RESULTS, hardware

FULL, QUICK = (10_000, 1_000_000), (1_000, 10_000)  # problems
FILTERS = ("empty", "conflicting_labels", "exact")
ALONE = ("near", "unparsable", "unverifiable", "semantic")  # filters in a clean of their own
BOOK = "measured.json"  # beside a pool: what was measured over it, by stage
STORE = "store"  # writes the attempts; not a stage, and not told
STAGES = ("ingest", "clean", "split", STORE, "score", "embed", "select", "order", "report", "export", "status", "run")
BARS = {  # stage -> CPU us per problem
    "ingest": 40,
    "clean": 40,
    "split": 15,
    "score": 60,
    "select": 15,
    "order": 10,
}
PEERS = (  # peer, the stages of ours that do its work, the highest ratio of our CPU seconds to its
    ("datatrove", ("ingest", "near"), 1.0),
    ("semhash", ("semantic",), 1.0),
    ("pandas", ("ingest", "clean", "split", "score", "select"), 3.0),
)
ATTEMPTS_OF_PEERS = """
SELECT md5(p.messages[1].content) AS key, (v.outcome = 'correct')::INT AS correct
FROM rollouts r JOIN verdicts v ON v.rollout_id = r.id JOIN problems p ON p.id = r.problem_id
"""
BAR_BYTES = 600  # per problem, any stage but embed
FINISHED_S = 10.0  # `run` on a finished lake of 1,000,000


def main() -> None:
    """Measure every stage at every size, print the slopes and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"pools of {QUICK} in place of {FULL}")
    parser.add_argument("--sizes", type=int, nargs="+", help="other sizes")
    parser.add_argument(
        "--stages", nargs="+", default=[], help="only these; earlier ones must lie in --scratch already"
    )
    parser.add_argument("--held", action="store_true", help="measure nothing; write what --scratch holds of every size")
    parser.add_argument("--scratch", type=Path, help="keep pools and lakes here, and go on where a run was stopped")
    parser.add_argument("--peers", default="", help="an interpreter with datatrove, semhash and pandas")
    parser.add_argument("--piece", nargs=2, metavar=("FOLDER", "STAGE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.piece:
        print(json.dumps(piece(Path(args.piece[0]), args.piece[1])))
        return
    sizes = args.sizes or (QUICK if args.quick else FULL)
    with tempfile.TemporaryDirectory() as folder:
        scratch = args.scratch or Path(folder)
        measured = {n: _held(scratch / str(n)) if args.held else pool(scratch / str(n), n, args.stages) for n in sizes}
        stages = [stage for stage in (*STAGES, *ALONE) if all(stage in of for of in measured.values())]
        rows = [row(stage, {n: of[stage] for n, of in measured.items()}) for stage in stages if stage != STORE]
        beside = peers(args.peers, scratch / str(max(sizes)), measured[max(sizes)]) if args.peers else []
    for each in (*rows, *beside):
        print(each)
    if not args.stages:
        tree = {"hardware": hardware(), "sizes": list(sizes), "attempts": ATTEMPTS, "stages": rows, "peers": beside}
        (RESULTS / "scale.json").write_text(json.dumps(tree, indent=1) + "\n")


def pool(folder: Path, n: int, only: Sequence[str]) -> dict[str, dict[str, float]]:
    """Measure the stages over a pool of n problems; what `--scratch` holds already is not measured again."""
    if not (folder / "config.toml").is_file():
        write_pool(folder, n, FILTERS)
    measured = _held(folder)
    for stage in (*STAGES, *ALONE):
        if (only and stage not in only) or (not only and stage in measured):
            continue
        call = [sys.executable, "-m", "benchmarks.scale", "--piece", str(folder), stage]
        began = time.perf_counter()
        printed = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True).stdout
        times = {"process_s": time.perf_counter() - began, "load": os.getloadavg()[0]}
        measured[stage] = {**json.loads(printed.splitlines()[-1]), **times}
        print(n, stage, measured[stage], file=sys.stderr, flush=True)
        (folder / BOOK).write_text(json.dumps(measured, indent=1))
    return {stage: of for stage, of in measured.items() if not only or stage in only}


def _held(folder: Path) -> dict[str, dict[str, float]]:
    """Read what was measured over a pool before."""
    measured: dict[str, dict[str, float]] = {}
    if (folder / BOOK).is_file():
        measured = json.loads((folder / BOOK).read_text())
    return measured


def piece(folder: Path, stage: str) -> dict[str, float]:
    """Run one stage in this process: its peak memory, and what it took beyond a process that has only opened the config."""
    from assay.api import NullReporter
    from assay.core.config import read_config
    from assay.pipelines.context.run import RunContext
    from assay.stores.lake import Lake

    config = read_config(folder / "config.toml", [f'clean.filters=["{stage}"]'] if stage in ALONE else [])
    with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
        opened, began, cpu = resident_mib("VmRSS"), time.perf_counter(), _cpu()
        Path("/proc/self/clear_refs").write_text("5")  # VmHWM counts from here
        _do(context, stage, folder)
        context.close()  # the judging processes' time counts once they have ended
        wall, peak = time.perf_counter() - began, resident_mib("VmHWM")
        held = {"opened_mib": opened, "peak_mib": peak, "lake_mib": _bytes(Path(lake.root)) / 2**20}
        return {**held, "cpu_s": _cpu() - cpu, "wall_s": wall}


def _do(context: Any, stage: str, folder: Path) -> None:
    from assay.pipelines.analysis.cost_estimate import list_stages, stage_states
    from assay.pipelines.analysis.export import export
    from assay.pipelines.analysis.staleness import list_selections
    from assay.pipelines.runner.stages import run_stages, survey_stages
    from assay.viewer.report import write_report

    if stage == STORE:
        store_attempts(context)
    elif stage == "report":
        write_report(context)
    elif stage == "export":
        export(context, "jsonl", folder / f"export{time.time_ns()}", filtered=True)
    elif stage == "run":
        results = run_stages(context)
        assert all(result.reused for result in results), "the lake is not finished"
    elif stage == "status":
        surveyed = survey_stages(context)
        list_stages(stage_states(surveyed)), list_selections(context, surveyed.results)
    else:
        run_stages(context, "clean" if stage in ALONE else stage, only=True)


def row(stage: str, measured: Mapping[int, Mapping[str, float]]) -> dict[str, object]:
    """One stage's slopes between the smallest and the largest pool, with its bars and whether they hold."""
    few, many = min(measured), max(measured)
    rise = {name: (measured[many][name] - measured[few][name]) / max(many - few, 1) for name in ("peak_mib", "cpu_s")}
    cpu, held = round(rise["cpu_s"] * 1e6, 1), round(rise["peak_mib"] * 2**20)
    bars: dict[str, dict[str, float]] = {}
    if stage != "embed":
        bars["bytes"] = {"bar": BAR_BYTES, "holds": held <= BAR_BYTES}
    bars |= {"cpu_us": {"bar": BARS[stage], "holds": cpu <= BARS[stage]}} if stage in BARS else {}
    if stage == "run" and many >= 1_000_000:
        bars |= {"process_s": {"bar": FINISHED_S, "holds": measured[many]["process_s"] < FINISHED_S}}
    told = ("peak_mib", "cpu_s", "process_s", "load")
    at = {name: {n: round(of[name], 2) for n, of in measured.items() if name in of} for name in told}
    return {"stage": stage, "bytes_per_problem": held, "cpu_us_per_problem": cpu, **at, "bars": bars}


def peers(python: str, folder: Path, ours: Mapping[str, Mapping[str, float]]) -> list[dict[str, object]]:
    """Measure what others do of the same work on the same pool, in the same run; each in a process of its own.

    CPU seconds of ours are the sum of the stages that do that work, what opening a process takes left out on both sides.
    """
    _write_for_peers(folder)
    rows: list[dict[str, object]] = []
    for name, stages, bar in PEERS:
        call = [python, str(Path(__file__).with_name("_scale_peers.py")), name, str(folder)]
        printed = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True).stdout
        peer = json.loads(printed.splitlines()[-1])
        own, peak = sum(ours[stage]["cpu_s"] for stage in stages), max(ours[stage]["peak_mib"] for stage in stages)
        ratio = own / peer["cpu_s"]
        row = {"peer": name, "stages": stages, "ours_cpu_s": round(own, 2), "peer_cpu_s": round(peer["cpu_s"], 2)}
        memory = {"ours_peak_mib": round(peak), "peer_peak_mib": round(peer["peak_mib"])}
        rows.append({**row, **memory, "ratio": round(ratio, 2), "bar": bar, "holds": ratio <= bar})
    return rows


def _write_for_peers(folder: Path) -> None:
    """Write the attempts and the vectors of the lake in the forms that peers read."""
    import numpy as np

    from assay.stores.lake import Lake

    with Lake(folder / "lake") as lake, (folder / "attempts.csv").open("w") as file:
        file.write("key,correct\n")
        for batch in lake.stream(ATTEMPTS_OF_PEERS):
            file.writelines(f"{key},{correct}\n" for key, correct in zip(*batch.to_pydict().values(), strict=True))
        vectors = [
            batch["vector"].flatten().to_numpy().reshape(len(batch), -1)
            for batch in lake.stream("SELECT vector FROM vectors")
        ]
    np.save(folder / "vectors.npy", np.concatenate(vectors))


def _cpu() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
