"""What `k_center` and `facility` lose where they choose among a part of the pool: their objectives beside those of the whole.

Vectors of 384 dimensions in heaps of unequal size, and TF-IDF vectors of generated problems of 40 random words, which form no
heaps. Objectives are over all problems of the pool: the largest and the mean distance to the nearest chosen one, and the sum of
cosines to it. Three draws each.
"""

import argparse
import json
import random
import time
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from assay.core.types import Pool
from assay.embedding.encode import load_encoder
from assay.maths.geometry.coverage import coverage
from assay.selectors.facility import Facility
from assay.selectors.k_center import KCenter
from benchmarks._scale_pool import WORDS
from benchmarks.claims import RESULTS, hardware

Vectors = NDArray[np.float32]
FULL, QUICK = 20_000, 4_000  # problems
SHARES = (2, 4, 8)  # the pool over the candidates
BUDGET, DRAWS = 0.02, 3


def main() -> None:
    """Measure both selectors on both pools, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} problems in place of {FULL}")
    args = parser.parse_args()
    n = QUICK if args.quick else FULL
    rows = [row for name, vectors in (("heaps", heaps(n)), ("words", words(n))) for row in compare(name, vectors)]
    for row in rows:
        print(row)
    if not args.quick:
        (RESULTS / "candidates.json").write_text(json.dumps({"hardware": hardware(), "rows": rows}, indent=1) + "\n")


def compare(name: str, vectors: Vectors) -> list[dict[str, object]]:
    """Return, per selector and share, the objectives over those of a choice among all."""
    n, budget = len(vectors), int(BUDGET * len(vectors))
    pool = Pool(tuple(f"{row:07d}" for row in range(n)), {}, vectors)
    rows: list[dict[str, object]] = []
    for kind in (KCenter, Facility):
        whole, whole_s = _measure(_part(kind, 0), pool, budget, 0)
        for share in SHARES:
            drawn = [_measure(_part(kind, n // share), pool, budget, seed) for seed in range(DRAWS)]
            ratios = {key: [values[key] / whole[key] for values, _ in drawn] for key in whole}
            row = {"pool": name, "selector": kind.__name__, "problems": n, "budget": budget, "candidates": n // share}
            ranges = {key: [round(min(of), 4), round(max(of), 4)] for key, of in ratios.items()}
            seconds = {"cpu_s_whole": round(whole_s, 2), "cpu_s": round(min(cpu for _, cpu in drawn), 2)}
            rows.append({**row, **ranges, **seconds})
    return rows


def _part(kind: type[KCenter | Facility], candidates: int) -> KCenter | Facility:
    return KCenter(candidates) if kind is KCenter else Facility(weighted=False, candidates=candidates)


def _measure(part: KCenter | Facility, pool: Pool, budget: int, seed: int) -> tuple[Mapping[str, float], float]:
    """Return the objectives of a choice, and its CPU seconds."""
    began = time.process_time()
    chosen = part.select(pool, budget, np.random.default_rng(seed)).ids
    cpu, vectors = time.process_time() - began, pool.vectors
    assert vectors is not None
    rows = np.array([int(id_) for id_ in chosen])
    starts = range(0, len(vectors), 4_096)
    cosines = np.concatenate([(vectors[start : start + 4_096] @ vectors[rows].T).max(axis=1) for start in starts])
    reached = coverage(vectors, rows)
    return {"radius": reached.radius, "mean": reached.mean, "covered": float(np.maximum(cosines, 0).sum())}, cpu


def heaps(n: int) -> Vectors:
    """Draw vectors around 200 centres, of which the largest holds a tenth of them."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(200, 384))
    sizes = 1 / np.arange(1, 201)
    own = centres[rng.choice(200, size=n, p=sizes / sizes.sum())] + 0.7 * rng.normal(size=(n, 384))
    return (own / np.linalg.norm(own, axis=1, keepdims=True)).astype(np.float32)


def words(n: int) -> Vectors:
    """Return TF-IDF vectors of problems of 40 random words."""
    rng = random.Random(0)
    texts = [f"{' '.join(rng.choices(WORDS, k=40))}. What is {row} + 1?" for row in range(n)]
    vectors: Vectors = load_encoder("tfidf", texts=texts).encode(texts)
    return vectors


if __name__ == "__main__":
    main()
