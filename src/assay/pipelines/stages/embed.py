"""Stage 5: unit vectors of the training problems, each made once, and their clusters."""

import time

from assay.core.identity import content_id
from assay.core.types import Problem
from assay.embedding.choose import choose_k
from assay.embedding.cluster import cluster, find_device
from assay.pipelines.context.results import Remaining, StageKey, StageResult
from assay.pipelines.context.run import RunContext, StagePlan
from assay.pipelines.data.embeddings import coder, remember, stored_vectors, vector_id
from assay.pipelines.data.problems import side, side_ids, side_texts


def preflight(context: RunContext) -> None:
    """Finds a missing encoder or GPU before anything is paid for.

    Raises:
        ConfigError: one is not there.
    """
    find_device(context.config.embed.device)
    if context.config.embed.encoder != "policy":  # its checkpoint is the engine's
        coder(context, tuple)


def work(context: RunContext) -> StagePlan:
    """Vectors for the train side that this encoder has not made yet, and one clustering."""
    ids, config = side_ids(context, "train"), context.config.embed
    revision = coder(context, lambda: side_texts(context, "train")).revision
    key = StageKey.of(content_id("embed", revision, config.clusters, config.seed, ids))
    if context.finished("embed", key):
        return StagePlan("embed", key, len(ids), Remaining(), lambda: _embed(context, side(context, "train")[0], key))
    problems, _ = side(context, "train")
    left = len(problems) - len(context.lake.ids("vectors", [vector_id(id_, revision) for id_ in problems]))
    return StagePlan("embed", key, len(problems), Remaining(texts=left), lambda: _embed(context, problems, key))


def _embed(context: RunContext, problems: dict[str, Problem], key: StageKey) -> StageResult:
    began, config = time.monotonic(), context.config.embed
    by = coder(context, lambda: [problem.text for problem in problems.values()])
    encoded = remember(context, by, {id_: problem.text for id_, problem in problems.items()})
    ids, vectors = stored_vectors(context, sorted(problems), by.revision)
    if not ids:
        return context.finish(StageResult("embed", key, 0, 0, {"clusters": 0}, time.monotonic() - began))
    k = choose_k(vectors, seed=config.seed, device=config.device)[0] if config.clusters == "auto" else config.clusters
    found = cluster(vectors, k, seed=config.seed, device=config.device)
    rows = [
        {
            "id": content_id("cluster", key.rows, id_),
            "clustering": key.rows,
            "problem_id": id_,
            "cluster": int(own),
            "similarity": float(near),
        }
        for id_, own, near in zip(ids, found.assignment, found.similarity, strict=True)
    ]
    detail = {"clusters": len(found.centroids), "device": found.device, "encoded": encoded, "encoder": by.revision}
    return context.finish(
        StageResult("embed", key, len(problems), len(ids), detail, time.monotonic() - began), {"clusters": rows}
    )
