"""A night of scoring on eight servers, of which two are killed and one is slow: are all places busy, and is anything lost or paid twice?

    python -m benchmarks.night [--quick] [--problems N]

Each problem is attempted eight times. The servers are processes of their own that answer after as long as the answer's tokens would take, by a
heavy-tailed length of up to 32,768 tokens, in time made short. A pilot of a hundredth of the problems forecasts tokens and time; then the rest is
scored, in which a server is killed after a quarter and after half of the expected time; another takes four times as long from the start. Busy
places are counted by the servers' own logs, from the first full second until 95% of the attempts have been answered; a dead server has no places.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from assay.api import NullReporter
from assay.core.config import Config, parse_config
from assay.pipelines.analysis.cost_estimate import estimate_cost
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.stores.lake import Lake
from benchmarks._night_stub import MEDIAN, SPREAD
from benchmarks.claims import Claim, publish

SERVERS, ATTEMPTS, CAP = 8, 8, 32_768
KILLED = (2, 5)  # after a quarter and after half of the expected time
SLOW, SLOWER = 6, 4.0  # which server, and by how much
PILOT = 100  # one problem in so many
FULL, QUICK = (
    (100_000, 64, 300.0),
    (2_000, 16, 250.0),
)  # problems, places per server, answers per second that all servers give
TAIL = 0.05  # of the attempts, in which places may be idle


def main() -> None:
    """Run the night and print the claims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK[0]} problems in place of {FULL[0]}")
    parser.add_argument("--problems", type=int, help="another number, of which nothing is written")
    asked = parser.parse_args()
    problems, places, rate = QUICK if asked.quick else FULL
    with tempfile.TemporaryDirectory(prefix="night-") as folder:
        night = run_night(Path(folder), asked.problems or problems, places, rate)
    print(night)
    if not asked.problems:
        publish("night", claims(night))


def run_night(folder: Path, problems: int, places: int, rate: float) -> dict[str, Any]:
    """Score the pool and measure.

    Args:
        folder: of all files.
        problems: of the pool.
        places: per server.
        rate: answers per second of all servers together, where none is slow or dead.

    Returns:
        The figures by name.
    """
    mean = expected_length()
    pace_s = SERVERS * places / rate / mean
    (folder / "pool.jsonl").write_text(
        "".join(f'{{"prompt": "What is {n} + {n % 97}?", "answer": "{n % 7}"}}\n' for n in range(problems))
    )
    with running_servers(folder, pace_s) as (urls, processes):
        config = plan(folder, urls, places)
        with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
            run_stages(context, "split")
            forecast = estimate_cost(context, max(2, problems // PILOT))
        with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
            began = time.time()
            expected_s = problems * ATTEMPTS / rate
            killers = [
                threading.Timer(share * expected_s, processes[which].kill)
                for which, share in zip(KILLED, (0.25, 0.5), strict=True)
            ]
            for killer in killers:
                killer.start()
            run_stages(context, "score")
            seconds = time.time() - began
            tokens = context.meter.tokens
            table = lake.query("SELECT problem_id, sample, tokens FROM rollouts")
    logs = {n: np.loadtxt(folder / f"{n}.log", ndmin=2) for n in range(SERVERS)}
    served = sum(int((log[:, 1] < 0).sum()) for log in logs.values())
    pairs = set(zip(table["problem_id"].to_pylist(), table["sample"].to_pylist(), strict=True))
    return {
        "problems": problems,
        "places": places,
        "attempts": table.num_rows,
        "distinct": len(pairs),
        "served": served,
        "lost": problems * ATTEMPTS - table.num_rows,
        "unkept": served - table.num_rows,
        "busy": busy_share(logs, places, began, problems * ATTEMPTS),
        "seconds": seconds,
        "tokens": tokens,
        "tokens_forecast": forecast["tokens"],
        "seconds_forecast": forecast["seconds"],
        "answers_per_s": table.num_rows / seconds,
    }


def expected_length() -> float:
    """Mean tokens of an answer, cut at `CAP`."""
    draws = MEDIAN * np.exp(SPREAD * np.random.default_rng(0).standard_normal(1_000_000))
    return float(np.minimum(draws, CAP).mean())


def plan(folder: Path, urls: list[str], places: int) -> Config:
    """The config over the pool and the servers."""
    return parse_config(
        {
            "lake": str(folder / "lake"),
            "source": [{"type": "files", "paths": str(folder / "pool.jsonl"), "verifier": "numeric"}],
            "clean": {"filters": []},
            "split": {"held_out": 0.0},
            "policy": {"model": "stub", "engine": "openai", "urls": urls, "concurrency": places, "max_tokens": CAP},
            "score": {"n": ATTEMPTS},
        }
    )


@contextmanager
def running_servers(folder: Path, pace_s: float) -> Iterator[tuple[list[str], list[subprocess.Popen[bytes]]]]:
    """The servers' addresses and processes, of which one is slow."""
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "benchmarks._night_stub",
                str(folder),
                str(n),
                str(pace_s * (SLOWER if n == SLOW else 1)),
            ]
        )
        for n in range(SERVERS)
    ]
    try:
        ports = [folder / f"{n}.port" for n in range(SERVERS)]
        until = time.monotonic() + 60
        while not all(port.is_file() and port.read_text() for port in ports):
            if time.monotonic() > until:
                raise RuntimeError("the servers did not come up within 60 s")
            time.sleep(0.05)
        yield [f"http://127.0.0.1:{port.read_text()}/v1" for port in ports], processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def busy_share(logs: dict[int, np.ndarray], places: int, began: float, attempts: int) -> float:
    """Busy places over all places of living servers, until 95% of the attempts have been answered."""
    ends = np.sort(np.concatenate([log[log[:, 1] < 0, 0] for log in logs.values()]))
    ends = ends[ends >= began]
    full = np.sort(np.concatenate([log[(log[:, 1] > 0) & (log[:, 0] >= began), 0] for log in logs.values()]))
    first = full[min(len(full) - 1, SERVERS * places)]
    last = ends[int(len(ends) * (1 - TAIL)) - 1]
    busy = all_places = 0.0
    for number, log in logs.items():
        log = log[log[:, 0] >= began]
        dead = log[-1, 0] if number in KILLED else np.inf
        edges = np.clip(np.append(log[:, 0], min(dead, last)), first, min(dead, last))
        busy += float((np.cumsum(log[:, 1]) * np.diff(edges)).sum())
        all_places += places * max(0.0, min(dead, last) - first)
    return float(busy / all_places)


def claims(night: dict[str, Any]) -> list[Claim]:
    """The rows of the table."""
    size = f"{night['problems']:,} problems x {ATTEMPTS} on {SERVERS} servers of {night['places']} places, two killed and one slow"
    rows = [
        Claim(
            f"share of living places busy until the last 5% of attempts; {size}",
            night["busy"],
            1.0,
            night["busy"],
            ">= 0.95",
            night["busy"] >= 0.95,
            "share",
        ),
        Claim("attempts lost", night["lost"], 0, night["lost"], "<= 0", night["lost"] <= 0, "attempts"),
        Claim(
            "attempts paid twice: answered in whole and not kept, or kept twice",
            night["unkept"] + night["attempts"] - night["distinct"],
            0,
            0.0,
            "<= 0",
            night["unkept"] + night["attempts"] - night["distinct"] <= 0,
            "attempts",
        ),
    ]
    for name, unit in (("tokens", "tokens"), ("seconds", "s")):
        low, high = map(float, night[f"{name}_forecast"])
        true = float(night[name])
        middle = (low + high) / 2
        rows.append(
            Claim(
                f"{name} of the rest inside the pilot's 80% interval [{low:.4g}, {high:.4g}]",
                middle,
                true,
                middle / true,
                "inside",
                low <= true <= high,
                unit,
            )
        )
    return rows


if __name__ == "__main__":
    main()
