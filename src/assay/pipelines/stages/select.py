"""Stage 6: the subset to train on. Problems without what the selector needs leave as `unscored`, never as zero."""

import time
from collections import Counter
from typing import Any

import numpy as np

from assay.core.errors import ConfigError
from assay.core.identity import content_id, derive_seed
from assay.core.types import Pool, Selection
from assay.pipelines.context.run import Remaining, RunContext, StagePlan, StageResult
from assay.pipelines.data.expected_improvement import selector
from assay.pipelines.data.pool import further_evidence, scored_pool
from assay.pipelines.data.problems import side_ids
from assay.pipelines.data.scores import current_scores, disputed_ids


def work(context: RunContext) -> StagePlan:
    """The plan's selector over the scored train side."""
    scoring, config = context.key_of("score", "select").partition("+")[2], context.config.select
    scores = current_scores(context, scoring, "id")
    clustering = context.key_of("embed", "select")
    part = selector(context, config)
    fitted = [part.drift] if config.settings.get("drift") == "fitted" else []
    evidence = content_id("evidence", [row["id"] for row in scores], *further_evidence(context, part.needs), *fitted)
    split = context.key_of("split", "select")
    key = content_id(
        "select", evidence, clustering, split, config.selector, config.settings, config.budget, config.seed
    )
    return StagePlan(
        "select",
        key,
        len(scores),
        Remaining(problems=len(scores)),
        lambda: _select(context, key, current_scores(context, scoring)),
    )


def _select(context: RunContext, key: str, scores: list[dict[str, Any]]) -> StageResult:
    began, config = time.monotonic(), context.config.select
    part = selector(context, config)
    _warn_of_another_trainer(context, part)
    unsure = never_hard(context, scores)
    pool, unscored = scored_pool(
        context, scores, part.needs, [id_ for id_ in side_ids(context, "train") if id_ not in unsure]
    )
    chosen = chosen_from(pool, part, config.selector, budget=config.budget, seed=config.seed)
    dropped = {
        **chosen.dropped,
        **({"unscored": unscored} if unscored else {}),
        **({"disputed": tuple(sorted(unsure))} if unsure else {}),
    }
    _warn_of_budget(context, pool, len(unscored), len(chosen.ids))
    kept = [(id_, True, weight, "") for id_, weight in zip(chosen.ids, chosen.weights, strict=True)]
    gone = [(id_, False, 0.0, reason) for reason, ids in dropped.items() for id_ in ids]
    rows = [
        {
            "id": content_id("selection", key, id_),
            "selection": key,
            "problem_id": id_,
            "kept": keep,
            "weight": weight,
            "reason": reason,
        }
        for id_, keep, weight, reason in sorted(kept + gone)
    ]
    scoring = context.key_of("score", "select").partition("+")[2]
    detail = {"dropped": {reason: len(ids) for reason, ids in dropped.items() if ids}, "scoring": scoring}
    return context.finish(
        StageResult("select", key, len(rows), len(kept), detail, time.monotonic() - began), {"selections": rows}
    )


def never_hard(context: RunContext, scores: list[dict[str, Any]]) -> set[str]:
    """The disputed problems, which no selector is shown; under the lenient mode they have a pass rate of their own, and stay."""
    return disputed_ids(scores) if context.mode == "strict" else set()


def chosen_from(pool: Pool, part: Any, name: str, *, budget: int, seed: int) -> Selection:
    """What a selector keeps of a pool, every problem accounted for.

    Raises:
        ConfigError: the selector refuses a value of the pool, which it names, or loses or invents a problem.
    """
    try:
        made: Selection = part.select(pool, budget, np.random.default_rng(derive_seed("select", seed)))
    except (ValueError, LookupError) as error:
        raise ConfigError(f"selector {name!r}: {error}") from error
    _conserved(name, pool, made.ids, made.dropped)
    return made


def _warn_of_budget(context: RunContext, pool: Pool, unscored: int, kept: int) -> None:
    """Says why fewer problems stay than were asked for."""
    config = context.config.select
    if not config.budget:
        context.reporter.warn("select.budget = 0: nothing is kept")
    elif config.budget > len(pool):
        beside = f" ({unscored} more are unscored)" if unscored else ""
        context.reporter.warn(
            f"select.budget = {config.budget} is above the pool of {len(pool)}{beside}: all of it stays, unless the selector drops it"
        )
    if kept < min(config.budget, len(pool)):
        context.reporter.warn(
            f"{config.selector!r} keeps {kept} of {len(pool)} problems, fewer than the budget of {config.budget}; the others say why"
        )


def _warn_of_another_trainer(context: RunContext, part: Any) -> None:
    """Says where the selection assumes another trainer than `[train]`."""
    train, cut = context.config.train, context.config.score.settings.get("truncated", "masked")
    if getattr(part, "group_size", train.group_size) != train.group_size:
        context.reporter.warn(
            f"select.group_size = {part.group_size}, but train.group_size = {train.group_size}: the signal is another"
        )
    if (cut == "masked") != train.mask_truncated:
        context.reporter.warn(
            f"score.truncated = {cut!r}, but train.mask_truncated = {str(train.mask_truncated).lower()}: "
            "cut attempts count otherwise in training than in these scores"
        )


def _conserved(selector: str, pool: Pool, kept: tuple[str, ...], dropped: Any) -> None:
    told = Counter(kept) + Counter(id_ for ids in dropped.values() for id_ in ids)
    if told != Counter(pool.ids):
        wrong = sorted((told - Counter(pool.ids)) + (Counter(pool.ids) - told))
        raise ConfigError(
            f"selector {selector!r} told of {sum(told.values())} problems for a pool of {len(pool)}; the first that is off: {wrong[0]}"
        )
