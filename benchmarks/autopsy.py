"""`curate autopsy` of a synthetic dump in verl's format: 1,000,000 answers of about 700 characters, 16,000 problems in groups of 16, 4 epochs.

The questions are the bundled ones with other numbers, a tenth of the answers are cut, pass rates follow Beta(.5, .5) and rise. The command runs as a
process of its own; its time is that of all its processes on all cores. The peer is one pass of `json.loads` over the same file.
"""

import argparse
import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from assay.sources.files import Files
from benchmarks.claims import Claim, publish

FULL, QUICK, GROUP, EPOCHS = 1_000_000, 50_000, 16, 4
CORES, MINUTES, MOST_GIB = 2, 2, 2.0
STEPS_PER_EPOCH = 64
NUMBER = re.compile(r"\d+")
PROSE = (
    "First we add what is given, then we take away what was spent, and so the rest remains to be shared among them. "
)


def main() -> None:
    """Writes the log, takes both times, and prints the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} answers")
    parser.add_argument("--scratch", type=Path, help="where the log is kept between runs")
    given = parser.parse_args()
    n = QUICK if given.quick else FULL
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.scratch or Path(temporary)
        log = folder / f"rollouts-{n}.jsonl"
        if not log.exists():
            write_log(log, n)
        peer = parse_once(log)
        cpu, wall, gib = autopsy(log, folder)
    size = n if given.quick else None
    bar = CORES * MINUTES * 60 * n / FULL
    claims = [
        Claim(
            f"autopsy of {n:,} answers ({wall:.0f} s on the clock) against json.loads of the same file, CPU seconds",
            cpu, peer, cpu / peer, f"<= {bar:g} s of {CORES} cores", cpu <= bar, "s", size, FULL,
        ),
        Claim("peak memory of it", gib, MOST_GIB, gib / MOST_GIB, f"<= {MOST_GIB:g} GiB", gib <= MOST_GIB, "GiB", size, FULL),
    ]  # fmt: skip
    publish("autopsy", claims)
    if not all(claim.holds for claim in claims):
        sys.exit(1)


def write_log(path: Path, n: int) -> None:
    """Writes n answers, a group after the other, step by step."""
    rng = random.Random(0)
    texts = [*_questions("package:gsm8k_300.jsonl", "####"), *_questions("package:svamp_300.jsonl", "")]
    count = max(n // (GROUP * EPOCHS), 1)
    problems = []
    for number in range(count):
        text = NUMBER.sub(lambda match: str(rng.randint(2, 10 ** max(len(match[0]), 2))), texts[number % len(texts)])
        problems.append(
            (
                f"{text}\nPlease reason step by step, and put your final answer within \\boxed{{}}.",
                rng.betavariate(0.5, 0.5),
            )
        )
    with path.open("w", encoding="utf-8") as file:
        for epoch in range(EPOCHS):
            order = rng.sample(range(count), count)
            for place, number in enumerate(order):
                step = epoch * STEPS_PER_EPOCH + place * STEPS_PER_EPOCH // count
                file.writelines(_group(rng, *problems[number], gold=str(number % 97), epoch=epoch, step=step))


def _group(rng: random.Random, question: str, rate: float, *, gold: str, epoch: int, step: int) -> Iterator[str]:
    for _ in range(GROUP):
        right, cut = rng.random() < rate ** (1 / (1 + 0.3 * epoch)), rng.random() < 0.1
        end = "" if cut else f"So the answer is \\boxed{{{gold if right else rng.randint(100, 999)}}}."
        row = {
            "input": f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n",
            "output": PROSE * rng.randint(4, 8) + end,
            "gts": gold,
            "score": float(right and not cut),
            "step": step,
            "response_length": 600 if cut else rng.randint(100, 599),
        }
        yield json.dumps(row) + "\n"


def _questions(paths: str, marker: str) -> list[str]:
    source = Files(paths=paths, prompt="question", answer="answer", answer_marker=marker)
    return [row[0].text for row in source.read() if isinstance(row, tuple)]


def parse_once(path: Path) -> float:
    """CPU seconds of one pass of `json.loads`."""
    begun = time.process_time()
    with path.open(encoding="utf-8") as file:
        for line in file:
            json.loads(line)
    return time.process_time() - begun


def autopsy(log: Path, folder: Path) -> tuple[float, float, float]:
    """CPU seconds of the command with all its children, seconds on the clock, and the peak memory of its largest process in GiB."""
    command = [sys.executable, "-m", "assay", "curate", "autopsy", str(log), "--page", str(folder / "page.html")]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([*command, "--out", str(folder / "pool.jsonl")], check=True, stdout=subprocess.DEVNULL)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - begun
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall, after.ru_maxrss / (1 << 20)


if __name__ == "__main__":
    main()
