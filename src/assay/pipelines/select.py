"""Stage 6: the subset to train on. Problems without what the selector needs leave as `unscored`, never as zero."""

import time
from collections import Counter
from typing import Any

import numpy as np

from assay.core.errors import PlanError
from assay.core.identity import content_id, stream_seed
from assay.core.parts import build
from assay.core.types import Pool
from assay.pipelines.job import Job, Outcome, Work
from assay.pipelines.pool import side
from assay.pipelines.score import current_scores
from assay.pipelines.vectors import stored_vectors

SCORE_COLUMNS = ("post_a", "post_b", "mean", "low", "high", "correct", "wrong", "truncated", "error")


def work(job: Job) -> Work:
    """The plan's selector over the scored train side."""
    scores = current_scores(job, job.key_of("score", "select").partition("+")[2])
    plan = job.plan.select
    clustering = job.key_of("embed", "select")
    evidence = content_id("evidence", [row["id"] for row in scores])
    split = job.key_of("split", "select")
    key = content_id("select", evidence, clustering, split, plan.selector, plan.settings, plan.budget, plan.seed)
    return Work("select", key, len(scores), {"problems": len(scores)}, lambda: _select(job, key, scores))


def _select(job: Job, key: str, scores: list[dict[str, Any]]) -> Outcome:
    began, plan = time.monotonic(), job.plan.select
    part = build("selector", plan.selector, plan.settings)
    _warn_of_another_trainer(job, part)
    problems, _ = side(job, "train")
    pool, unscored = scored_pool(job, scores, part.needs, sorted(problems))
    if plan.budget > len(pool):
        job.narrator.warn(f"select.budget = {plan.budget} is above the pool of {len(pool)}: all of it stays, unless the selector drops it")
    chosen = part.select(pool, plan.budget, np.random.default_rng(stream_seed("select", plan.seed)))
    dropped = {**chosen.dropped, **({"unscored": unscored} if unscored else {})}
    _conserved(plan.selector, pool, chosen.ids, chosen.dropped)
    kept = [(id_, True, weight, "") for id_, weight in zip(chosen.ids, chosen.weights, strict=True)]
    gone = [(id_, False, 0.0, reason) for reason, ids in dropped.items() for id_ in ids]
    rows = [
        {"id": content_id("selection", key, id_), "selection": key, "problem_id": id_, "kept": keep, "weight": weight, "reason": reason}
        for id_, keep, weight, reason in sorted(kept + gone)
    ]
    detail = {"dropped": {reason: len(ids) for reason, ids in dropped.items() if ids}}
    return job.finish(Outcome("select", key, len(rows), len(kept), detail, time.monotonic() - began), {"selections": rows})


def _warn_of_another_trainer(job: Job, part: Any) -> None:
    """Says where the selection assumes another trainer than `[train]`."""
    train, cut = job.plan.train, job.plan.score.settings.get("truncated", "masked")
    if getattr(part, "group_size", train.group_size) != train.group_size:
        job.narrator.warn(f"select.group_size = {part.group_size}, but train.group_size = {train.group_size}: the signal is another")
    if (cut == "masked") != train.mask_truncated:
        job.narrator.warn(
            f"score.truncated = {cut!r}, but train.mask_truncated = {str(train.mask_truncated).lower()}: "
            "cut attempts count otherwise in training than in these scores"
        )


def scored_pool(job: Job, scores: list[dict[str, Any]], needs: tuple[str, ...], ids: list[str]) -> tuple[Pool, tuple[str, ...]]:
    """The pool with exactly the columns that a part needs, and the ids that lack one of them."""
    by_id = {row["problem_id"]: row for row in scores if (row["low"], row["high"]) != (0.0, 1.0)}  # [0, 1]: no attempt told anything
    clusters: dict[str, int] = {}
    if "cluster" in needs:
        found = job.lake.rows("SELECT problem_id, cluster FROM clusters WHERE clustering = ?", [job.key_of("embed", "select")])
        clusters = {row["problem_id"]: row["cluster"] for row in found}
    scored = {name for name in needs if name in SCORE_COLUMNS}
    have = [id_ for id_ in ids if (not scored or id_ in by_id) and ("cluster" not in needs or id_ in clusters)]
    vectors = None
    if "vectors" in needs:
        have, vectors = stored_vectors(job, have, _revision(job))
    columns = {name: _column(job, name, have, by_id) for name in needs if name not in ("cluster", "vectors")}
    cluster = np.array([clusters[id_] for id_ in have], dtype=np.int64) if "cluster" in needs else None
    lacking = set(ids) - set(have)
    return Pool(tuple(have), columns, vectors, cluster), tuple(sorted(lacking))


def _column(job: Job, name: str, ids: list[str], scores: dict[str, dict[str, Any]]) -> np.ndarray:
    if name == "mean":
        return np.array([scores[id_]["value"] for id_ in ids], dtype=np.float64)
    if name in SCORE_COLUMNS:
        return np.array([scores[id_][name] for id_ in ids])
    if name in ("source", "length"):
        column = {"source": "source", "length": "characters"}[name]
        found = job.lake.rows(f"SELECT id, {column} AS v FROM problems WHERE id IN (SELECT unnest(?::VARCHAR[]))", [ids])
        values = {row["id"]: row["v"] for row in found}
        return np.array([values[id_] for id_ in ids])
    raise PlanError(f"select needs the column {name!r}, which no stage makes; there are {', '.join((*SCORE_COLUMNS, 'source', 'length'))}")


def _revision(job: Job) -> str:
    """The encoder of the clustering; filters may have stored vectors of others."""
    embed = job.finished("embed", job.key_of("embed", "select"))
    return str(embed.detail.get("encoder", "")) if embed else ""


def _conserved(selector: str, pool: Pool, kept: tuple[str, ...], dropped: Any) -> None:
    told = Counter(kept) + Counter(id_ for ids in dropped.values() for id_ in ids)
    if told != Counter(pool.ids):
        wrong = sorted((told - Counter(pool.ids)) + (Counter(pool.ids) - told))
        raise PlanError(f"selector {selector!r} told of {sum(told.values())} problems for a pool of {len(pool)}; the first that is off: {wrong[0]}")
