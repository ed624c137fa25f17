"""Stage 3: draw held-out problems from the cleaned pool before any score exists; groups of duplicates stay together.

The draw is by hash order of (seed, group), so it depends on no other problem. A problem never changes its side, so
later configs on the same lake are evaluated on the same held-out problems. One run draws at a time: of two configs with
an equal `[split]` that start together, the second one draws knowing what the first has stored, and both hold out as
many problems as they ask for.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from assay.core.identity import content_id
from assay.core.types import Problem
from assay.maths.text.words import normal_key
from assay.pipelines.context.locks import renewing
from assay.pipelines.context.results import Remaining, StageKey, StageResult, StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.context.stage import Stage
from assay.pipelines.data.derived import parents_of
from assay.pipelines.data.problems import cleaned
from assay.pipelines.sampling.shards import pause
from assay.stores.commits.lease import take

DEAD_AFTER_S = 30.0


class Split(Stage):
    """Draw a side for each cleaned problem that has none yet; rows carry the id of the draw, which pools share."""

    name = "split"
    rows_query = "SELECT * FROM splits WHERE split = ? ORDER BY problem_id"

    def compute_key(self) -> StageKey:
        """Make a key of two parts: the pool with the draw, and the draw alone."""
        config = self.context.config.split
        draw = content_id("split", config.seed, config.held_out)
        return StageKey.of(content_id("split", str(self.inputs.of("clean").key), draw), draw)

    def remaining(self) -> Remaining:
        """Count the cleaned problems."""
        count = self.inputs.of("clean").rows_out
        return Remaining(problems=count, rows_in=count)

    def run(self) -> StageResult:
        """Draw, while no other run draws for the same settings."""
        with _exclusive_draw(self.context, self.key.rows):
            return _draw(self.context, self.inputs, self.key)


@contextmanager
def _exclusive_draw(context: RunContext, split: str) -> Iterator[None]:
    """Hold the right to draw for this split; a run that was killed blocks others no longer than its lease lasts."""
    name = content_id("drawing", split)
    while (token := take(context.lake.root, name, limit_s=DEAD_AFTER_S)) is None:
        pause(context, "another run draws held-out problems for the same [split]")
    with renewing(context.lake.root, name, token, DEAD_AFTER_S, context.reporter.warn):
        yield


def _draw(context: RunContext, inputs: StageResults, key: StageKey) -> StageResult:
    began, split = time.monotonic(), key.rows
    problems, _ = cleaned(context, inputs)
    stored = {row["problem_id"]: row for row in context.lake.rows("SELECT * FROM splits WHERE split = ?", [split])}
    parents = parents_of(context.lake, list(problems))
    groups = grouped({id_: problem for id_, problem in problems.items() if id_ not in parents})
    sides = {row["duplicates"]: row["side"] for row in stored.values()}
    held = sum(stored[id_]["side"] == "held_out" for id_ in problems if id_ in stored and id_ not in parents)
    for group in sorted(
        groups.keys() - sides.keys(), key=lambda group: content_id("draw", context.config.split.seed, group)
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
    drawn = {row["problem_id"]: row["side"] for row in [*stored.values(), *rows]}
    derived = _derived_rows(split, problems, parents, drawn)
    rows += derived
    drawn |= {row["problem_id"]: row["side"] for row in derived}
    beside = sum(drawn[id_] == "held_out" for id_ in parents)
    if held < context.config.split.held_out:
        context.reporter.warn(
            f"split.held_out = {context.config.split.held_out}, "
            f"but only {held} of {len(problems)} cleaned problems could be held out"
        )
    return context.finish(
        StageResult(
            "split", key, len(problems), len(problems) - held - beside, {"held_out": held}, time.monotonic() - began
        ),
        {"splits": rows},
    )


def _derived_rows(
    split: str, problems: dict[str, Problem], parents: dict[str, list[str]], sides: dict[str, str]
) -> list[dict[str, str]]:
    """Put problems that synthesis made on the side of those behind them: held out where one of these is.

    A problem behind them that is not in the pool gets the side `train`, so that no later draw holds it out.
    """
    rows, known = [], dict(sides)

    def side_of(id_: str) -> str:
        if id_ not in known:
            behind = {side_of(parent) for parent in parents.get(id_, [])}
            known[id_] = "held_out" if "held_out" in behind else "train"
            key = normal_key(problems[id_]) if id_ in problems else id_
            row = {"id": content_id("split", split, id_), "split": split, "problem_id": id_, "side": known[id_]}
            rows.append({**row, "duplicates": content_id("duplicates", key)})
        return known[id_]

    for id_ in sorted(parents):
        side_of(id_)
    return rows


def grouped(problems: dict[str, Problem]) -> dict[str, list[str]]:
    """Group ids by the hash of their problem's normal form, ids ascending: a group is a set of duplicates."""
    groups: dict[str, list[str]] = {}
    for id_ in sorted(problems):
        problem = problems[id_]
        groups.setdefault(content_id("duplicates", normal_key(problem)), []).append(id_)
    return groups
