"""Several selectors on one pool: what each keeps, how they overlap, and what each is expected to teach and to cost. Nothing is written."""

import math
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from assay.core.config import OrderConfig, SelectConfig
from assay.core.errors import ConfigError
from assay.core.types import Pool
from assay.maths.geometry.coverage import coverage
from assay.maths.rl.expected_improvement import run_signal
from assay.pipelines.analysis.summary import histogram
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.expected_improvement import selector
from assay.pipelines.data.pool import queries_of, scored_pool
from assay.pipelines.data.problems import side_ids
from assay.pipelines.runner.stages import done_stages
from assay.pipelines.stages import stage_names
from assay.pipelines.stages.select import chosen_from, never_hard

ALWAYS = ("uniform", "informative")  # the baselines that a method must beat
MEASURED = ("beta_a", "beta_b", "correct", "wrong", "truncated", "cluster", "vectors")
DRIFTS = (0.0, 1.0, 2.0)  # logits over the run
Table = TypeVar("Table", SelectConfig, OrderConfig)
TOKENS = "SELECT problem_id, avg(tokens) AS tokens FROM rollouts WHERE policy = ? AND sampler = ? AND step IS NULL GROUP BY problem_id"


def compare(context: RunContext, asked: Sequence[str] = ()) -> dict[str, Any]:
    """{pool, unscored, group_size, selections: one row a selector}, the plan's own selection first, the baselines last.

    `asked` are names with settings after them: "frontier drift=2 budget=50"; "plan" is `[select]` itself. All choose from the same pool:
    problems that have everything any of them needs.

    Raises:
        ConfigError: a stage before select is not done, or a name, a setting or a value of the pool is wrong.
    """
    inputs = done_stages(context, stage_names()[stage_names().index("select") - 1], "compare")
    plans = _plans(context.config.select, asked)
    parts = {name: selector(context, inputs, config) for name, config in plans.items()}
    pool, unscored = _pool(context, inputs, list(parts.values()))
    kept = {}
    for name, part in parts.items():
        made = chosen_from(
            _seen(pool, part.needs), part, plans[name].selector, budget=plans[name].budget, seed=plans[name].seed
        )
        kept[name] = (
            np.flatnonzero(np.isin(pool.ids, made.ids)),
            {reason: len(ids) for reason, ids in made.dropped.items()},
        )
    cost = _cost(context, pool)
    rows = [
        {"selection": name, **_measured(pool, rows, cost, context.config.train.group_size), "dropped": why}
        for name, (rows, why) in kept.items()
    ]
    for row in rows:
        row["overlap"] = {other: jaccard(kept[row["selection"]][0], of) for other, (of, _) in kept.items()}
    return {
        "pool": len(pool),
        "unscored": len(unscored),
        "group_size": context.config.train.group_size,
        "selections": rows,
    }


def _plans(own: SelectConfig, asked: Sequence[str]) -> dict[str, SelectConfig]:
    plans = {"plan": own, **{text: read(text, own) for text in asked if text != "plan"}}
    for name in ALWAYS:
        plans.setdefault(name, read(name, own))
    return plans


def read(text: str, own: SelectConfig) -> SelectConfig:
    """`[select]` with another selector: its name, then key=value pairs, values as in TOML; budget and seed default to the plan's.

    Raises:
        ConfigError: a word after the name is no key=value pair, or a value does not fit.
    """
    return worded(text, SelectConfig, "selector", {"budget": own.budget, "seed": own.seed})


def worded(text: str, table: type[Table], key: str, given: Mapping[str, Any]) -> Table:
    """A table of the plan from words: the part's name, which goes under `key`, then key=value pairs; what is not said is as `given`.

    Raises:
        ConfigError: a word after the name is no key=value pair, or a value does not fit.
    """
    name, *pairs = shlex.split(text) or [""]
    tree: dict[str, Any] = {**given, key: name}
    for pair in pairs:
        word, equals, value = pair.partition("=")
        if not equals or not word:
            raise ConfigError(f"{text!r}: {pair!r} is not of the form key=value")
        try:
            tree[word] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            tree[word] = value
    try:
        return table.model_validate(tree)
    except ValueError as error:
        raise ConfigError(f"{text!r}: {' '.join(str(error).split())}") from error


def jaccard(first: np.ndarray, second: np.ndarray) -> float:
    """Shared rows over all rows of two sets; two empty sets are alike.  # [0, 1]

    >>> jaccard(np.array([1, 2]), np.array([2, 3])) == 1 / 3
    True
    """
    both = len(np.intersect1d(first, second))
    return both / (len(first) + len(second) - both) if len(first) or len(second) else 1.0


def _pool(context: RunContext, inputs: StageResults, parts: Sequence[Any]) -> tuple[Pool, tuple[str, ...]]:
    needs = tuple(dict.fromkeys([*MEASURED, *(name for part in parts for name in part.needs)]))
    ids = sorted(set(side_ids(context, inputs, "train")) - never_hard(context, inputs.rows_of("score")))
    return scored_pool(context, inputs, needs, ids, queries_of(*parts))


def _seen(pool: Pool, needs: Sequence[str]) -> Pool:
    """The pool with nothing but what one selector needs."""
    columns = {name: values for name, values in pool.columns.items() if name in needs}
    return Pool(
        pool.ids, columns, pool.vectors if "vectors" in needs else None, pool.cluster if "cluster" in needs else None
    )


def _cost(context: RunContext, pool: Pool) -> np.ndarray:
    """Mean generated tokens of an attempt, (n,); the pool's mean for a problem without attempts."""
    rows = context.lake.rows(TOKENS, [context.engine.policy.revision, context.config.policy.sampler.id])
    tokens: Mapping[str, float] = {row["problem_id"]: row["tokens"] for row in rows}
    mean = sum(tokens.values()) / max(1, len(tokens))
    return np.array([tokens.get(id_, mean) for id_ in pool.ids])


def _measured(pool: Pool, rows: np.ndarray, cost: np.ndarray, group_size: int) -> dict[str, Any]:
    assert pool.vectors is not None  # both stand in MEASURED
    assert pool.cluster is not None
    a, b = pool.column("beta_a")[rows], pool.column("beta_b")[rows]
    lost = pool.column("wrong")[rows] + pool.column("truncated")[rows]
    gap = coverage(pool.vectors, rows)
    return {
        "kept": len(rows),
        "signal": {
            f"{drift:g}": float(run_signal(a, b, group_size, drift=drift).mean()) if len(rows) else None
            for drift in DRIFTS
        },
        "clusters": len(np.unique(pool.cluster[rows])),
        "clusters_of": len(np.unique(pool.cluster)),
        "radius": None if math.isnan(gap.radius) else gap.radius,
        "distance": None if math.isnan(gap.mean) else gap.mean,
        "tokens": round(float(cost[rows].sum()) * group_size),  # of one group for each kept problem
        "histogram": histogram([(int(c), int(w), 1) for c, w in zip(pool.column("correct")[rows], lost, strict=True)]),
    }
