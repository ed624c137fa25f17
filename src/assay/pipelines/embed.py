"""Stage 5: unit vectors of the training problems, each made once, and their clusters."""

import time

from assay.core.identity import content_id
from assay.core.types import Problem
from assay.embedding.choose import best_k
from assay.embedding.cluster import cluster, seen_device
from assay.pipelines.job import Job, Outcome, Work
from assay.pipelines.pool import side, side_ids, side_texts
from assay.pipelines.vectors import coder, remember, stored_vectors, vector_id


def preflight(job: Job) -> None:
    """Finds a missing encoder or GPU before anything is paid for.

    Raises:
        PlanError: one is not there.
    """
    seen_device(job.plan.embed.device)
    if job.plan.embed.encoder != "policy":  # its checkpoint is the engine's
        coder(job, tuple)


def work(job: Job) -> Work:
    """Vectors for the train side that this encoder has not made yet, and one clustering."""
    ids, plan = side_ids(job, "train"), job.plan.embed
    revision = coder(job, lambda: side_texts(job, "train")).revision
    key = content_id("embed", revision, plan.clusters, plan.seed, ids)
    if job.finished("embed", key):
        return Work("embed", key, len(ids), {}, lambda: _embed(job, side(job, "train")[0], key))
    problems, _ = side(job, "train")
    left = len(problems) - len(job.lake.ids("vectors", [vector_id(id_, revision) for id_ in problems]))
    return Work("embed", key, len(problems), {"texts": left}, lambda: _embed(job, problems, key))


def _embed(job: Job, problems: dict[str, Problem], key: str) -> Outcome:
    began, plan = time.monotonic(), job.plan.embed
    by = coder(job, lambda: [problem.text for problem in problems.values()])
    encoded = remember(job, by, {id_: problem.text for id_, problem in problems.items()})
    ids, vectors = stored_vectors(job, sorted(problems), by.revision)
    if not ids:
        return job.finish(Outcome("embed", key, 0, 0, {"clusters": 0}, time.monotonic() - began))
    k = best_k(vectors, seed=plan.seed, device=plan.device)[0] if plan.clusters == "auto" else plan.clusters
    found = cluster(vectors, k, seed=plan.seed, device=plan.device)
    rows = [
        {"id": content_id("cluster", key, id_), "clustering": key, "problem_id": id_, "cluster": int(own), "similarity": float(near)}
        for id_, own, near in zip(ids, found.assignment, found.similarity, strict=True)
    ]
    detail = {"clusters": len(found.centroids), "device": found.device, "encoded": encoded, "encoder": by.revision}
    return job.finish(Outcome("embed", key, len(problems), len(ids), detail, time.monotonic() - began), {"clusters": rows})
