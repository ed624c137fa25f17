"""The work before it starts: stage by stage what is left, and from a pilot what it will cost."""

import math
from typing import Any

import numpy as np
from scipy import stats

from assay.core.identity import content_id
from assay.core.parts import build
from assay.core.types import Policy
from assay.pipelines.attempts import Attempts
from assay.pipelines.job import Job, Outcome, Work
from assay.pipelines.pool import side
from assay.pipelines.searches import Searches
from assay.pipelines.walk import look, survey, walk

LEVEL = 0.8  # of the interval


def stages(job: Job) -> list[dict[str, Any]]:
    """Each stage with its state: done, next, or later (what is left there depends on the one before)."""
    told: dict[str, dict[str, Any]] = {}

    def tell(work: Work, done: Outcome | None) -> None:
        left = {} if done else dict(work.left)
        told[work.stage] = {"stage": work.stage, "state": "done" if done else "next", "left": left}

    survey(job, tell)
    from assay.pipelines.walk import STAGES

    return [told.get(name, {"stage": name, "state": "later", "left": {}}) for name in STAGES]


def forecast(job: Job, pilot: int) -> dict[str, Any]:
    """What is left, and with a pilot of N problems an 80% interval for tokens and seconds of the rest.

    The pilot's attempts are made at the plan's real cap and stay in the lake, so they are not paid for again.
    """
    tokens = seconds = None
    if pilot:
        walk(job, "split")
        tokens, seconds = _measured(job, pilot)
        job.keys.clear()
    return {"stages": stages(job), "pilot": pilot, "tokens": tokens, "seconds": seconds}


def _measured(job: Job, pilot: int) -> tuple[tuple[float, float], tuple[float, float]]:
    problems, labels = side(job, "train")
    if "search" in getattr(part := build("scorer", job.plan.score.scorer, job.plan.score.settings), "needs", ()):
        return _searched(job, Searches(job, problems, labels, part.rules, scoring=look(job, "score")[0].key.partition("+")[2]), pilot)
    attempts = Attempts(job, problems, labels)
    n = int(job.plan.score.settings.get("n", 8))
    chosen = list(attempts.missing(dict.fromkeys(problems, n)))[:pilot]
    attempts.draw(dict.fromkeys(chosen, n))
    rest = attempts.missing(dict.fromkeys(problems, n))
    scale = sum(len(samples) for samples in rest.values()) / n  # problems' worth of samples
    low, high = total_interval(_spent(job, attempts.policy, chosen), scale)
    pace = job.meter.engine_s / max(job.meter.tokens, 1)
    return (low, high), (low * pace, high * pace)


def _searched(job: Job, searches: Searches, pilot: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """The same of tree searches, without the plain attempts that are drawn beside them; cut off by a limit, a search tells nothing."""
    left = sorted(searches.missing(sorted(searches.problems)), key=lambda id_: content_id("order", job.plan.seed, id_))
    found = searches.run(left[:pilot])
    low, high = total_interval([each.tokens for each in found.values()], len(left) - len(found))
    pace = job.meter.engine_s / max(job.meter.tokens, 1)
    return (low, high), (low * pace, high * pace)


def total_interval(spent: list[int], rest: float) -> tuple[float, float]:
    """The 80% prediction interval of a sum over `rest` further problems, from what `spent` ones cost (Student t); (0, 0) when none is left.

    >>> total_interval([10, 10, 10], 4)
    (40.0, 40.0)
    >>> total_interval([10], 4)
    (0.0, inf)
    """
    if rest <= 0:
        return 0.0, 0.0
    if len(spent) < 2:
        return 0.0, math.inf
    n, mean, spread = len(spent), float(np.mean(spent)), float(np.std(spent, ddof=1))
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * spread * math.sqrt(rest + rest * rest / n)
    return max(0.0, rest * mean - half), rest * mean + half


def _spent(job: Job, policy: Policy, ids: list[str]) -> list[int]:
    rows = job.lake.rows(
        "SELECT sum(tokens)::BIGINT AS tokens FROM rollouts "
        "WHERE policy = ? AND sampler = ? AND list_contains(?::VARCHAR[], problem_id) GROUP BY problem_id",
        [policy.revision, job.plan.policy.sampler.id, ids],
    )
    return [row["tokens"] for row in rows]
