"""What others do of the same work on the same pool, for `scale.py --peers PYTHON`: run by an interpreter that has them.

`python _scale_peers.py NAME FOLDER` prints one line of JSON. It imports nothing of ours, so that a bare environment serves.
"""

import json
import resource
import shutil
import sys
import time
from pathlib import Path


def datatrove_minhash(folder: Path) -> int:
    """MinHash signatures, buckets, clusters and filter, as datatrove's example has them; return the texts that stay."""
    from datatrove.executor.local import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import (
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
    )
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers.jsonl import JsonlWriter

    work, config = folder / "datatrove", MinhashConfig(n_grams=3)
    shutil.rmtree(work, ignore_errors=True)
    names = {name: str(work / name) for name in ("signatures", "buckets", "remove", "out", "logs")}

    def read() -> JsonlReader:
        return JsonlReader(str(folder), glob_pattern="pool.jsonl", text_key="prompt")

    steps = (
        (1, [read(), MinhashDedupSignature(output_folder=names["signatures"], config=config)]),
        (14, [MinhashDedupBuckets(names["signatures"], names["buckets"], config=config)]),
        (1, [MinhashDedupCluster(names["buckets"], names["remove"], config=config)]),
        (1, [read(), MinhashDedupFilter(names["remove"]), JsonlWriter(names["out"], compression=None)]),
    )
    for number, (tasks, pipeline) in enumerate(steps):
        LocalPipelineExecutor(
            pipeline=pipeline, tasks=tasks, workers=1, logging_dir=f"{names['logs']}/{number}", skip_completed=False
        ).run()
    return sum(len(file.read_text().splitlines()) for file in (work / "out").glob("*.jsonl"))


def semhash_vectors(folder: Path) -> int:
    """Duplicates by our vectors at a cosine of .95; return the texts that stay."""
    import numpy as np
    from semhash import SemHash

    vectors = np.load(folder / "vectors.npy")
    records = [f"text {row}" for row in range(len(vectors))]
    found = SemHash.from_embeddings(vectors, records, model=None).self_deduplicate(threshold=0.95)
    return len(found.selected)


def pandas_script(folder: Path) -> int:
    """Read, drop copies, pass rate of the attempts, band; return the problems that stay."""
    import hashlib

    import pandas as pd

    pool = pd.read_json(folder / "pool.jsonl", lines=True, dtype=False)
    pool["text"] = pool["prompt"].str.split().str.join(" ")
    pool = pool.drop_duplicates("text")
    pool["key"] = [hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() for text in pool["prompt"]]
    rates = pd.read_csv(folder / "attempts.csv").groupby("key")["correct"].mean().rename("rate")
    scored = pool.merge(rates, left_on="key", right_index=True)
    band = scored[(scored["rate"] >= 0.2) & (scored["rate"] <= 0.8)]
    band.to_json(folder / "band.jsonl", orient="records", lines=True)
    return len(band)


def main() -> None:
    """Run one of them and print its numbers."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    began = time.perf_counter()
    rows = {"datatrove": datatrove_minhash, "semhash": semhash_vectors, "pandas": pandas_script}[name](folder)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    numbers = {"rows": rows, "cpu_s": sum(sum(of[:2]) for of in used), "wall_s": time.perf_counter() - began}
    print(json.dumps({**numbers, "peak_mib": max(of.ru_maxrss for of in used) / 1024}))


if __name__ == "__main__":
    main()
