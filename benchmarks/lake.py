"""The lake's speed: pass rates of millions of rollouts, durable appends, the first answer, and a finished lake that says so.

Bars: pass rates of 10 million rollouts (625,000 problems x 16) with texts beside them in under 10 s and 4 GiB on 2 cores, at least 3 times
faster than the same counts from JSONL in Python; at least 15,000 durable rows/s in batches of 256 with 2 kB texts, 30,000 in batches of 4,096,
500 with 100 kB texts; first answer of 1,000 files in under 0.5 s, their pass rates in under 1 s; `curate run` on a finished lake of 100,000
problems done in 5 s, the whole command; the rate of commits does not fall from the first to the 10,000th.

`--only PART --folder DIR` measures one part and keeps its lake; `rates` builds for four minutes a call and goes on at the next.
"""

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from assay.stores.commits import manifest
from assay.stores.lake import Lake
from assay.stores.storage import local
from assay.stores.tables import schema
from benchmarks.claims import RESULTS, Claim, publish

PARTS = ("appends", "steady", "many", "finished", "rates")
PER = 16  # attempts a problem
FULL, QUICK = 625_000, 62_500  # problems
ASK = """
import resource, sys, time
from assay.stores.lake import Lake
import duckdb, pyarrow.parquet, assay.maths.posterior
began, spent = time.perf_counter(), time.process_time()
answer = Lake(sys.argv[1]).query(sys.argv[2])
print(f"CPU {time.process_time() - spent:.2f} s for {sys.argv[2]}", file=sys.stderr)
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, answer.num_rows)
"""
PLAN = """
name = "finished"
lake = "{folder}/finished"
[[source]]
type = "files"
paths = "{folder}/sums.jsonl"
[policy]
model = "scripted"
engine = "scripted"
rule = "sum"
max_tokens = 16
truncated = "wrong"
[score]
n = 4
problems_per_commit = 10000
[embed]
encoder = "tfidf"
[select]
budget = 1000
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
        made.append(value if isinstance(value, pa.Array | pa.ChunkedArray) else same(n, value, each.type))
    return pa.table(made, schema=schema(name))


def waves(problems: int, per: int, rng: np.random.Generator, text: int = 0) -> dict[str, pa.Table]:
    """Rollouts and verdicts, and texts of `text` characters, of some problems."""
    n, ids = problems * per, hashes(rng, problems * per)
    owner = pa.array(np.repeat(np.array(hashes(rng, problems)), per))
    outcome = pa.array(np.array(["correct", "wrong", "truncated"])[rng.choice(3, n, p=[0.4, 0.5, 0.1])])
    rollout = {
        "id": pa.array(ids),
        "problem_id": owner,
        "policy": "revision",
        "policy_name": "model",
        "sampler": "s" * 24,
        "finish": "stop",
    }
    counted = {
        "sample": pa.array(np.tile(np.arange(per), problems)),
        "tokens": pa.array(rng.integers(10, 500, n)),
        "seed": 1,
        "prompt_tokens": 50,
    }
    verdict = {
        "id": pa.array(hashes(rng, n)),
        "rollout_id": pa.array(ids),
        "label_id": owner,
        "verifier": "math",
        "version": "1",
    }
    tables = {
        "rollouts": filled("rollouts", n, {**rollout, **counted, "engine": "x", "guided": False, "run": "r"}),
        "verdicts": filled(
            "verdicts", n, {**verdict, "outcome": outcome, "reward": 1.0, "extracted": "4", "reason": "", "run": "r"}
        ),
    }
    if text:
        tables["completions"] = filled(
            "completions", n, {"id": pa.array(ids), "text": pa.array(prose(n, text)), "run": "r"}
        )
    return tables


def prose(n: int, length: int) -> list[str]:
    """n texts of random words, which compress about as reasoning does."""
    words = ["".join(random.choices("etaoinshrdlu", k=random.randint(2, 8))) for _ in range(5_000)]
    long = " ".join(random.choices(words, k=max(length * 40, 400_000) // 5))
    return [long[start : start + length] for start in (random.randrange(len(long) - length) for _ in range(n))]


def ask(root: Path, query: str) -> tuple[float, float, int]:
    """Seconds, GiB at the peak and rows of one query in a process of its own, after imports."""
    done = subprocess.run([sys.executable, "-c", ASK, str(root), query], capture_output=True, text=True, check=True)
    print(f"{done.stderr.strip()}, load {os.getloadavg()[0]:.1f}")
    seconds, memory, rows = done.stdout.split()
    return float(seconds), float(memory), int(rows)


def rates(folder: Path, problems: int, *, text: int, limit_s: float = 240.0) -> list[Claim]:
    """Pass rates of the whole lake, and of a tenth of it from JSONL in Python; none while the lake is still being built, which may take parts."""
    root, peer = folder / "big", folder / "peer.jsonl"
    if not built(root, problems, text, limit_s):
        return []
    _write_peer(peer, waves(problems // 10, PER, np.random.default_rng(0)))
    seconds, memory, rows = ask(root, "SELECT * FROM pass_rates")
    again, tenth = _count_jsonl(peer)
    n, scaled = f"{problems * PER:,} rollouts", again * rows / tenth
    beside = (
        sum(path.stat().st_size for path in (root / "tables" / "completions").glob("*.parquet")) / 2**30
        if text
        else 0.0
    )
    print(f"{rows:,} pass rates; {beside:.1f} GiB of texts beside them, {text} characters each")
    size = {"n": problems * PER, "full_n": FULL * PER}
    return [
        Claim(f"pass_rates of {n}", seconds, 10.0, seconds / 10, "< 10 s", seconds < 10, "s", **size),
        Claim(f"peak memory of that query, {n}", memory, 4.0, memory / 4, "< 4 GiB", memory < 4, "GiB", **size),
        Claim(
            f"the same counts from JSONL in Python, {n} (a tenth, scaled)",
            seconds,
            scaled,
            scaled / seconds,
            ">= 3",
            scaled >= 3 * seconds,
            "s",
        ),
    ]


def built(root: Path, problems: int, text: int, limit_s: float) -> bool:
    """Whether the lake holds all problems; within the limit it goes on where an earlier call stopped."""
    began, chunk = time.monotonic(), 12_500 if text else 62_500
    with Lake(root) as lake:
        start = len(lake.files().get("rollouts", ())) * chunk
        while start < problems and time.monotonic() - began < limit_s:
            lake.append(waves(min(chunk, problems - start), PER, np.random.default_rng(start), text), run="r")
            start += chunk
    print(
        f"{min(start, problems):,} of {problems:,} problems are in {root}"
        + ("; run this part again" if start < problems else "")
    )
    return start >= problems


def _write_peer(path: Path, tables: dict[str, pa.Table]) -> None:
    if path.exists():
        return
    with path.open("w") as file:
        for key, outcome in zip(
            tables["rollouts"]["problem_id"].to_pylist(), tables["verdicts"]["outcome"].to_pylist(), strict=True
        ):
            file.write(
                json.dumps(
                    {"problem_id": key, "policy": "revision", "sampler": "s" * 24, "outcome": outcome, "tokens": 100}
                )
                + "\n"
            )


def _count_jsonl(path: Path) -> tuple[float, int]:
    began, counts = time.perf_counter(), defaultdict(lambda: [0, 0, 0])
    place = {"correct": 0, "wrong": 1, "truncated": 2}
    with path.open() as file:
        for line in file:
            row = json.loads(line)
            counts[row["problem_id"], row["policy"], row["sampler"]][place[row["outcome"]]] += 1
    return time.perf_counter() - began, len(counts)


class Shares:
    """Seconds of all threads by what they do, while it is entered; what is called inside is not counted twice."""

    WATCHED: ClassVar[tuple[tuple[Any, str, str], ...]] = (
        (manifest.pq, "write_table", "encode"),
        (local, "write_synced", "write and fsync"),
        (manifest, "write_parquet", "hash, rename, folder's fsync"),
        (manifest, "write_entry", "manifest but its fsync"),
    )

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self._inner, self._lock = threading.local(), threading.Lock()

    def __enter__(self) -> "Shares":
        self._plain = [getattr(module, name) for module, name, _ in self.WATCHED]
        for (module, name, says), plain in zip(self.WATCHED, self._plain, strict=True):
            setattr(module, name, self._timed(plain, says))
        return self

    def __exit__(self, *_: object) -> None:
        for (module, name, _says), plain in zip(self.WATCHED, self._plain, strict=True):
            setattr(module, name, plain)

    def _timed(self, call: Callable[..., Any], says: str) -> Callable[..., Any]:
        def timed(*given: Any, **named: Any) -> Any:
            outer, self._inner.seconds = getattr(self._inner, "seconds", 0.0), 0.0
            began = time.perf_counter()
            made = call(*given, **named)
            took = time.perf_counter() - began
            with self._lock:
                self.spent[says] += took - self._inner.seconds
            self._inner.seconds = outer + took
            return made

        return timed

    def told(self) -> str:
        """Each share of the sum."""
        return ", ".join(f"{name} {spent / sum(self.spent.values()):.0%}" for name, spent in self.spent.items())


def appends(folder: Path, batch: int, text: int, least: float, rows: int) -> Claim:
    """Durable rows a second, rollouts, texts and verdicts in one commit; the shares of encode, write, fsync and manifest are printed."""
    rng, lake = np.random.default_rng(1), Lake(folder / f"append-{batch}-{text}")
    made = [waves(batch, 1, rng, text) for _ in range(4)]
    lake.append(made[0])
    count = max(4, rows // batch)
    with Shares() as shares:
        began = time.perf_counter()
        for number in range(count):
            lake.append(made[number % 4])
        seconds = time.perf_counter() - began
    rate = count * batch / seconds
    print(f"batches of {batch}, {text} characters: {rate:,.0f} rows/s; {shares.told()}")
    return Claim(
        f"durable appends in batches of {batch:,}, texts of {text // 1000} kB",
        rate,
        least,
        rate / least,
        ">= 1",
        rate >= least,
        "rows/s",
    )


def steady(folder: Path, commits: int) -> Claim:
    """The rate of the last thousand commits beside the first thousand's: an append does not pay for those before it."""
    rng, root = np.random.default_rng(3), folder / "steady"
    made = [waves(16, 1, rng, 2_000) for _ in range(4)]
    took = []
    with Lake(root) as lake:
        for number in range(commits):
            began = time.perf_counter()
            lake.append(made[number % 4])
            took.append(time.perf_counter() - began)
    part = max(1, commits // 10)
    first, last = part / sum(took[:part]), part / sum(took[-part:])
    name = f"commits a second, the last tenth of {commits:,} beside the first"
    return Claim(name, last, first, last / first, ">= 0.8", last >= 0.8 * first, "commits/s", n=commits, full_n=10_000)


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
        lake.catalogue()  # as every command leaves it
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


def finished(folder: Path, problems: int) -> list[Claim]:
    """Seconds in which `curate run` says that nothing is to do, the whole command; none while the lake is not finished."""
    config, source = folder / "finished.toml", folder / "sums.jsonl"
    config.write_text(PLAN.format(folder=folder))
    source.write_text(
        "".join(
            json.dumps({"prompt": f"What is {n} + {n % 97}?", "answer": str(n + n % 97)}) + "\n"
            for n in range(problems)
        )
    )
    call = [sys.executable, "-m", "assay", "curate", "run", str(config), "--json"]
    made, took = dict[str, Any](), list[float]()
    for _ in range(4):
        began = time.perf_counter()
        made = json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout)
        took.append(time.perf_counter() - began)
    seconds, used = sorted(took[1:])[1], resource.getrusage(resource.RUSAGE_CHILDREN)
    each = ", ".join(f"{call_s:.1f}" for call_s in took)
    print(f"CPU of four calls {used.ru_utime + used.ru_stime:.1f} s, load {os.getloadavg()[0]:.1f}; each took {each} s")
    name = f"curate run on a finished lake of {problems:,} problems x 4 attempts, the whole command"
    return [
        Claim(
            name,
            seconds,
            5.0,
            seconds / 5,
            "< 5 s",
            made["nothing_to_do"] and seconds < 5,
            "s",
            n=problems,
            full_n=100_000,
        )
    ]


def record(claims: list[Claim]) -> None:
    """Publishes these claims beside those that other parts of the benchmark have measured."""
    path = RESULTS / "lake.json"
    known = {row["claim"]: Claim(**row) for row in json.loads(path.read_text())} if path.exists() else {}
    publish("lake", list((known | {each.claim: each for each in claims}).values()))


def measure(part: str, folder: Path, *, quick: bool, text: int) -> list[Claim]:
    """One part."""
    if part == "appends":
        return [
            appends(folder, 256, 2_000, 15_000, 10_240),
            appends(folder, 4_096, 2_000, 30_000, 40_960),
            appends(folder, 64, 100_000, 500, 1_024),
        ]
    if part == "steady":
        return [steady(folder, 1_000 if quick else 10_000)]
    if part == "many":
        return many(folder)
    if part == "finished":
        return finished(folder, 10_000 if quick else 100_000)
    return rates(folder, QUICK if quick else FULL, text=text)


def main() -> None:
    """Measures all of it, or one part, and publishes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rollouts and of the problems")
    parser.add_argument("--only", choices=PARTS, help="one part; the others' last numbers stay")
    parser.add_argument(
        "--text",
        type=int,
        default=2_000,
        help="characters of each text beside the rollouts; 0 = none; about 9 GB on disk",
    )
    parser.add_argument("--problems", type=int, help="of `rates`, in place of its sizes; nothing is written")
    parser.add_argument(
        "--folder", help="where the lakes are made, and stay for a next call; a temporary folder by default"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() if not given.folder else nullcontext(given.folder) as name:
        folder = Path(name).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        print(f"one fsync: {fsync_time(folder) * 1e3:.2f} ms")
        for part in [given.only] if given.only else PARTS:
            for left in [*folder.glob("append-*"), folder / "steady", folder / "many"]:
                shutil.rmtree(left, ignore_errors=True)  # of an earlier call; the two large lakes are built once
            if given.problems:
                print(*rates(folder, given.problems, text=given.text), sep="\n")
            else:
                record(measure(part, folder, quick=given.quick, text=given.text))
    print(f"peak of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


if __name__ == "__main__":
    main()
