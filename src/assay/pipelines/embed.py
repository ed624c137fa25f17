"""Stage 5: unit vectors of the training problems, each made once, and their clusters."""

import time

import numpy as np
import pyarrow as pa
import pyarrow.compute

from assay.core.identity import content_id
from assay.core.types import Problem
from assay.embedding.cluster import cluster
from assay.embedding.encode import encoder
from assay.pipelines.job import Job, Outcome, Work
from assay.pipelines.pool import side

WAVE = 2048  # texts encoded between commits


def work(job: Job) -> Work:
    """Vectors for the train side that this encoder has not made yet, and one clustering."""
    problems, _ = side(job, "train")
    plan = job.plan.embed
    revision = encoder(plan.encoder, texts=[problem.text for problem in problems.values()]).revision
    key = content_id("embed", revision, plan.clusters, plan.seed, sorted(problems))
    if job.finished("embed", key):
        return Work("embed", key, len(problems), {}, lambda: _embed(job, problems, key))
    left = len(problems) - len(job.lake.ids("vectors", [vector_id(id_, revision) for id_ in problems]))
    return Work("embed", key, len(problems), {"texts": left}, lambda: _embed(job, problems, key))


def vector_id(problem_id: str, revision: str) -> str:
    """The key under which a vector is made once."""
    return content_id("vector", problem_id, revision)


def _embed(job: Job, problems: dict[str, Problem], key: str) -> Outcome:
    began, plan = time.monotonic(), job.plan.embed
    coder = encoder(plan.encoder, texts=[problem.text for problem in problems.values()])
    known = job.lake.ids("vectors", [vector_id(id_, coder.revision) for id_ in problems])
    fresh = [id_ for id_ in problems if vector_id(id_, coder.revision) not in known]
    with job.narrator.track("vectors", len(fresh)) as bar:
        for start in range(0, len(fresh), WAVE):
            wave = fresh[start : start + WAVE]
            entered = time.monotonic()
            made = coder.encode([problems[id_].text for id_ in wave])
            job.meter.encoder_s += time.monotonic() - entered
            rows = [
                {"id": vector_id(id_, coder.revision), "problem_id": id_, "encoder": coder.revision, "dim": made.shape[1], "vector": vector}
                for id_, vector in zip(wave, made, strict=True)
            ]
            job.lake.append({"vectors": rows}, run=job.run)
            bar.advance(len(wave))
    ids, vectors = stored_vectors(job, sorted(problems), coder.revision)
    if not ids:
        return job.finish(Outcome("embed", key, 0, 0, {"clusters": 0}, time.monotonic() - began))
    found = cluster(vectors, plan.clusters, seed=plan.seed, device=plan.device)
    rows = [
        {"id": content_id("cluster", key, id_), "clustering": key, "problem_id": id_, "cluster": int(own), "similarity": float(near)}
        for id_, own, near in zip(ids, found.assignment, found.similarity, strict=True)
    ]
    detail = {"clusters": len(found.centroids), "device": found.device, "encoded": len(fresh)}
    return job.finish(Outcome("embed", key, len(problems), len(ids), detail, time.monotonic() - began), {"clusters": rows})


def stored_vectors(job: Job, ids: list[str], revision: str) -> tuple[list[str], np.ndarray]:
    """The ids that have a vector, ascending, and their unit rows (n, d) in float32."""
    table = job.lake.query(
        "SELECT problem_id, vector FROM vectors WHERE encoder = ? AND problem_id IN (SELECT unnest(?::VARCHAR[])) "
        "QUALIFY row_number() OVER (PARTITION BY id) = 1 ORDER BY problem_id",
        [revision, ids],
    )
    rows = table["vector"].combine_chunks()
    flat = np.asarray(pa.compute.list_flatten(rows), dtype=np.float32)
    return table["problem_id"].to_pylist(), flat.reshape(len(rows), -1) if len(rows) else np.zeros((0, 0), np.float32)
