"""Stage 7: the selection in the order in which training will meet it."""

import time

import numpy as np

from assay.core.identity import content_id, derive_seed
from assay.core.parts import build_part
from assay.core.types import Curriculum, Phase
from assay.pipelines.context.run import Remaining, RunContext, StagePlan, StageResult
from assay.pipelines.data.pool import scored_pool
from assay.pipelines.data.scores import current_scores


def work(context: RunContext) -> StagePlan:
    """The plan's curriculum over the selection."""
    selection, config = context.key_of("select", "arrange"), context.config.arrange
    key = content_id("arrange", selection, config.curriculum, config.settings, config.seed)
    kept = selected(context, selection)
    return StagePlan("arrange", key, len(kept), Remaining(problems=len(kept)), lambda: _arrange(context, key, kept))


def selected(context: RunContext, selection: str) -> list[str]:
    """The ids that a selection kept, ascending."""
    found = context.lake.rows(
        "SELECT problem_id FROM selections WHERE selection = ? AND kept ORDER BY problem_id", [selection]
    )
    return [row["problem_id"] for row in found]


def _arrange(context: RunContext, key: str, kept: list[str]) -> StageResult:
    began, config = time.monotonic(), context.config.arrange
    part = build_part("curriculum", config.curriculum, config.settings)
    scores = current_scores(context, context.key_of("score", "arrange").partition("+")[2])
    pool, lacking = scored_pool(context, scores, part.needs, kept)
    if lacking:
        context.reporter.warn(
            f"{len(lacking)} selected problems lack what {config.curriculum!r} needs ({', '.join(part.needs)}); they come last, in id order"
        )
    curriculum: Curriculum = part.arrange(pool, np.random.default_rng(derive_seed("arrange", config.seed)))
    lessons = [*curriculum.lessons, *([Phase(lacking)] if lacking else [])]
    rows = [
        {
            "id": content_id("lesson", key, n, place),
            "curriculum": key,
            "lesson": n,
            "position": place,
            "passes": lesson.epochs,
            "problem_id": id_,
        }
        for n, lesson in enumerate(lessons)
        for place, id_ in enumerate(lesson.ids)
    ]
    return context.finish(
        StageResult("arrange", key, len(kept), len(rows), {"lessons": len(lessons)}, time.monotonic() - began),
        {"lessons": rows},
    )


def stored_curriculum(context: RunContext, key: str) -> Curriculum:
    """The curriculum that the lake holds under a key."""
    rows = context.lake.rows(
        "SELECT lesson, passes, problem_id FROM lessons WHERE curriculum = ? ORDER BY lesson, position", [key]
    )
    lessons: dict[int, tuple[int, list[str]]] = {}
    for row in rows:
        lessons.setdefault(row["lesson"], (row["passes"], []))[1].append(row["problem_id"])
    return Curriculum(tuple(Phase(tuple(ids), passes) for passes, ids in lessons.values()))
