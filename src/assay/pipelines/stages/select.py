"""Stage 6: choose the subset to train on. A problem without what the selector needs is dropped as `unscored`."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain
from operator import eq
from typing import Any

import numpy as np
import pyarrow as pa

from assay.core.errors import ConfigError
from assay.core.identity import content_id, content_ids, derive_seed
from assay.core.setting_names import first_names
from assay.core.types import Pool, Selection
from assay.pipelines.context.first_attempts import REMEDIES
from assay.pipelines.context.results import Remaining, StageKey, StageResult
from assay.pipelines.context.run import RunContext
from assay.pipelines.context.stage import Stage
from assay.pipelines.data.expected_improvement import build_selector
from assay.pipelines.data.objective_signal import signal_key
from assay.pipelines.data.pool import further_evidence, list_version, queries_of, scored_pool
from assay.pipelines.data.problems import side_ids
from assay.pipelines.data.scores import disputed_ids, score_ids

RATE_QUERIES = {
    name: f"SELECT problem_id, coalesce({corrected}, {observed}) AS value FROM current_scores "
    "WHERE scoring_id = $scoring AND (low = 0 AND high = 1) IS NOT TRUE"
    for name, corrected, observed in (
        ("mean", "corrected", "value"),
        ("low", "corrected_low", "low"),
        ("high", "corrected_high", "high"),
        ("beta_a", "corrected_a", "beta_a"),
        ("beta_b", "corrected_b", "beta_b"),
    )
}


ROWS = 50_000  # whose ids are texts of Python at a time
RARE = 0.05  # share of right attempts below which a model is next to lost on a pool


class Select(Stage):
    """Choose from the scored train side by the config's selector."""

    name = "select"
    rows_query = "SELECT * FROM selections WHERE selection_id = ? ORDER BY problem_id"

    @cached_property
    def scoring(self) -> str:
        """The id of the scoring whose scores are read."""
        return self.inputs.rows_of("score")

    @cached_property
    def selector(self) -> Any:
        """The config's selector, built."""
        return build_selector(self.context, self.inputs, self.context.config.select)

    @cached_property
    def n_scores(self) -> int:
        """How many problems have a score."""
        query = "SELECT count(*) AS n FROM current_scores WHERE scoring_id = ?"
        return int(self.context.lake.query(query, [self.scoring])["n"][0].as_py())

    def compute_key(self) -> StageKey:
        """Hash the scores and everything else that the selector sees, and its settings, budget and seed."""
        config, inputs = self.context.config.select, self.inputs
        fitted = [self.selector.expected_improvement] if config.settings.get("expected_improvement") == "fitted" else []
        fitted += signal_key(self.selector)
        further = further_evidence(self.context, inputs, self.selector)
        evidence = content_id("evidence", score_ids(self.context, self.scoring), *further, *fitted)
        evidence_key = (evidence, str(inputs.of("embed").key), str(inputs.of("split").key))
        corrected = ["corrected"] if config.rates == "corrected" else []
        settings = first_names("select", config.selector, config.settings)
        how = (config.selector, settings, config.budget, config.seed, *corrected, *list_version(self.selector))
        return StageKey.of(content_id("select", *evidence_key, *how))

    def remaining(self) -> Remaining:
        """Count the scored problems."""
        return Remaining(problems=self.n_scores, rows_in=self.n_scores)

    def run(self) -> StageResult:
        """Choose; every problem of the train side is kept, or dropped with a reason."""
        began, context, config = time.monotonic(), self.context, self.context.config.select
        _warn_of_another_trainer(context, self.selector)
        disputed = set_aside_as_disputed(context, self.scoring)
        ids = [id_ for id_ in side_ids(context, self.inputs, "train") if id_ not in disputed]
        queries = {**rate_queries(context, self.scoring), **queries_of(self.selector)}
        pool, unscored = scored_pool(context, self.inputs, self.selector.needs, ids, queries)
        selection = select_from(pool, self.selector, config.selector, budget=config.budget, seed=config.seed)
        dropped_ids = {
            **selection.dropped,
            **({"unscored": unscored} if unscored else {}),
            **({"disputed": tuple(sorted(disputed))} if disputed else {}),
        }
        _warn_of_budget(context, pool, len(unscored), len(selection.ids))
        _warn_of_evidence(context, self.scoring, selection.ids)
        rows = _rows(self.key.rows, selection, dropped_ids, context.run)
        reasons = {reason: len(ids) for reason, ids in dropped_ids.items() if ids}
        detail = {"dropped": reasons, "scoring": self.scoring}
        seconds = time.monotonic() - began
        return context.finish(
            StageResult(self.name, self.key, len(rows), len(selection.ids), detail, seconds), {"selections": rows}
        )


def rate_queries(context: RunContext, scoring: str) -> dict[str, str]:
    """Return the queries of the corrected rates, by the column in whose place they stand; none for observed ones.

    Raises:
        ConfigError: no score of this scoring carries a corrected rate.
    """
    if context.config.select.rates == "observed":
        return {}
    count_query = "SELECT count(corrected) AS n FROM current_scores WHERE scoring_id = ?"
    if not context.lake.rows(count_query, [scoring])[0]["n"]:
        raise ConfigError(
            'select.rates = "corrected" but no score has a corrected rate: set score.verifier_errors = "corrected", '
            "and mark answers with `curate audit CONFIG --sheet CSV`"
        )
    return RATE_QUERIES


def _rows(key: str, selection: Selection, dropped_ids: Mapping[str, Sequence[str]], run: str) -> pa.Table:
    """Return what was kept and what was dropped as rows of `selections`, problem ids ascending."""
    n_kept, drop_counts = len(selection.ids), [(reason, len(ids)) for reason, ids in dropped_ids.items()]
    pool_ids = pa.chunked_array([pa.array(ids, pa.string()) for ids in (selection.ids, *dropped_ids.values())])
    zeros = np.zeros(sum(many for _, many in drop_counts))
    reasons = [pa.repeat(pa.scalar(reason), many) for reason, many in (("", n_kept), *drop_counts)]
    rows = pa.table(
        {
            "problem_id": pool_ids,
            "kept": np.arange(n_kept + len(zeros)) < n_kept,
            "weight": np.concatenate([np.array(selection.weights, dtype=np.float64), zeros]),
            "reason": pa.chunked_array(reasons, pa.string()),
        }
    ).sort_by("problem_id")
    ids = pa.chunked_array(
        [
            pa.array(content_ids("selection", key, last=batch["problem_id"].to_pylist()), pa.string())
            for batch in rows.to_batches(max_chunksize=ROWS)
        ],
        pa.string(),
    )
    constants = {name: pa.repeat(pa.scalar(value), len(rows)) for name, value in (("selection_id", key), ("run", run))}
    return pa.table({"id": ids, **dict(zip(rows.column_names, rows.columns)), **constants})


def set_aside_as_disputed(context: RunContext, scoring: str) -> set[str]:
    """Return the disputed problems, which no selector sees; none in lenient mode, where their pass rate counts."""
    return disputed_ids(context, scoring) if context.mode == "strict" else set()


def select_from(pool: Pool, part: Any, name: str, *, budget: int, seed: int) -> Selection:
    """Let a selector choose from a pool, and check that it accounts for every problem.

    Raises:
        ConfigError: the selector refuses a value of the pool, which it names, or loses or invents a problem.
    """
    try:
        selection = part.select(pool, budget, np.random.default_rng(derive_seed("select", seed)))
    except (ValueError, LookupError) as error:
        raise ConfigError(f"selector {name!r}: {error}") from error
    if not isinstance(selection, Selection):
        raise ConfigError(
            f"selector {name!r} returns a {type(selection).__name__}; the select of a class returns an "
            "assay.core.types.Selection, ids alone may come from a plain function"
        )
    _check_conserved(name, pool, selection.ids, selection.dropped)
    return selection


def _warn_of_budget(context: RunContext, pool: Pool, unscored: int, n_chosen: int) -> None:
    """Warn where fewer problems are kept than the budget allows, and say why."""
    config = context.config.select
    if not config.budget:
        context.reporter.warn("select.budget = 0: nothing is kept")
    elif config.budget > len(pool):
        beside = f" ({unscored} more are unscored)" if unscored else ""
        context.reporter.warn(
            f"select.budget = {config.budget} is above the pool of {len(pool)}{beside}: "
            "all problems are kept unless the selector drops them"
        )
    if n_chosen < min(config.budget, len(pool)):
        context.reporter.warn(
            f"{config.selector!r} keeps {n_chosen} of {len(pool)} problems, fewer than the budget of {config.budget}; "
            "the drop reasons of the others say why"
        )


def _warn_of_evidence(context: RunContext, scoring: str, chosen_ids: Sequence[str]) -> None:
    """Warn where the attempts say too little to choose by: none is right, most were cut, or most of what was chosen is
    unsolved because the model solves next to nothing.
    """
    counted_outcomes = (
        "SELECT coalesce(sum(n_wrong), 0) AS wrong, coalesce(sum(n_correct), 0) AS correct, "
        "coalesce(sum(n_truncated), 0) AS cut, coalesce(sum(n_error), 0) AS error, max(reward_sd) AS spread, "
        "count(*) FILTER (n_correct = 0 AND problem_id IN (SELECT unnest(?::VARCHAR[]))) AS unsolved "
        "FROM current_scores WHERE scoring_id = ?"
    )
    row = context.lake.rows(counted_outcomes, [list(chosen_ids), scoring])[0]
    judged = int(row["wrong"] + row["correct"])
    if row["wrong"] and not row["correct"] and not row["spread"]:
        context.reporter.warn(
            f"none of {row['wrong']} graded attempts is correct, and groups without a correct one teach nothing: look at "
            "the prompt as the model reads it (policy.template), at the gold answers, and at some answers (`curate sql`)"
        )
    elif not judged and (row["cut"] or row["error"]):
        worst = "truncated" if row["cut"] >= row["error"] else "error"
        context.reporter.warn(
            f"none of {row['cut'] + row['error']} attempts can be counted ({row['cut']} truncated at the cap, {row['error']} "
            f"not graded), so the scores carry no information: {REMEDIES[worst]}"
        )
    elif row["unsolved"] > len(chosen_ids) / 2 and not row["spread"] and row["correct"] < RARE * judged:
        n_counted = judged + (row["cut"] if context.config.policy.truncated == "wrong" else 0)
        context.reporter.warn(
            f"{row['unsolved']} of {len(chosen_ids)} chosen problems have no correct attempt, and only {row['correct']} "
            f"of {n_counted} attempts are correct: these problems were chosen because little is known about them, and "
            "groups without a correct attempt teach nothing. Try a stronger model, easier problems or another prompt "
            "(policy.template) before you train"
        )
    if judged and row["cut"] > judged:
        counted = "count as wrong" if context.config.policy.truncated == "wrong" else "say nothing about difficulty"
        context.reporter.warn(
            f"{row['cut']} of {row['cut'] + judged} attempts were truncated at policy.max_tokens and {counted}: "
            f"{REMEDIES['truncated']}"
        )


def _warn_of_another_trainer(context: RunContext, part: Any) -> None:
    """Warn where the selection assumes other training settings than those of `[train]`; two defaults are no warning."""
    train, policy = context.config.train, context.config.policy
    if getattr(part, "group_size", train.group_size) != train.group_size:
        context.reporter.warn(
            f"select.group_size = {part.group_size}, but train.group_size = {train.group_size}, so the selection "
            "assumes a different group size than training"
        )
    if train.truncated not in (None, policy.truncated):
        context.reporter.warn(
            f"policy.truncated = {policy.truncated!r}, but train.truncated = {train.truncated!r}: truncated attempts count "
            "differently in training than in these scores; remove train.truncated to count them alike"
        )


def _check_conserved(selector: str, pool: Pool, chosen_ids: tuple[str, ...], dropped_ids: Any) -> None:
    pool_ids = list(chain(chosen_ids, *dropped_ids.values()))
    texts = all(isinstance(id_, str) for id_ in pool_ids)
    if texts and len(pool_ids) == len(pool) and all(map(eq, sorted(pool_ids), pool.ids)):
        return
    accounted = Counter(pool_ids)
    wrong = sorted((accounted - Counter(pool.ids)) + (Counter(pool.ids) - accounted))
    raise ConfigError(
        f"selector {selector!r} returned {len(pool_ids)} problems for a pool of {len(pool)}; "
        f"the first wrong one: {wrong[0]}"
    )
