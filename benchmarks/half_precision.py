"""What `embed.precision = "float16"` changes: bytes on disk, the ten nearest neighbours, and the pairs above a cosine.

TF-IDF vectors (128 dimensions) of generated problems of 40 random words, whose neighbours differ little, so that rounding changes
as many of them as it can; and of the bundled real problems. Cosines are exact, by one product of matrices per batch.
"""

import argparse
import io
import json
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from assay.embedding.encode import load_encoder
from assay.embedding.half_precision import HalfPrecision
from assay.sources.files import Files
from benchmarks._scale_pool import WORDS
from benchmarks.claims import RESULTS, hardware

Vectors = NDArray[np.float32]
FULL, QUICK = 50_000, 5_000  # generated problems
QUERIES, NEAREST, COSINE = 2_000, 10, 0.8


def main() -> None:
    """Measure both pools, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} generated problems in place of {FULL}")
    args = parser.parse_args()
    pools = {"generated": _generated(QUICK if args.quick else FULL), "bundled": _bundled()}
    rows = [{"pool": name, **compare(texts)} for name, texts in pools.items()]
    for row in rows:
        print(row)
    if not args.quick:
        (RESULTS / "half_precision.json").write_text(
            json.dumps({"hardware": hardware(), "rows": rows}, indent=1) + "\n"
        )


def compare(texts: list[str]) -> dict[str, float]:
    """Compare the vectors of both precisions."""
    whole = load_encoder("tfidf", texts=texts)
    vectors, rounded = whole.encode(texts), HalfPrecision(whole).encode(texts)
    asked = np.random.default_rng(0).permutation(len(texts))[:QUERIES]
    same = above = both = 0
    for start in range(0, len(asked), 200):
        own = asked[start : start + 200]
        left, right = _cosines(vectors, own), _cosines(rounded, own)
        same += sum(len(np.intersect1d(a, b)) for a, b in zip(_nearest(left), _nearest(right), strict=True))
        above += int((left >= COSINE).sum())
        both += int(((left >= COSINE) & (right >= COSINE)).sum())
    return {
        "problems": len(texts),
        "bytes_per_vector": round(_stored_bytes(vectors) / len(texts), 1),
        "bytes_per_vector_float16": round(_stored_bytes(rounded) / len(texts), 1),
        f"recall_at_{NEAREST}": same / (len(asked) * NEAREST),
        "pairs_above": above,
        "pairs_above_in_both": both,
    }


def _cosines(vectors: Vectors, asked: NDArray[np.int64]) -> Vectors:
    cosines = vectors[asked] @ vectors.T
    cosines[np.arange(len(asked)), asked] = -1  # nobody is a neighbour of itself
    return cosines


def _nearest(cosines: Vectors) -> NDArray[np.int64]:
    return np.argpartition(-cosines, NEAREST, axis=1)[:, :NEAREST]


def _stored_bytes(vectors: Vectors) -> int:
    ends = pa.array(np.arange(len(vectors) + 1, dtype=np.int32) * np.int32(vectors.shape[1]))
    sink = io.BytesIO()
    for start in range(0, len(vectors), 16_384):  # as embed commits them
        part = pa.ListArray.from_arrays(ends, pa.array(vectors.ravel()))[start : start + 16_384]
        pq.write_table(pa.table({"vector": part}), sink, compression="zstd")
    return sink.tell()


def _generated(many: int) -> list[str]:
    rng = random.Random(0)
    return [
        f"{' '.join(rng.choices(WORDS, k=40))}. What is {rng.randrange(10_000)} + {number}?" for number in range(many)
    ]


def _bundled() -> list[str]:
    read = [
        row
        for name in ("gsm8k_300", "svamp_300")
        for row in Files(paths=f"package:{name}.jsonl", prompt="question").read()
    ]
    return [row[0].text for row in read if isinstance(row, tuple)]


if __name__ == "__main__":
    main()
