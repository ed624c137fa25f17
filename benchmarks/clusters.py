"""k-means of 100,000 x 384 vectors into 1,000 clusters, beside scikit-learn's and FAISS's own start; memory at one and two million rows.

Three pools: MiniLM vectors of real problems (with --data or ASSAY_DATA 11,391 of them, else the 600 bundled ones), drawn again with noise of
norm .2 up to n; clusters whose sizes fall as 1/rank; noise. Each measurement is a process of its own and is kept in --scratch, so that a run that
--limit-s stopped goes on where it was. Ours is spherical: it lowers squared distances to means scaled to norm 1; scikit-learn lowers those to
the means. Both are computed from every way's assignment. With a GPU that FAISS sees, its k-means on the GPU runs beside the CPU's.
"""

import argparse
import importlib.util
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.types import Problem
from assay.embedding.cluster import ITERATIONS, cluster
from assay.embedding.encode import load_encoder
from assay.sources.files import Files
from benchmarks._pieces import LATER, Numbers, measured, name, resident_mib
from benchmarks.claims import Claim, publish

Vectors = NDArray[np.float32]
Ints = NDArray[np.int64]

FULL, FULL_K, QUICK, QUICK_K, DIMS = 100_000, 1_000, 10_000, 100, 384
MILLION, QUICK_MILLION, MEMORY_K = 1_000_000, 100_000, 100
KINDS, SEEDS, NOISE, STEP = ("MiniLM", "power law", "noise"), (0, 1, 2), 0.2, 8_192
WAYS = ("ours", "scikit-learn", "FAISS")


@dataclass(frozen=True)
class Size:
    """What is measured: n rows into k clusters, over so many seeds, and memory at a million rows and at two."""

    n: int
    k: int
    seeds: int
    million: int


@dataclass(frozen=True)
class Found:
    """One measurement: seconds on the clock and of all cores together, and an assignment."""

    seconds: float
    cpu: float
    assignment: Ints


def main() -> None:
    """Measures what --scratch lacks, then prints the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK} rows, {QUICK_K} clusters; memory at {QUICK_MILLION}"
    )
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ASSAY_DATA", "")))
    parser.add_argument("--rows", type=int, help=f"in place of {FULL}")
    parser.add_argument("--clusters", type=int, help=f"in place of {FULL_K}")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="of k-means, for each pool and way")
    parser.add_argument("--scratch", type=Path, help="where vectors and finished measurements are kept")
    parser.add_argument(
        "--limit-s",
        type=float,
        default=float("inf"),
        help=f"begin no measurement after so many seconds, and exit {LATER}",
    )
    parser.add_argument("--piece", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.piece:
        print(json.dumps(piece(given.data, given.scratch, **given.piece)))
        return
    n, k, million = (QUICK, QUICK_K, QUICK_MILLION) if given.quick else (FULL, FULL_K, MILLION)
    size = Size(given.rows or n, given.clusters or k, given.seeds, million)
    with tempfile.TemporaryDirectory() as folder:
        scratch = given.scratch or Path(folder)
        scratch.mkdir(parents=True, exist_ok=True)
        kept = measured("clusters", scratch, pieces(size), data=given.data, limit_s=given.limit_s)
        publish("clusters", [*quality(kept, size), *memory(kept, size)])


def pieces(size: Size) -> Iterator[dict[str, Any]]:
    """What is to be measured, each a mapping that `piece` takes."""
    ways = (*WAYS, "FAISS on the GPU", "ours on the GPU") if gpus() else WAYS
    yield from (
        {"way": "memory", "kind": "noise", "seed": 0, "n": n, "k": MEMORY_K} for n in (size.million, 2 * size.million)
    )
    for seed in SEEDS[: size.seeds]:
        for kind in KINDS:
            yield from ({"way": way, "kind": kind, "seed": seed, "n": size.n, "k": size.k} for way in ways)


def gpus() -> int:
    """How many GPUs FAISS sees."""
    import faiss

    return int(faiss.get_num_gpus())


def piece(data: Path, scratch: Path, way: str, kind: str, seed: int, n: int, k: int) -> Numbers:
    """Seconds and inertia of one way, or memory beyond the input."""
    if way == "memory":
        return beyond(n, k)
    rows = pool(kind, n, data, scratch)
    found = fitted(way)(rows, k, seed)
    plain, spherical = inertias(rows, found.assignment, k)
    return {"seconds": found.seconds, "cpu": found.cpu, "inertia": plain, "spherical": spherical}


def fitted(way: str) -> Callable[[Vectors, int, int], Found]:
    """(rows, k, seed) -> what this way finds."""
    return {
        "ours": lambda rows, k, seed: ours(rows, k, seed, "cpu"),
        "ours on the GPU": lambda rows, k, seed: ours(rows, k, seed, "gpu"),
        "scikit-learn": sklearn_way,
        "FAISS": lambda rows, k, seed: faiss_way(rows, k, seed, gpu=False),
        "FAISS on the GPU": lambda rows, k, seed: faiss_way(rows, k, seed, gpu=True),
    }[way]


def clocks() -> tuple[float, float]:
    """Seconds on the clock and of all cores together; where other work shares the cores, the second says more."""
    return time.perf_counter(), time.process_time()


def since(began: tuple[float, float]) -> tuple[float, float]:
    """Both, from then to now."""
    return time.perf_counter() - began[0], time.process_time() - began[1]


def ours(rows: Vectors, k: int, seed: int, device: str) -> Found:
    """assay.embedding.cluster, all of it."""
    cluster(rows[:100], 2, device=device)  # FAISS is imported before the clock starts, as for the peers
    began = clocks()
    found = cluster(rows, k, seed=seed, device=device)
    return Found(*since(began), found.assignment)


def sklearn_way(rows: Vectors, k: int, seed: int) -> Found:
    """scikit-learn's KMeans from one k-means++ start."""
    from sklearn.cluster import KMeans

    began = clocks()
    found = KMeans(k, init="k-means++", n_init=1, random_state=seed).fit(rows)
    return Found(*since(began), found.labels_.astype(np.int64))


def faiss_way(rows: Vectors, k: int, seed: int, *, gpu: bool) -> Found:
    """FAISS's spherical k-means from its own random start, as many iterations as ours."""
    import faiss

    began = clocks()
    means = faiss.Kmeans(rows.shape[1], k, niter=ITERATIONS, spherical=True, seed=seed, gpu=gpu)
    means.train(rows)
    _, nearest = means.index.search(rows, 1)
    return Found(*since(began), nearest[:, 0])


def inertias(rows: Vectors, assignment: Ints, k: int) -> tuple[float, float]:
    """Sums of squared distances of unit rows to their cluster's mean, which is scikit-learn's inertia, and to that mean scaled to norm 1.

    With n rows in a cluster whose sum has length s, they are n - s²/n and 2 (n - s).
    """
    order = np.argsort(assignment, kind="stable")
    sizes = np.bincount(assignment, minlength=k)
    ends = np.cumsum(sizes)
    lengths = [
        float(np.linalg.norm(rows[order[end - size : end]].sum(axis=0, dtype=np.float64)))
        for size, end in zip(sizes, ends, strict=True)
    ]
    plain = sum(size - length**2 / size for size, length in zip(sizes.tolist(), lengths, strict=True) if size)
    return plain, 2 * (len(rows) - sum(lengths))


def pool(kind: str, n: int, data: Path, scratch: Path) -> Vectors:
    """n unit rows of this kind, the same for every way and seed."""
    rng = np.random.default_rng(5)
    if kind == "noise":
        return unit(rng.standard_normal((n, DIMS), dtype=np.float32))
    if kind == "power law":
        centres = unit(rng.standard_normal((2_000, DIMS), dtype=np.float32))
        share = 1 / np.arange(1, 2_001)
        own = rng.choice(2_000, n, p=share / share.sum())
        return unit(centres[own] + rng.standard_normal((n, DIMS), dtype=np.float32) / np.float32(DIMS**0.5))
    real = minilm(data, scratch)
    more = real[rng.integers(len(real), size=max(n - len(real), 0))]
    rows = np.concatenate(
        [real[:n], unit(more + np.float32(NOISE / DIMS**0.5) * rng.standard_normal(more.shape, dtype=np.float32))]
    )
    return rows[rng.permutation(n)]


def unit(rows: Vectors) -> Vectors:
    """In place and in float32, since a million rows are 1.5 GB."""
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def minilm(data: Path, scratch: Path) -> Vectors:
    """MiniLM's vectors of the texts, made once and kept in scratch."""
    by = load_encoder("minilm")
    texts = real(data) if (data / "math" / "train.json").is_file() else bundled()
    file = scratch / f"minilm-{by.revision[:12]}-{len(texts)}.npy"
    if not file.is_file():
        np.save(file, by.encode(texts))
    found: Vectors = np.load(file)
    return found


def real(data: Path) -> list[str]:
    """Every second problem by length of the data folder's MATH, GSM8K, SVAMP, MAWPS, ASDiv and DeepMind Mathematics."""

    def lines(path: str, *keys: str) -> list[str]:
        return [
            " ".join(json.loads(line)[key] for key in keys)
            for line in (data / path).read_text(encoding="utf-8").splitlines()
        ]

    texts = [row["problem"] for row in json.loads((data / "math/train.json").read_text(encoding="utf-8"))]
    texts += (
        lines("gsm8k/train.jsonl", "question")
        + lines("gsm8k/test.jsonl", "question")
        + lines("math/math500.jsonl", "problem")
    )
    texts += lines("easy_math/svamp.jsonl", "Body", "Question") + lines("easy_math/mawps.jsonl", "input")
    texts += lines("easy_math/asdiv.jsonl", "body", "question")
    texts += [
        row["question"] for row in json.loads((data / "deepmind_mathematics/test.json").read_text(encoding="utf-8"))
    ]
    return sorted(set(texts), key=lambda text: (len(text), text))[::2]


def bundled() -> list[str]:
    """The 600 problems of the package."""
    found = Files(paths=("package:gsm8k_300.jsonl", "package:svamp_300.jsonl"), prompt="question").read()
    return sorted(each[0].text for each in found if isinstance(each, tuple) and isinstance(each[0], Problem))


def beyond(n: int, k: int) -> Numbers:
    """Seconds of clustering n rows, and the peak of resident memory beyond what the process held with its input, in MiB."""
    rng = np.random.default_rng(5)
    rows = np.empty((n, DIMS), np.float32)
    for start in range(0, n, STEP):
        rows[start : start + STEP] = unit(rng.standard_normal((min(STEP, n - start), DIMS), dtype=np.float32))
    cluster(rows[:1_000], 10, device="cpu")  # libraries and thread pools are there
    held = resident_mib("VmRSS")
    began = time.perf_counter()
    cluster(rows, k, device="cpu", iterations=2)
    return {"seconds": time.perf_counter() - began, "held_mib": held, "beyond_mib": resident_mib("VmHWM") - held}


def quality(kept: dict[str, Numbers], size: Size) -> list[Claim]:
    """Inertia and time, means over the seeds."""
    n, k, seeds = size.n, size.k, size.seeds

    def over(way: str, kind: str, field: str) -> float:
        return mean(
            kept[name({"way": way, "kind": kind, "seed": seed, "n": n, "k": k})][field] for seed in SEEDS[:seeds]
        )

    claims = []
    for kind in KINDS:
        title = f"{kind}, {n} x {DIMS} into {k}, mean of {seeds} seeds"
        for field, told in (("inertia", "inertia about the means"), ("spherical", "inertia about the unit means")):
            one, other, start = (over(way, kind, field) for way in WAYS)
            claims += [
                Claim(
                    f"{title}: {told}, beside scikit-learn k-means++",
                    one,
                    other,
                    one / other,
                    "<= 1.02",
                    one <= 1.02 * other,
                    "",
                    n,
                    FULL,
                ),
                Claim(
                    f"{title}: {told}, FAISS's random start in our place",
                    start,
                    other,
                    start / other,
                    "",
                    True,
                    "",
                    n,
                    FULL,
                ),
            ]
        one, other, start = (over(way, kind, "seconds") for way in WAYS)
        claims.append(
            Claim(
                f"{title}: time beside scikit-learn k-means++",
                one,
                other,
                one / other,
                "<= 1/6",
                6 * one <= other,
                "s",
                n,
                FULL,
            )
        )
        claims.append(
            Claim(f"{title}: time beside FAISS's random start", one, start, one / start, "", True, "s", n, FULL)
        )
        one, other = (over(way, kind, "cpu") for way in WAYS[:2])
        claims.append(
            Claim(
                f"{title}: seconds of all cores beside scikit-learn",
                one,
                other,
                one / other,
                "<= 1/6",
                6 * one <= other,
                "s",
                n,
                FULL,
            )
        )
        if gpus():
            one, start = over("ours on the GPU", kind, "seconds"), over("FAISS on the GPU", kind, "seconds")
            slow = over("ours", kind, "seconds")
            claims.append(
                Claim(f"{title}: ours on the GPU beside the CPU", one, slow, one / slow, "", True, "s", n, FULL)
            )
            claims.append(
                Claim(f"{title}: ours on the GPU beside FAISS there", one, start, one / start, "", True, "s", n, FULL)
            )
    return claims


def memory(kept: dict[str, Numbers], size: Size) -> list[Claim]:
    """Bytes that a further row costs beside its own, and the peak beyond the input."""
    n, row = size.million, DIMS * 4
    one, two = (
        kept[name({"way": "memory", "kind": "noise", "seed": 0, "n": each, "k": MEMORY_K})] for each in (n, 2 * n)
    )
    more = (two["beyond_mib"] - one["beyond_mib"]) * 2**20 / n
    peaks, times = (two["beyond_mib"], one["beyond_mib"]), (two["seconds"], one["seconds"])
    title = f"{2 * n} rows into {MEMORY_K} beside {n}"
    return [
        Claim(
            f"{title}: bytes a further row costs beyond its own {row}",
            more,
            float(row),
            more / row,
            "<= 0.1",
            more <= row / 10,
            "bytes",
            n,
            MILLION,
        ),
        Claim(f"{title}: peak beyond the input", *peaks, peaks[0] / peaks[1], "", True, "MiB", n, MILLION),
        Claim(f"{title}: time, 2 iterations", *times, times[0] / times[1], "", True, "s", n, MILLION),
    ]


if __name__ == "__main__":
    if importlib.util.find_spec("faiss") is None:
        sys.exit("FAISS is not installed: pip install assay[cpu]")
    main()
