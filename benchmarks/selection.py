"""Selecting at scale: k_center beside the plain greedy, facility beside apricot, a million problems, and a table of every selector.

k_center, 2,000 of 50,000 x 384: the peer is the float32 greedy with one matrix-vector product a step. facility, 500 of 5,000 from the same
similarities: the peer is apricot, compiled beforehand, with the faster of its optimisers `lazy` and `two-stage`; it is no dependency, so
`pip install --target FOLDER apricot-select numba` and put FOLDER on PYTHONPATH, or that claim is skipped and says so. All vectors are made
here: heaps (500 centres, noise of half their length) and plain noise. Memory is the peak of a process of its own.
"""

import argparse
import json
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.parts import build_part, list_parts
from assay.core.types import Pool
from assay.maths.geometry.coverage import coverage
from assay.maths.geometry.facility import cover_by_similarity
from assay.maths.rl.group_signal import expected_signal
from assay.selectors.k_center import farthest_first
from benchmarks.claims import RESULTS, Claim, hardware, publish

DIMS = 384
TABLE_BUDGET = 1_000


def main() -> None:
    """Measures every claim and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="no pool above 1,000,000 problems, and the table at 10,000 only"
    )
    given = parser.parse_args()
    claims = [
        *centres(heaps(50_000, 0), "clustered vectors", 5.0),
        *centres(noise(50_000, 0), "noise", 4.0),
        *facilities(),
    ]
    publish("selection", claims)  # again below: a run that is cut short leaves these
    claims += [*million(), *([] if given.quick else flat())]
    publish("selection", claims)
    table([10_000] if given.quick else [10_000, 100_000])


def noise(n: int, seed: int) -> np.ndarray:
    """Unit rows without structure, (n, 384)."""
    rows = np.random.default_rng(seed).standard_normal((n, DIMS), dtype=np.float32)
    return unit(rows)


def heaps(n: int, seed: int) -> np.ndarray:
    """Unit rows around 500 centres, (n, 384)."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((500, DIMS), dtype=np.float32)
    rows = rng.standard_normal((n, DIMS), dtype=np.float32)
    rows *= np.float32(0.5)
    rows += centres[rng.integers(500, size=n)]
    return unit(rows)


def unit(rows: np.ndarray) -> np.ndarray:
    """The rows scaled to norm 1 in place."""
    rows /= np.sqrt(np.einsum("nd,nd->n", rows, rows))[:, None]
    return rows


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """The result and its seconds, the faster of two runs."""
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - began)
    return result, min(seconds)


def centres(rows: np.ndarray, what: str, bar: float) -> list[Claim]:
    """k_center's two claims on one set of vectors."""
    ours, ours_s = timed(lambda: farthest_first(rows, 2_000))
    plain, plain_s = timed(lambda: one_product_a_step(rows, 2_000))
    apart = abs(coverage(rows, ours).radius - coverage(rows, plain).radius)
    ratio = plain_s / ours_s
    size = f"2,000 of {len(rows):,} x {rows.shape[1]}, {what}"
    return [
        Claim(f"k_center {size}", ours_s, plain_s, ratio, f">= {bar:g}", ratio >= bar, "s"),
        Claim(f"k_center {size}: difference of the radius", apart, 0.0, apart, "<= 1e-05", apart <= 1e-5, "distance"),
    ]


def one_product_a_step(rows: np.ndarray, budget: int) -> np.ndarray:
    """The common way."""
    chosen = np.empty(budget, dtype=np.int64)
    near = np.full(len(rows), -np.inf, dtype=np.float32)
    for step in range(budget):
        chosen[step] = np.argmin(near) if step else np.argmax(np.round(rows @ rows.mean(axis=0), 6))
        np.maximum(near, rows @ rows[chosen[step]], out=near)
        near[chosen[step]] = np.inf
    return chosen


def facilities() -> list[Claim]:
    """facility's two claims, where apricot is there."""
    try:
        from apricot import FacilityLocationSelection
    except ImportError:
        print("skipped: facility beside apricot; apricot-select is not on PYTHONPATH")
        return []
    rows = heaps(5_000, 1)
    similarity = np.maximum(rows @ rows.T, 0)
    ours, ours_s = timed(lambda: cover_by_similarity(similarity, 500))
    wide = similarity.astype(np.float64)
    runs = {}
    for optimizer in ("lazy", "two-stage"):

        def peer(matrix: np.ndarray, k: int, optimizer: str = optimizer) -> np.ndarray:
            return np.asarray(
                FacilityLocationSelection(k, metric="precomputed", optimizer=optimizer).fit(matrix).ranking
            )

        peer(wide[:200, :200].copy(), 20)  # compiles
        runs[optimizer] = timed(lambda peer=peer: peer(wide, 500))
        print(f"apricot, {optimizer}: {runs[optimizer][1]:.2f} s")
    theirs, theirs_s = min(runs.values(), key=lambda run: run[1])
    ratio, objective = (
        theirs_s / ours_s,
        [float(similarity[chosen].max(axis=0).sum(dtype=np.float64)) for chosen in (ours, theirs)],
    )
    apart = 1 - objective[0] / objective[1]
    return [
        Claim("facility 500 of 5,000 beside apricot, warm", ours_s, theirs_s, ratio, ">= 5", ratio >= 5, "s"),
        Claim(
            "facility: share of apricot's objective that is missing",
            *objective,
            apart,
            "<= 0.001",
            apart <= 0.001,
            "sum of similarities",
        ),
    ]


def pool_of(n: int, needs: tuple[str, ...]) -> Pool:
    """n problems with eight simulated attempts each and exactly these columns."""
    rng = np.random.default_rng(n)
    right = rng.binomial(8, rng.beta(0.6, 0.9, size=n))
    a, b = right + 0.5, 8.5 - right
    known = {
        "beta_a": a,
        "beta_b": b,
        "mean": a / 9,
        "correct": right,
        "wrong": 8 - right,
        "truncated": 0 * right,
        "K": 8 - right,
    }
    known |= {
        "censored": right == 0,
        "source": np.arange(n) % 7,
        "quality": 1.0 + rng.random(n),
        "difficulty": rng.random(n),
    }
    return Pool(
        tuple(f"p{row:08d}" for row in range(n)),
        {name: known[name] for name in needs if name in known},
        heaps(n, 2) if "vectors" in needs else None,
        rng.integers(1_000, size=n) if "cluster" in needs else None,
    )


def measured(name: str, n: int, budget: int, more: tuple[str, ...] = ()) -> dict[str, Any]:
    """Seconds and peak memory of one selector on one pool, in this process; then what it chose is weighed."""
    part = build_part("selector", name)
    pool = pool_of(n, (*part.needs, *more))
    before = peak()
    began = time.perf_counter()
    made = part.select(pool, budget, np.random.default_rng(0))
    row = {
        "selector": name,
        "n": n,
        "kept": len(made.ids),
        "seconds": time.perf_counter() - began,
        "pool_mib": before,
        "peak_mib": peak(),
    }
    if more:
        return row
    full = pool_of(n, ("beta_a", "beta_b", "vectors"))
    chosen = np.array([int(id_[1:]) for id_ in made.ids], dtype=np.int64)
    signal = expected_signal(full.column("beta_a")[chosen], full.column("beta_b")[chosen], 8)
    assert full.vectors is not None
    return {**row, "radius": coverage(full.vectors, chosen).radius, "signal": float(signal.mean())}


def peak() -> float:
    """The most memory that this process has held, MiB. (getrusage would start from its parent's.)"""
    held = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(held.split()[1]) / 1024


def apart(*arguments: Any) -> dict[str, Any]:
    """`measured` in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as one:
        return one.submit(measured, *arguments).result()


def million() -> list[Claim]:
    """kmeans_quality on a million problems that hold vectors and clusters."""
    row = apart("kmeans_quality", 1_000_000, 50_000, ("vectors",))
    gib = row["peak_mib"] / 1024
    size = "kmeans_quality 50,000 of 1,000,000 x 384, vectors and clusters given"
    return [
        Claim(f"{size}: time", row["seconds"], 600.0, row["seconds"] / 600, "<= 1", row["seconds"] <= 600, "s"),
        Claim(f"{size}: peak memory", gib, 6.0, gib / 6, "<= 1", gib <= 6, "GiB"),
    ]


def flat() -> list[Claim]:
    """Peak memory a problem, at one and at two million, of selectors that read no vectors: columns grow with the pool, nothing may grow faster."""
    claims = []
    for name in (name for name in list_parts("selector") if "vectors" not in build_part("selector", name).needs):
        one, two = (apart(name, n, 50_000, ("source",)) for n in (1_000_000, 2_000_000))
        each = [row["peak_mib"] * 2**20 / row["n"] for row in (two, one)]
        told = f"{name}: peak bytes a problem at 2,000,000 (ours) and 1,000,000 (peer)"
        claims.append(Claim(told, *each, each[0] / each[1], "<= 1", each[0] <= each[1], "bytes"))
    return claims


def table(sizes: list[int]) -> None:
    """Every selector with its default settings: printed, and written to results/selectors.json."""
    rows = [apart(name, n, TABLE_BUDGET) for n in sizes for name in list_parts("selector")]
    head = ("selector", "n", "kept", "seconds", "pool_mib", "peak_mib", "radius", "signal")
    print(
        f"\n{date.today()}, {hardware()}; {TABLE_BUDGET:,} problems wanted\n\n| "
        + " | ".join(head)
        + " |\n|"
        + "---|" * len(head)
    )
    for row in rows:
        print(
            "| "
            + " | ".join(f"{row[key]:.3g}" if isinstance(row[key], float) else str(row[key]) for key in head)
            + " |"
        )
    (RESULTS / "selectors.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
