"""Stage 7: the selection in the order in which training will meet it."""

import time

import numpy as np

from assay.core.identity import content_id, stream_seed
from assay.core.parts import build
from assay.core.types import Curriculum, Lesson
from assay.pipelines.columns import scored_pool
from assay.pipelines.job import Job, Outcome, Work
from assay.pipelines.score import current_scores


def work(job: Job) -> Work:
    """The plan's curriculum over the selection."""
    selection, plan = job.key_of("select", "arrange"), job.plan.arrange
    key = content_id("arrange", selection, plan.curriculum, plan.settings, plan.seed)
    kept = selected(job, selection)
    return Work("arrange", key, len(kept), {"problems": len(kept)}, lambda: _arrange(job, key, kept))


def selected(job: Job, selection: str) -> list[str]:
    """The ids that a selection kept, ascending."""
    found = job.lake.rows("SELECT problem_id FROM selections WHERE selection = ? AND kept ORDER BY problem_id", [selection])
    return [row["problem_id"] for row in found]


def _arrange(job: Job, key: str, kept: list[str]) -> Outcome:
    began, plan = time.monotonic(), job.plan.arrange
    part = build("curriculum", plan.curriculum, plan.settings)
    scores = current_scores(job, job.key_of("score", "arrange").partition("+")[2])
    pool, lacking = scored_pool(job, scores, part.needs, kept)
    if lacking:
        job.narrator.warn(
            f"{len(lacking)} selected problems lack what {plan.curriculum!r} needs ({', '.join(part.needs)}); they come last, in id order"
        )
    curriculum: Curriculum = part.arrange(pool, np.random.default_rng(stream_seed("arrange", plan.seed)))
    lessons = [*curriculum.lessons, *([Lesson(lacking)] if lacking else [])]
    rows = [
        {
            "id": content_id("lesson", key, n, place),
            "curriculum": key,
            "lesson": n,
            "position": place,
            "passes": lesson.passes,
            "problem_id": id_,
        }
        for n, lesson in enumerate(lessons)
        for place, id_ in enumerate(lesson.ids)
    ]
    return job.finish(Outcome("arrange", key, len(kept), len(rows), {"lessons": len(lessons)}, time.monotonic() - began), {"lessons": rows})


def stored_curriculum(job: Job, key: str) -> Curriculum:
    """The curriculum that the lake holds under a key."""
    rows = job.lake.rows("SELECT lesson, passes, problem_id FROM lessons WHERE curriculum = ? ORDER BY lesson, position", [key])
    lessons: dict[int, tuple[int, list[str]]] = {}
    for row in rows:
        lessons.setdefault(row["lesson"], (row["passes"], []))[1].append(row["problem_id"])
    return Curriculum(tuple(Lesson(tuple(ids), passes) for passes, ids in lessons.values()))
