"""Several selectors on one pool: what they keep, how they overlap, and what each is expected to teach and to cost.

Use it before a selection is made; nothing is written.
"""

import math
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from assay.core.config import OrderConfig, SelectConfig
from assay.core.errors import ConfigError
from assay.core.types import Pool
from assay.maths.geometry.coverage import coverage
from assay.maths.rl.expected_improvement import run_signal
from assay.maths.rl.reward_signal import RewardPosterior, reward_signal
from assay.pipelines.analysis.summary import count_by_share
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.expected_improvement import build_selector
from assay.pipelines.data.objective_signal import objective_signal
from assay.pipelines.data.pool import queries_of, scored_pool
from assay.pipelines.data.problems import side_ids
from assay.pipelines.data.rewards import REWARD_COLUMNS
from assay.pipelines.runner.stages import done_stages
from assay.pipelines.stages import stage_names
from assay.pipelines.stages.select import rate_queries, select_from, set_aside_as_disputed

ALWAYS = ("uniform", "informative")  # the baselines that a method must beat
MEASURED = ("beta_a", "beta_b", "correct", "wrong", "truncated", "cluster", "vectors")
DRIFTS = (0.0, 1.0, 2.0)  # logits over the run
Table = TypeVar("Table", SelectConfig, OrderConfig)
TOKENS = (
    "SELECT problem_id, avg(tokens) AS tokens FROM attempts "
    "WHERE policy = ? AND sampler = ? AND step IS NULL GROUP BY problem_id"
)


def compare_selectors(context: RunContext, selectors: Sequence[str] = ()) -> dict[str, Any]:
    """Let several selectors choose from the same pool, the problems that have everything any of them needs.

    Args:
        context: the run.
        selectors: names with settings after them, such as "frontier expected_improvement=2 budget=50"; "plan" is
            `[select]` itself.

    Returns:
        {pool, unscored, group_size, selections: one row per selector}, the config's own selection first, the baselines
        last. `signal` is the expected group signal per problem by drift in logits over the run, `reward` the expected
        reward of an attempt where rewards are graded, `tokens` the cost of one group for each problem that is kept,
        `overlap` the Jaccard index with every other selection.

    Raises:
        ConfigError: a stage before select is not done, or a name, a setting or a value of the pool is wrong.
    """
    inputs = done_stages(context, stage_names()[stage_names().index("select") - 1], "compare")
    configs = _parse_selections(context.config.select, selectors)
    parts = {name: build_selector(context, inputs, config) for name, config in configs.items()}
    pool, unscored = _read_pool(context, inputs, list(parts.values()))
    choices = {}
    for name, part in parts.items():
        choice = select_from(
            _restrict_pool(pool, part.needs),
            part,
            configs[name].selector,
            budget=configs[name].budget,
            seed=configs[name].seed,
        )
        choices[name] = (
            np.flatnonzero(np.isin(pool.ids, choice.ids)),
            {reason: len(ids) for reason, ids in choice.dropped.items()},
        )
    cost = mean_tokens(context, pool)
    rows = [
        {"selection": name, **_measure_selection(context, pool, rows, cost), "dropped": why}
        for name, (rows, why) in choices.items()
    ]
    for row in rows:
        row["overlap"] = {other: jaccard(choices[row["selection"]][0], of) for other, (of, _) in choices.items()}
    return {
        "pool": len(pool),
        "unscored": len(unscored),
        "group_size": context.config.train.group_size,
        "selections": rows,
    }


def _parse_selections(own: SelectConfig, selectors: Sequence[str]) -> dict[str, SelectConfig]:
    configs = {"plan": own, **{text: read_selector(text, own) for text in selectors if text != "plan"}}
    for name in ALWAYS:
        configs.setdefault(name, read_selector(name, own))
    return configs


def read_selector(text: str, own: SelectConfig) -> SelectConfig:
    """Read a selector from words.

    Args:
        text: its name, then key=value pairs, values as in TOML.
        own: the config's `[select]`, whose budget and seed are the defaults.

    Raises:
        ConfigError: a word after the name is no key=value pair, or a value does not fit.
    """
    return read_table(text, SelectConfig, "selector", {"budget": own.budget, "seed": own.seed})


def read_table(text: str, table: type[Table], key: str, defaults: Mapping[str, Any]) -> Table:
    """Read a table of the config from words.

    Args:
        text: the part's name, then key=value pairs, values as in TOML.
        table: the type of the table.
        key: the field that holds the part's name.
        defaults: fields that the words need not name.

    Raises:
        ConfigError: a word after the name is no key=value pair, or a value does not fit.
    """
    name, *pairs = shlex.split(text) or [""]
    tree: dict[str, Any] = {**defaults, key: name}
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
    """Divide the rows that two sets share by the rows of both, in [0, 1]; two empty sets are alike.

    >>> jaccard(np.array([1, 2]), np.array([2, 3])) == 1 / 3
    True
    """
    n_both = len(np.intersect1d(first, second))
    return n_both / (len(first) + len(second) - n_both) if len(first) or len(second) else 1.0


def _read_pool(context: RunContext, inputs: StageResults, parts: Sequence[Any]) -> tuple[Pool, tuple[str, ...]]:
    needs = tuple(dict.fromkeys([*MEASURED, *(name for part in parts for name in part.needs)]))
    ids = sorted(set(side_ids(context, inputs, "train")) - set_aside_as_disputed(context, inputs.rows_of("score")))
    queries = {**rate_queries(context, inputs.rows_of("score")), **queries_of(*parts)}
    return scored_pool(context, inputs, needs, ids, queries)


def _restrict_pool(pool: Pool, needs: Sequence[str]) -> Pool:
    """Leave nothing in the pool but what one selector needs."""
    columns = {name: values for name, values in pool.columns.items() if name in (*needs, *REWARD_COLUMNS)}
    return Pool(
        pool.ids, columns, pool.vectors if "vectors" in needs else None, pool.cluster if "cluster" in needs else None
    )


def mean_tokens(context: RunContext, pool: Pool) -> NDArray[np.float64]:
    """Return each problem's mean generated tokens of an attempt, (n,); the mean of them all where it has no attempt."""
    rows = context.lake.rows(TOKENS, [context.policy.revision, context.sampler.id])
    tokens: Mapping[str, float] = {row["problem_id"]: row["tokens"] for row in rows}
    mean = sum(tokens.values()) / max(1, len(tokens))
    return np.array([tokens.get(id_, mean) for id_ in pool.ids])


def _mean_signal(context: RunContext, pool: Pool, rows: np.ndarray, drift: float) -> float | None:
    """Return the expected signal per problem of some rows, as the objective learns from it.

    Returns:
        None without rows, and for a drift where rewards are graded: it moves rates of correct attempts.
    """
    config, kind = context.config, objective_signal(context.config)
    a, b, group_size = pool.column("beta_a")[rows], pool.column("beta_b")[rows], config.train.group_size
    if not len(rows) or (drift and "rewards" in pool.columns):
        return None
    if "rewards" not in pool.columns:
        return float(run_signal(a, b, group_size, drift=drift, kind=kind).mean())
    posterior = RewardPosterior.from_table(a, b, pool.column("rewards")[rows])
    return float(reward_signal(posterior, group_size, kind=kind, tau=config.grade.repeatability).mean())


def _mean_reward(pool: Pool, rows: np.ndarray) -> float | None:
    """Return the expected reward of an attempt at some rows; None without rows, and where rewards are not graded."""
    if not len(rows) or "rewards" not in pool.columns:
        return None
    a, b = pool.column("beta_a")[rows], pool.column("beta_b")[rows]
    return float(RewardPosterior.from_table(a, b, pool.column("rewards")[rows]).mean().mean())


def _measure_selection(context: RunContext, pool: Pool, rows: np.ndarray, cost: np.ndarray) -> dict[str, Any]:
    assert pool.vectors is not None  # both are among MEASURED
    assert pool.cluster is not None
    failures = pool.column("wrong")[rows] + pool.column("truncated")[rows]
    gap = coverage(pool.vectors, rows)
    return {
        "kept": len(rows),
        "signal": {f"{drift:g}": _mean_signal(context, pool, rows, drift) for drift in DRIFTS},
        "reward": _mean_reward(pool, rows),
        "clusters": len(np.unique(pool.cluster[rows])),
        "clusters_of": len(np.unique(pool.cluster)),
        "radius": None if math.isnan(gap.radius) else gap.radius,
        "distance": None if math.isnan(gap.mean) else gap.mean,
        "tokens": round(float(cost[rows].sum()) * context.config.train.group_size),  # one group per kept problem
        "histogram": count_by_share(
            [(int(c), int(w), 1) for c, w in zip(pool.column("correct")[rows], failures, strict=True)]
        ),
    }
