"""Stage 6: the subset to train on. Problems without what the selector needs leave as `unscored`, never as zero."""

import time
from collections import Counter
from typing import Any

import numpy as np

from assay.core.errors import PlanError
from assay.core.identity import content_id, stream_seed
from assay.core.types import Pool, Selection
from assay.pipelines.columns import further_evidence, scored_pool
from assay.pipelines.disputed import flagged
from assay.pipelines.drift import selector
from assay.pipelines.job import Job, Outcome, Work
from assay.pipelines.pool import side_ids
from assay.pipelines.score import current_scores


def work(job: Job) -> Work:
    """The plan's selector over the scored train side."""
    scoring, plan = job.key_of("score", "select").partition("+")[2], job.plan.select
    scores = current_scores(job, scoring, "id")
    clustering = job.key_of("embed", "select")
    part = selector(job, plan)
    fitted = [part.drift] if plan.settings.get("drift") == "fitted" else []
    evidence = content_id("evidence", [row["id"] for row in scores], *further_evidence(job, part.needs), *fitted)
    split = job.key_of("split", "select")
    key = content_id("select", evidence, clustering, split, plan.selector, plan.settings, plan.budget, plan.seed)
    return Work("select", key, len(scores), {"problems": len(scores)}, lambda: _select(job, key, current_scores(job, scoring)))


def _select(job: Job, key: str, scores: list[dict[str, Any]]) -> Outcome:
    began, plan = time.monotonic(), job.plan.select
    part = selector(job, plan)
    _warn_of_another_trainer(job, part)
    unsure = never_hard(job, scores)
    pool, unscored = scored_pool(job, scores, part.needs, [id_ for id_ in side_ids(job, "train") if id_ not in unsure])
    chosen = chosen_from(pool, part, plan.selector, budget=plan.budget, seed=plan.seed)
    dropped = {**chosen.dropped, **({"unscored": unscored} if unscored else {}), **({"disputed": tuple(sorted(unsure))} if unsure else {})}
    _warn_of_budget(job, pool, len(unscored), len(chosen.ids))
    kept = [(id_, True, weight, "") for id_, weight in zip(chosen.ids, chosen.weights, strict=True)]
    gone = [(id_, False, 0.0, reason) for reason, ids in dropped.items() for id_ in ids]
    rows = [
        {"id": content_id("selection", key, id_), "selection": key, "problem_id": id_, "kept": keep, "weight": weight, "reason": reason}
        for id_, keep, weight, reason in sorted(kept + gone)
    ]
    scoring = job.key_of("score", "select").partition("+")[2]
    detail = {"dropped": {reason: len(ids) for reason, ids in dropped.items() if ids}, "scoring": scoring}
    return job.finish(Outcome("select", key, len(rows), len(kept), detail, time.monotonic() - began), {"selections": rows})


def never_hard(job: Job, scores: list[dict[str, Any]]) -> set[str]:
    """The disputed problems, which no selector is shown; under the lenient mode they have a pass rate of their own, and stay."""
    return flagged(scores) if job.mode == "strict" else set()


def chosen_from(pool: Pool, part: Any, name: str, *, budget: int, seed: int) -> Selection:
    """What a selector keeps of a pool, every problem accounted for.

    Raises:
        PlanError: the selector refuses a value of the pool, which it names, or loses or invents a problem.
    """
    try:
        made: Selection = part.select(pool, budget, np.random.default_rng(stream_seed("select", seed)))
    except (ValueError, LookupError) as error:
        raise PlanError(f"selector {name!r}: {error}") from error
    _conserved(name, pool, made.ids, made.dropped)
    return made


def _warn_of_budget(job: Job, pool: Pool, unscored: int, kept: int) -> None:
    """Says why fewer problems stay than were asked for."""
    plan = job.plan.select
    if not plan.budget:
        job.narrator.warn("select.budget = 0: nothing is kept")
    elif plan.budget > len(pool):
        beside = f" ({unscored} more are unscored)" if unscored else ""
        job.narrator.warn(f"select.budget = {plan.budget} is above the pool of {len(pool)}{beside}: all of it stays, unless the selector drops it")
    if kept < min(plan.budget, len(pool)):
        job.narrator.warn(f"{plan.selector!r} keeps {kept} of {len(pool)} problems, fewer than the budget of {plan.budget}; the others say why")


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


def _conserved(selector: str, pool: Pool, kept: tuple[str, ...], dropped: Any) -> None:
    told = Counter(kept) + Counter(id_ for ids in dropped.values() for id_ in ids)
    if told != Counter(pool.ids):
        wrong = sorted((told - Counter(pool.ids)) + (Counter(pool.ids) - told))
        raise PlanError(f"selector {selector!r} told of {sum(told.values())} problems for a pool of {len(pool)}; the first that is off: {wrong[0]}")
