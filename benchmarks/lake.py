"""The lake's speed: pass rates of millions of rollouts, durable appends, the first answer, and a finished lake that says so.

Bars: pass rates of 10 million rollouts (625,000 problems x 16) with texts beside them in under 10 s and 4 GiB on 2 cores, at least 3 times
faster than the same counts from JSONL in Python; at least 15,000 durable rows/s in batches of 256 with 2 kB texts, 30,000 in batches of 4,096,
500 with 100 kB texts; first answer of 1,000 files in under 0.5 s, their pass rates in under 1 s; `curate run` on a finished lake of 100,000
problems done in 5 s. The texts table of the large lake is one row a rollout with `--texts`; without it the view is proved not to open that folder.
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
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa

from assay.stores import manifest
from assay.stores.lake import Lake
from assay.stores.tables import schema
from benchmarks.claims import Claim, publish

PER = 16  # attempts a problem
FULL, QUICK = 625_000, 62_500  # problems
CHUNK = 62_500  # problems a file
ASK = """
import resource, sys, time
from assay.stores.lake import Lake
import duckdb, pyarrow.parquet, assay.maths.posterior
began = time.perf_counter()
answer = Lake(sys.argv[1]).query(sys.argv[2])
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, answer.num_rows)
"""
FINISHED = """
import sys, time
from assay.api import Silence
from assay.core.plan import parse_plan
from assay.pipelines.job import Job
from assay.pipelines.walk import walk
from assay.stores.lake import Lake
plan = parse_plan({
    "name": "finished", "lake": sys.argv[1], "source": [{"part": "files", "paths": sys.argv[2]}],
    "clean": {"filters": ["empty", "exact"]}, "policy": {"model": "scripted", "engine": "scripted", "rule": "sum", "max_tokens": 16},
    "score": {"n": 1, "truncated": "wrong", "wave": 5000}, "embed": {"encoder": "tfidf", "clusters": 8}, "select": {"budget": 1000}})
with Lake(plan.lake) as lake, Job(plan, lake, Silence()) as job:
    began = time.perf_counter()
    outcomes = walk(job)
    print(time.perf_counter() - began, all(each.reused for each in outcomes))
"""


def hashes(rng: np.random.Generator, n: int) -> list[str]:
    """n ids of 24 hexadecimal digits."""
    text = rng.integers(0, 256, (n, 12), dtype=np.uint8).tobytes().hex()
    return [text[24 * i : 24 * i + 24] for i in range(n)]


def same(n: int, value: object, kind: pa.DataType) -> pa.Array:
    """One value n times."""
    return pa.nulls(n, kind) if value is None else pa.repeat(pa.scalar(value, kind), n)


def filled(name: str, n: int, columns: dict[str, object]) -> pa.Table:
    """Rows of one table: arrays where given, else one value (None, 0, "" or False by type)."""
    made = []
    for each in schema(name):
        value = columns.get(each.name)
        made.append(value if isinstance(value, pa.Array) else same(n, value, each.type))
    return pa.table(made, schema=schema(name))


def waves(problems: int, per: int, rng: np.random.Generator, text: int = 0) -> dict[str, pa.Table]:
    """Rollouts and verdicts, and texts of `text` characters, of some problems."""
    n, ids = problems * per, hashes(rng, problems * per)
    owner = pa.array(np.repeat(np.array(hashes(rng, problems)), per))
    outcome = pa.array(np.array(["correct", "wrong", "truncated"])[rng.choice(3, n, p=[0.4, 0.5, 0.1])])
    rollout = {"id": pa.array(ids), "problem_id": owner, "policy": "revision", "policy_name": "model", "sampler": "s" * 24, "finish": "stop"}
    counted = {"sample": pa.array(np.tile(np.arange(per), problems)), "tokens": pa.array(rng.integers(10, 500, n)), "seed": 1, "prompt_tokens": 50}
    verdict = {"id": pa.array(hashes(rng, n)), "rollout_id": pa.array(ids), "label_id": owner, "verifier": "math", "version": "1"}
    tables = {
        "rollouts": filled("rollouts", n, {**rollout, **counted, "engine": "x", "guided": False, "run": "r"}),
        "verdicts": filled("verdicts", n, {**verdict, "outcome": outcome, "reward": 1.0, "extracted": "4", "reason": "", "run": "r"}),
    }
    if text:
        tables["texts"] = filled("texts", n, {"id": pa.array(ids), "text": pa.array(prose(n, text)), "run": "r"})
    return tables


def prose(n: int, length: int) -> list[str]:
    """n texts of random words, which compress about as reasoning does."""
    words = ["".join(random.choices("etaoinshrdlu", k=random.randint(2, 8))) for _ in range(5_000)]
    long = " ".join(random.choices(words, k=max(length * 40, 400_000) // 5))
    return [long[start : start + length] for start in (random.randrange(len(long) - length) for _ in range(n))]


def ask(root: Path, query: str) -> tuple[float, float, int]:
    """Seconds, GiB at the peak and rows of one query in a process of its own, after imports."""
    done = subprocess.run([sys.executable, "-c", ASK, str(root), query], capture_output=True, text=True, check=True)
    seconds, memory, rows = done.stdout.split()
    return float(seconds), float(memory), int(rows)


def rates(folder: Path, problems: int, *, texts: bool) -> list[Claim]:
    """Pass rates of the whole lake, and of a tenth of it from JSONL in Python."""
    rng, root, peer = np.random.default_rng(0), folder / "big", folder / "peer.jsonl"
    with Lake(root) as lake, peer.open("w") as file:
        for start in range(0, problems, CHUNK):
            tables = waves(min(CHUNK, problems - start), PER, rng, 2_000 if texts else 0)
            lake.append(tables, run="r")
            if start < problems // 10 or start == 0:
                _write_peer(file, tables, problems // 10 * PER)
    seconds, memory, rows = ask(root, "SELECT * FROM pass_rates")
    again, tenth = _count_jsonl(peer)
    n = f"{problems * PER:,} rollouts{' with 2 kB texts beside them' if texts else ''}"
    scaled = again * rows / tenth
    return [
        Claim(f"pass_rates of {n}", seconds, 10.0, seconds / 10, "< 10 s", seconds < 10, "s", n=problems * PER, full_n=FULL * PER),
        Claim("peak memory of that query", memory, 4.0, memory / 4, "< 4 GiB", memory < 4, "GiB", n=problems * PER, full_n=FULL * PER),
        Claim(
            f"the same counts from JSONL in Python ({tenth:,} problems, scaled)",
            seconds,
            scaled,
            scaled / seconds,
            ">= 3",
            scaled >= 3 * seconds,
            "s",
        ),
    ]


def _write_peer(file: object, tables: dict[str, pa.Table], most: int) -> None:
    keys, outcomes = tables["rollouts"]["problem_id"].to_pylist()[:most], tables["verdicts"]["outcome"].to_pylist()[:most]
    for key, outcome in zip(keys, outcomes, strict=True):
        file.write(json.dumps({"problem_id": key, "policy": "revision", "sampler": "s" * 24, "outcome": outcome, "tokens": 100}) + "\n")  # type: ignore[attr-defined]


def _count_jsonl(path: Path) -> tuple[float, int]:
    began, counts = time.perf_counter(), defaultdict(lambda: [0, 0, 0])
    place = {"correct": 0, "wrong": 1, "truncated": 2}
    with path.open() as file:
        for line in file:
            row = json.loads(line)
            counts[row["problem_id"], row["policy"], row["sampler"]][place[row["outcome"]]] += 1
    return time.perf_counter() - began, len(counts)


def appends(folder: Path, batch: int, text: int, least: float, rows: int) -> Claim:
    """Durable rows a second, rollouts, texts and verdicts in one commit; the shares of encode, write and fsync are printed."""
    rng, lake = np.random.default_rng(1), Lake(folder / f"append-{batch}-{text}")
    made = [waves(batch, 1, rng, text) for _ in range(4)]
    lake.append(made[0])
    shares, plain = {"fsync": 0.0}, os.fsync

    def timed(handle: int) -> None:
        began = time.perf_counter()
        plain(handle)
        shares["fsync"] += time.perf_counter() - began

    os.fsync = timed
    began, count = time.perf_counter(), max(4, rows // batch)
    for number in range(count):
        lake.append(made[number % 4])
    seconds = time.perf_counter() - began
    os.fsync = plain
    rate = count * batch / seconds
    print(f"batches of {batch}, {text} characters: {rate:,.0f} rows/s; fsync {shares['fsync'] / seconds:.0%}; first to last file no listing")
    return Claim(f"durable appends in batches of {batch}, texts of {text // 1000} kB", rate, least, rate / least, ">= 1", rate >= least, "rows/s")


def fsync_time(folder: Path) -> float:
    """Seconds of one fsync of 4 kB, the median of 50."""
    times = []
    with (folder / "probe").open("wb") as file:
        for _ in range(50):
            file.write(os.urandom(4096))
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return sorted(times)[25]


def many(folder: Path, files: int = 1_000) -> list[Claim]:
    """First answer and pass rates of a lake of many small files."""
    rng, root = np.random.default_rng(2), folder / "many"
    with Lake(root) as lake:
        for _ in range(files):
            lake.append(waves(4, PER, rng))
    first, _, _ = ask(root, "SELECT * FROM rollouts LIMIT 1")
    whole, _, _ = ask(root, "SELECT * FROM pass_rates")
    began = time.perf_counter()
    entries = len(manifest.entry_names(root))
    listing = time.perf_counter() - began
    print(f"{entries} entries are listed in {listing * 1e3:.1f} ms")
    return [
        Claim(f"first answer from {files:,} commits", first, 0.5, first / 0.5, "< 0.5 s", first < 0.5, "s"),
        Claim(f"pass rates of {files:,} commits", whole, 1.0, whole, "< 1 s", whole < 1, "s"),
    ]


def finished(folder: Path, problems: int) -> Claim:
    """Seconds in which the walk over a finished lake says that nothing is to do, after imports."""
    source = folder / "sums.jsonl"
    source.write_text("".join(json.dumps({"prompt": f"What is {n} + {n % 97}?", "answer": str(n + n % 97)}) + "\n" for n in range(problems)))
    call = [sys.executable, "-c", FINISHED, str(folder / "finished"), str(source)]
    subprocess.run(call, capture_output=True, check=True)
    seconds, reused = subprocess.run(call, capture_output=True, text=True, check=True).stdout.split()
    name = f"a finished lake of {problems:,} problems says nothing to do"
    return Claim(name, float(seconds), 5.0, float(seconds) / 5, "< 5 s", reused == "True" and float(seconds) < 5, "s", n=problems, full_n=100_000)


def main() -> None:
    """Measures all of it and publishes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rollouts and of the problems")
    parser.add_argument("--texts", action="store_true", help="2 kB texts beside the rollouts, about 10 GB on disk at full size")
    parser.add_argument("--folder", help="where the lakes are made; a temporary folder by default")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        print(f"one fsync: {fsync_time(folder) * 1e3:.2f} ms")
        claims = [appends(folder, 256, 2_000, 15_000, 10_240), appends(folder, 4_096, 2_000, 30_000, 40_960), appends(folder, 64, 100_000, 500, 512)]
        claims += many(folder)
        claims += rates(folder, QUICK if given.quick else FULL, texts=given.texts)
        claims.append(finished(folder, 10_000 if given.quick else 100_000))
        print(f"peak of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")
        publish("lake", claims)


if __name__ == "__main__":
    main()
