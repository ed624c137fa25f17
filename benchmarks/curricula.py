"""Choosing the next 256 problems of a million while training runs, beside a million Beta draws; and what a checkpoint holds of it.

Simulated attempts: eight a problem at rates drawn from Beta(.6, .9). Every step is one `next(256)` and one `observe` of what came of them, at rates
drawn the same way. The naive way draws a Beta for every problem and takes the 256 nearest to one half.
"""

import argparse
import time
from typing import Any

import numpy as np

from assay.core.parts import build_part
from assay.core.types import Counts, GroupResult, Pool
from benchmarks.claims import Claim, publish

GROUPS, BAR_MS, BAR_MB = 256, 50.0, 50.0


def main() -> None:
    """Measures each online curriculum and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100,000 problems")
    given = parser.parse_args()
    n = 100_000 if given.quick else 1_000_000
    rng = np.random.default_rng(0)
    rate = rng.beta(0.6, 0.9, size=n)
    right = rng.binomial(8, rate)
    pool = Pool(
        tuple(f"p{row:08d}" for row in range(n)),
        {"beta_a": right + 0.5, "beta_b": 8.5 - right, "mean": (right + 0.5) / 9},
    )
    naive = naive_ms(right, rng)
    claims = []
    for name in ("posterior", "bandit", "ability"):
        ms, size = measured(name, pool, rate, steps=50 if given.quick else 200)
        told = f"{name}: the next {GROUPS} of {n:,} problems and their observation, median (peer: a Beta draw for each problem)"
        claims.append(Claim(told, ms, naive, ms / BAR_MS, "<= 1", ms <= BAR_MS, "ms"))
        claims.append(
            Claim(
                f"{name}: state in a checkpoint at {n:,} problems",
                size,
                BAR_MB,
                size / BAR_MB,
                "<= 1",
                size <= BAR_MB,
                "MB",
            )
        )
    publish("curricula", claims)


def naive_ms(right: np.ndarray, rng: np.random.Generator) -> float:
    """Milliseconds of a Thompson draw for every problem, median of five."""
    told = []
    for _ in range(5):
        began = time.perf_counter()
        np.argpartition(np.abs(rng.beta(right + 0.5, 8.5 - right) - 0.5), GROUPS)[:GROUPS]
        told.append(1e3 * (time.perf_counter() - began))
    return float(np.median(told))


def measured(name: str, pool: Pool, rate: np.ndarray, *, steps: int) -> tuple[float, float]:
    """Median milliseconds of a step, and megabytes of state after the last."""
    began = time.perf_counter()
    course: Any = build_part("curriculum", name).begin(pool, seed=0)
    print(f"{name}: tables built once in {time.perf_counter() - began:.2f} s")
    rng, told = np.random.default_rng(1), []
    for _ in range(steps):
        began = time.perf_counter()
        ids = course.sample(GROUPS)
        spent = time.perf_counter() - began
        won = rng.binomial(8, rate[[int(id_[1:]) for id_ in ids]])
        groups = [
            GroupResult(id_, Counts(int(k), 8 - int(k)), float(2 * (k / 8 * (1 - k / 8)) ** 0.5))
            for id_, k in zip(ids, won, strict=True)
        ]
        began = time.perf_counter()
        course.observe(groups)
        told.append(1e3 * (spent + time.perf_counter() - began))
    print(f"{name}: {np.median(told):.1f} ms a step, at most {max(told):.1f}")
    return float(np.median(told)), sum(each.nbytes for each in course.state_dict().values()) / 1e6


if __name__ == "__main__":
    main()
