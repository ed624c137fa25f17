"""Stage 3: held-out problems, drawn from the cleaned pool before any score exists; groups of duplicates stay together.

The draw is by hash order of (seed, group), so it depends on no other problem. What is stored stays: a problem once on a side is never moved,
and later plans over the same lake compare on the same held-out problems. So one run draws at a time: of two plans with an equal `[split]` that start
at once, the second draws knowing what the first has stored, and both hold out as many problems as they ask for.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from assay.core.identity import content_id
from assay.core.types import Problem
from assay.maths.text.words import normal_key
from assay.pipelines.context.locks import renewed
from assay.pipelines.context.results import Remaining, StageKey, StageResult
from assay.pipelines.context.run import RunContext, StagePlan
from assay.pipelines.data.problems import cleaned
from assay.pipelines.sampling.shards import pause
from assay.stores.commits.lease import take

DEAD_AFTER_S = 30.0


def work(context: RunContext) -> StagePlan:
    """Sides for the cleaned problems that have none yet. The key is `<ledger key>+<split id>`."""
    clean, config = context.key_of("clean", "split"), context.config.split
    split = content_id("split", config.seed, config.held_out)
    rows = context.finished("clean", clean)
    count = rows.rows_out if rows else 0
    return StagePlan(
        "split",
        StageKey.of(content_id("split", str(clean), split), split),
        count,
        Remaining(problems=count),
        lambda: _assign(context, split),
    )


@contextmanager
def _drawing(context: RunContext, split: str) -> Iterator[None]:
    """Nobody else draws for this split inside; a run that was killed holds nobody up for longer than its lease."""
    name = content_id("drawing", split)
    while (token := take(context.lake.root, name, limit_s=DEAD_AFTER_S)) is None:
        pause(context, "another run draws held-out problems for the same [split]")
    with renewed(context.lake.root, name, token, DEAD_AFTER_S, context.reporter.warn):
        yield


def _assign(context: RunContext, split: str) -> StageResult:
    with _drawing(context, split):
        return _draw(context, split)


def _draw(context: RunContext, split: str) -> StageResult:
    began = time.monotonic()
    problems, _ = cleaned(context)
    stored = {row["problem_id"]: row for row in context.lake.rows("SELECT * FROM splits WHERE split = ?", [split])}
    groups = grouped(problems)
    sides = {row["duplicates"]: row["side"] for row in stored.values()}
    held = sum(stored[id_]["side"] == "held_out" for id_ in problems if id_ in stored)
    for group in sorted(
        (each for each in groups if each not in sides),
        key=lambda each: content_id("draw", context.config.split.seed, each),
    ):
        sides[group] = "held_out" if held < context.config.split.held_out else "train"
        held += len(groups[group]) if sides[group] == "held_out" else 0
    fresh = [(id_, group) for group, ids in groups.items() for id_ in ids if id_ not in stored]
    rows = [
        {
            "id": content_id("split", split, id_),
            "split": split,
            "problem_id": id_,
            "side": sides[group],
            "duplicates": group,
        }
        for id_, group in sorted(fresh)
    ]
    if held < context.config.split.held_out:
        context.reporter.warn(
            f"split.held_out = {context.config.split.held_out}, but only {held} of {len(problems)} cleaned problems could be held out"
        )
    key = StageKey.of(content_id("split", str(context.key_of("clean", "split")), split), split)
    return context.finish(
        StageResult("split", key, len(problems), len(problems) - held, {"held_out": held}, time.monotonic() - began),
        {"splits": rows},
    )


def grouped(problems: dict[str, Problem]) -> dict[str, list[str]]:
    """Ids by the hash of their normal form, ids ascending: a group is a set of duplicates."""
    groups: dict[str, list[str]] = {}
    for id_ in sorted(problems):
        problem = problems[id_]
        groups.setdefault(content_id("duplicates", normal_key(problem)), []).append(id_)
    return groups
