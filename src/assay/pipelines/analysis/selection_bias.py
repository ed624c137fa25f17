"""The winner's curse of a selection: fresh attempts at chosen and dropped problems beside what was expected of them."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from assay.core.config import Config, parse_config
from assay.core.errors import ConfigError
from assay.core.identity import derive_seed
from assay.core.parts import build_part
from assay.core.types import Counts
from assay.maths.rl.expected_improvement import run_signal
from assay.maths.rl.group_signal import observed_signal
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import side
from assay.pipelines.data.scores import current_scores
from assay.pipelines.runner.stages import done_stages
from assay.pipelines.sampling.attempts import StoredRollouts
from assay.stores.lake import Lake

Z = 1.96  # of a 95% interval
MADE = """
SELECT s.key, any_value(r.plan) AS plan FROM stages s JOIN runs r ON r.run = s.run AND r.event = 'start'
WHERE s.stage = 'select' AND starts_with(s.key, ?) GROUP BY s.key ORDER BY s.key
"""
COUNTED = ("n_correct", "n_wrong", "n_truncated", "n_error")


def recheck(context: RunContext, *, kept: int = 200, dropped: int = 100) -> dict[str, Any]:
    """{kept, dropped: problems, predicted and observed signal, their difference with its 95% interval; tokens, samples}.

    Up to `kept` chosen and `dropped` other scored problems, drawn by the plan's seed, are attempted G more times each. What was expected
    comes from the scores that the selection saw, what is observed only from attempts beyond those. Whoever is chosen for a high
    estimate was lucky on average: the difference on the chosen is the winner's curse, in groups with a gradient. The attempts stay in the
    lake, and a second call pays for none of them again.

    Raises:
        ConfigError: the plan's selection is not in the lake.
        Stopped: the run was asked to stop; what arrived is committed.
    """
    inputs = done_stages(context, "select", "recheck")
    scores = {
        row["problem_id"]: row for row in current_scores(context, inputs.rows_of("score")) if row["beta_a"] is not None
    }
    rows = context.lake.rows(
        "SELECT problem_id, kept FROM selections WHERE selection_id = ? ORDER BY problem_id", [inputs.rows_of("select")]
    )
    rng = np.random.default_rng(derive_seed("recheck", context.config.seed))
    sides = {"kept": _drawn(rows, scores, True, kept, rng), "dropped": _drawn(rows, scores, False, dropped, rng)}
    group = _group_size(context)
    seen = {id_: Counts(*(scores[id_][name] for name in COUNTED)) for ids in sides.values() for id_ in ids}
    found = _attempted(context, inputs, {id_: counts.total + group for id_, counts in seen.items()})
    made = {name: _told(context, ids, scores, seen, found, group) for name, ids in sides.items()}
    return {"group_size": group, **made, "tokens": context.meter.tokens, "samples": context.meter.samples}


def plan_of(lake: Lake, key: str) -> Config:
    """The plan of the run that made a selection; `key` is its key, or the beginning of it.

    Raises:
        ConfigError: no selection, or several, have such a key.
    """
    found = lake.rows(MADE, [key])
    if len(found) != 1:
        many = ", ".join(row["key"][:16] for row in found) or "none"
        raise ConfigError(
            f"{len(found)} selections in {lake.place} have a key that begins with {key!r}: {many}; `curate status PLAN` shows them"
        )
    return parse_config(json.loads(found[0]["plan"]))


def _drawn(
    rows: list[dict[str, Any]], scores: Mapping[str, Any], kept: bool, most: int, rng: np.random.Generator
) -> list[str]:
    ids = [row["problem_id"] for row in rows if row["kept"] is kept and row["problem_id"] in scores]
    return sorted(rng.permutation(ids)[:most].tolist())


def _group_size(context: RunContext) -> int:
    part = build_part("selector", context.config.select.selector, context.config.select.settings)
    return int(getattr(part, "group_size", context.config.train.group_size))


def _attempted(context: RunContext, inputs: StageResults, wanted: Mapping[str, int]) -> Mapping[str, Counts]:
    problems, labels = side(context, inputs, "train")
    attempts = StoredRollouts(context, {id_: problems[id_] for id_ in wanted}, {id_: labels[id_] for id_ in wanted})
    return attempts.draw(wanted)


def _told(
    context: RunContext,
    ids: list[str],
    scores: Mapping[str, Any],
    seen: Mapping[str, Counts],
    found: Mapping[str, Counts],
    group: int,
) -> dict[str, Any]:
    """Predicted and observed, over the problems whose fresh attempts make up a group."""
    as_wrong = context.config.score.settings.get("truncated", "masked") == "wrong"
    right = np.array([found[id_].correct - seen[id_].correct for id_ in ids], dtype=np.float64)
    failed = np.array([_failed(found[id_], as_wrong) - _failed(seen[id_], as_wrong) for id_ in ids], dtype=np.float64)
    observed = observed_signal(right, right + failed, group)
    predicted = run_signal([scores[id_]["beta_a"] for id_ in ids], [scores[id_]["beta_b"] for id_ in ids], group)
    whole = np.isfinite(observed)
    gap = (predicted - observed)[whole]
    told: dict[str, Any] = {"problems": int(whole.sum()), "too_few_attempts": int((~whole).sum())}
    if not len(gap):
        return {**told, "predicted": None, "observed": None, "difference": None, "low": None, "high": None}
    half = Z * float(gap.std(ddof=1)) / len(gap) ** 0.5 if len(gap) > 1 else 1.0
    mean = float(gap.mean())
    return {
        **told,
        "predicted": float(predicted[whole].mean()),
        "observed": float(observed[whole].mean()),
        "difference": mean,
        "low": mean - half,
        "high": mean + half,
    }


def _failed(counts: Counts, truncated_is_wrong: bool) -> int:
    return counts.wrong + (counts.truncated if truncated_is_wrong else 0)
