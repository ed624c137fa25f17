"""The work before it starts: stage by stage what is left, and from a pilot what it will cost."""

import math
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

from assay.core.identity import content_id
from assay.core.types import Policy
from assay.pipelines.context.first_attempts import KIND_OF, example_of, outcome_shares
from assay.pipelines.context.results import Remaining, StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import read_side, side_verifiers
from assay.pipelines.runner.stages import Survey, plan_stage, run_stages, survey_stages
from assay.pipelines.sampling.attempts import StoredRollouts
from assay.pipelines.sampling.tree_search import Searches
from assay.pipelines.stages import pool_stages, stage_names
from assay.pipelines.stages.score import build_scorer
from assay.stores.references import written_with

LEVEL = 0.8  # coverage of the prediction interval
ATTEMPT_TABLES = ("rollouts", *written_with("rollouts"))  # an attempt takes one row in each of them
SEARCH_TABLES = ("continuations", "searches", "search_nodes")  # a completion of a search takes one row in the first
# intervals of tokens and of seconds, and what became of the pilot's attempts
Measured = tuple[tuple[float, float], tuple[float, float], dict[str, Any] | None]
# an attempt's bytes on disk where none is stored yet: ids and counts, and per token its text under zstd
OVERHEAD, BYTES_A_TOKEN = 200, 2

OUTCOMES = """
SELECT outcome, count(*)::BIGINT AS n, min_by(text, id) AS text, min_by(extracted, id) AS extracted,
       min_by(reason, id) AS reason
FROM (SELECT r.rollout_id AS id, r.counts AS outcome, t.text, r.extracted, r.reason
      FROM judged_attempts(?) r JOIN completions t ON t.id = r.rollout_id
      WHERE r.policy = ? AND r.sampler = ? AND r.judge IN (SELECT unnest(?::VARCHAR[]))
        AND list_contains(?::VARCHAR[], r.problem_id) QUALIFY row_number() OVER (PARTITION BY r.rollout_id) = 1)
GROUP BY outcome ORDER BY n DESC, outcome
"""


def list_stages(states: Mapping[str, tuple[str, Remaining]]) -> list[dict[str, Any]]:
    """List the stages, one row each: name, state, and what is left of it by unit."""
    return [{"stage": name, "state": state, "left": remaining.by_unit} for name, (state, remaining) in states.items()]


def stage_states(surveyed: Survey) -> dict[str, tuple[str, Remaining]]:
    """Return by stage its state (done, next or later) and what remains of it.

    What remains of a later stage depends on the stages before it, so it is left empty.
    """
    states = {name: ("done" if name in surveyed.results else "later", Remaining()) for name in stage_names()}
    if surveyed.following is not None:
        states[surveyed.following.name] = ("next", surveyed.following.remaining())
    return states


def estimate_cost(context: RunContext, pilot: int) -> dict[str, Any]:
    """Say what is left of a config, and estimate from a pilot what the rest will cost.

    The pilot's attempts are made at the config's real cap and stay in the lake, so they are not paid for again.

    Args:
        context: the run.
        pilot: problems that are attempted now; 0 = none, and no estimate.

    Returns:
        {stages: as of `list_stages`; pilot; tokens and seconds: 80% prediction intervals of the rest; outcomes: shares
        of the pilot's attempts with an example each; disk: as of `estimate_disk`}. Without a pilot, tokens, seconds and
        outcomes are None.
    """
    tokens = seconds = outcomes = None
    if pilot:
        tokens, seconds, outcomes = _run_pilot(context, run_stages(context, pool_stages()[-1]), pilot)
    states = stage_states(survey_stages(context))
    return {
        "stages": list_stages(states),
        "pilot": pilot,
        "tokens": tokens,
        "seconds": seconds,
        "outcomes": outcomes,
        "disk": estimate_disk(context, *states["score"]),
    }


def estimate_disk(context: RunContext, state: str, remaining: Remaining) -> dict[str, Any]:
    """Estimate the bytes that the attempts which are left will take, by what this lake's own take.

    Args:
        context: the run whose lake is measured.
        state: of the stage `score`: done, next or later.
        remaining: what is left of it.

    Returns:
        {bytes: at most; bytes_min: at least; free: free bytes; attempts: stored ones on which the estimate rests, 0 = a
        guess; short: whether `bytes` are more than are free}. `bytes` and `bytes_min` are None where the stages before
        scoring are not done, since the number of attempts is not known before.
    """
    tables = SEARCH_TABLES if remaining.iterations_max is not None else ATTEMPT_TABLES
    files = [file for entry in context.lake.entries() for file in entry.files if file.table in tables]
    n_stored = sum(file.rows for file in files if file.table == tables[0])
    most = {"done": 0, "later": None}.get(state, remaining.attempts_max or 0)
    free = shutil.disk_usage(_existing_folder(context.lake.root)).free
    if most is None:
        return {"bytes": None, "bytes_min": None, "free": free, "attempts": n_stored, "short": False}
    if n_stored:
        expected = math.ceil(most * sum(file.bytes for file in files) / n_stored)
    else:
        expected = most * OVERHEAD + (remaining.tokens_max or 0) * BYTES_A_TOKEN
    least = remaining.attempts_min or 0
    return {
        "bytes": expected,
        "bytes_min": math.ceil(expected * least / most) if most else 0,
        "free": free,
        "attempts": n_stored,
        "short": expected > free,
    }


def _existing_folder(path: Path) -> Path:
    return path if path.exists() else _existing_folder(path.parent)


def _run_pilot(context: RunContext, inputs: StageResults, pilot: int) -> Measured:
    problems, labels = read_side(context, inputs, "train")
    if "search" in getattr(part := build_scorer(context), "needs", ()):
        return _pilot_searches(
            context,
            Searches(context, problems, labels, part.rules, scoring=plan_stage(context, "score", inputs)[0].key.rows),
            pilot,
        )
    attempts = StoredRollouts(context, problems, labels)
    n, most = part.attempts() if hasattr(part, "attempts") else (getattr(part, "n", 8),) * 2
    pilot_ids = list(attempts.missing(dict.fromkeys(problems, n)))[:pilot]
    counts = attempts.draw(dict.fromkeys(pilot_ids, n))
    # how many problems' full share of samples is missing
    scale = sum(len(samples) for samples in attempts.missing(dict.fromkeys(problems, n)).values()) / n
    if most > n:  # an adaptive design adds attempts; how many is expected from the pilot's outcomes
        scale += len(problems) * (part.expected(list(counts.values()), len(problems)) - n) / n
    low, high = total_interval(_tokens_per_problem(context, attempts.policy, pilot_ids), scale)
    return (low, high), time_interval(context, low, high), _count_outcomes(context, inputs, pilot_ids)


def time_interval(context: RunContext, low: float, high: float) -> tuple[float, float]:
    """Return the ends of an interval of seconds from those of tokens, by the pace of what this run has generated.

    A pilot waits at its end for its longest answer, with most places of a streaming engine free. So the pace of such an
    engine is the one of a busy place, times the engine's places for the least time, and times as many as were busy at
    once for the most, to which the pilot's own wait is added.

    Args:
        context: of the pilot.
        low: tokens that are left at least.
        high: tokens that are left at most.
    """
    meter = context.meter
    if not (meter.busiest and meter.tokens):
        pace = meter.engine_s / max(meter.tokens, 1)
        return low * pace, high * pace
    busy_s_per_token = meter.busy_s / meter.tokens
    places = max(meter.busiest, getattr(context.engine, "capacity", 0))
    return low * busy_s_per_token / places, high * busy_s_per_token / meter.busiest + (meter.drain_s if high else 0.0)


def _pilot_searches(context: RunContext, searches: Searches, pilot: int) -> Measured:
    """Run a pilot of tree searches, without the plain attempts that are drawn as well.

    A search that a limit cut off counts as left, not as measured.
    """
    ids_left = sorted(
        searches.missing(sorted(searches.problems)), key=lambda id_: content_id("order", context.config.seed, id_)
    )
    searches_done = searches.run(ids_left[:pilot])
    low, high = total_interval([search.tokens for search in searches_done.values()], len(ids_left) - len(searches_done))
    pace = context.meter.engine_s / max(context.meter.tokens, 1)
    return (low, high), (low * pace, high * pace), None


def _count_outcomes(context: RunContext, inputs: StageResults, ids: list[str]) -> dict[str, Any]:
    """Return the shares of correct, wrong, truncated and failed attempts at these problems, with an example each."""
    versions = [context.verifier_version(name) for name in side_verifiers(context, inputs, "train")]
    rows = context.lake.rows(OUTCOMES, [context.mode, context.policy.revision, context.sampler.id, versions, ids])
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for row in rows:
        kind = KIND_OF[row["outcome"]]
        counts[kind] += row["n"]
        examples.setdefault(kind, example_of(kind, row["text"], row["extracted"] or "", row["reason"] or ""))
    unparsable = sum(row["n"] for row in rows if row["outcome"] == "unparsable")
    return outcome_shares(counts, examples, unparsable)


def total_interval(costs: list[int], rest: float) -> tuple[float, float]:
    """Predict a sum over further problems from what some have cost (Student t).

    Args:
        costs: the cost of each problem so far.
        rest: how many problems are left.

    Returns:
        The ends of the 80% prediction interval; (0, 0) when none is left, (0, inf) from fewer than two costs.

    >>> total_interval([10, 10, 10], 4)
    (40.0, 40.0)
    >>> total_interval([10], 4)
    (0.0, inf)
    """
    if rest <= 0:
        return 0.0, 0.0
    if len(costs) < 2:
        return 0.0, math.inf
    n, mean, spread = len(costs), float(np.mean(costs)), float(np.std(costs, ddof=1))
    half = float(special.stdtrit(n - 1, (1 + LEVEL) / 2)) * spread * math.sqrt(rest + rest * rest / n)
    return max(0.0, rest * mean - half), rest * mean + half


def _tokens_per_problem(context: RunContext, policy: Policy, ids: list[str]) -> list[int]:
    rows = context.lake.rows(
        "SELECT sum(tokens)::BIGINT AS tokens FROM attempts "
        "WHERE policy = ? AND sampler = ? AND list_contains(?::VARCHAR[], problem_id) GROUP BY problem_id",
        [policy.revision, context.sampler.id, ids],
    )
    return [row["tokens"] for row in rows]
