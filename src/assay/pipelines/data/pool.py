"""The pool that a part sees: ids, and exactly the columns that it needs, joined from scores, metadata, vectors and clusters.

A problem that lacks one of them leaves as `unscored`; no missing value becomes a number.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from assay.core.errors import ConfigError, suggest_names
from assay.core.types import Pool
from assay.pipelines.context.results import StageResult, StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.embeddings import stored_vectors

SCORE_COLUMNS = ("post_a", "post_b", "mean", "low", "high", "correct", "wrong", "truncated", "error")
SEARCH_COLUMNS = ("K", "censored")  # of the scorer `mcts`
PROBLEM_COLUMNS = ("source", "length")
SEARCHED = (
    "SELECT * FROM scores WHERE scorer = 'mcts' AND policy = ? QUALIFY row_number() OVER "
    "(PARTITION BY problem_id ORDER BY correct + wrong + truncated + error DESC, id) = 1 ORDER BY problem_id"
)
TRAINED = """
SELECT t.problem_id, min(s.place) AS round FROM (SELECT DISTINCT problem_id, run FROM rollouts WHERE step IS NOT NULL) t
JOIN (SELECT run, dense_rank() OVER (ORDER BY time, run) AS place FROM runs WHERE event = 'start'
      AND run IN (SELECT run FROM rollouts WHERE step IS NOT NULL)) s USING (run)
GROUP BY t.problem_id ORDER BY t.problem_id
"""
Values = dict[str, Any]  # by problem id; an id that is not there lacks the value


def scored_pool(
    context: RunContext, inputs: StageResults, scores: list[dict[str, Any]], needs: Sequence[str], ids: list[str]
) -> tuple[Pool, tuple[str, ...]]:
    """The pool with exactly the columns that a part needs, and the ids that lack one of them.

    Raises:
        ConfigError: no stage makes such a column and no source kept such a field.
    """
    found = {name: _values(context, inputs, name, ids, scores) for name in needs if name not in ("cluster", "vectors")}
    clusters = _from_stage(context, inputs.of("embed"), "cluster") if "cluster" in needs else {}
    have = [
        id_
        for id_ in ids
        if all(id_ in values for values in found.values()) and ("cluster" not in needs or id_ in clusters)
    ]
    vectors = None
    if "vectors" in needs:
        have, vectors = stored_vectors(context, have, str(inputs.of("embed").detail.get("encoder", "")))
    columns = {name: np.array([values[id_] for id_ in have]) for name, values in found.items()}
    cluster = np.array([clusters[id_] for id_ in have], dtype=np.int64) if "cluster" in needs else None
    return Pool(tuple(have), columns, vectors, cluster), tuple(sorted(set(ids) - set(have)))


def further_evidence(context: RunContext, inputs: StageResults, needs: Sequence[str]) -> list[str]:
    """What a part reads beside the config's own scoring and clusters: a search's scores, training rounds, further stages."""
    searched = [row["id"] for row in _searched(context)] if set(needs) & set(SEARCH_COLUMNS) else []
    trained = [f"{row['problem_id']} {row['round']}" for row in context.lake.rows(TRAINED)] if "round" in needs else []
    return [*searched, *trained, *stage_evidence(inputs, needs)]


def stage_evidence(inputs: StageResults, needs: Sequence[str]) -> list[str]:
    """The keys of the stages whose columns a part needs; those of `embed` are in the part's key already."""
    return [
        f"{result.stage} {result.key}"
        for result in inputs
        if result.stage != "embed" and not set(needs).isdisjoint(result.columns)
    ]


def _values(
    context: RunContext, inputs: StageResults, name: str, ids: list[str], scores: list[dict[str, Any]]
) -> Values:
    """One column by problem id, only for problems that have it."""
    if (stage := _maker(inputs, name)) is not None:
        return _from_stage(context, stage, name)
    if name in SCORE_COLUMNS:
        told = (row for row in scores if (row["low"], row["high"]) != (0.0, 1.0))  # [0, 1]: no attempt told anything
        column = "value" if name == "mean" else name
        return {row["problem_id"]: row[column] for row in told if row[column] is not None}
    if name in SEARCH_COLUMNS:
        own = [row for row in scores if row["scorer"] == "mcts"] or _searched(
            context
        )  # K: iterations before the right one; value counts it
        return {row["problem_id"]: row["value"] - 1 if name == "K" else row["censored"] for row in own}
    if name == "round":  # the first training run that met the problem, counted from 1; 0 = none
        return dict.fromkeys(ids, 0) | {row["problem_id"]: row["round"] for row in context.lake.rows(TRAINED)}
    if name in PROBLEM_COLUMNS:
        column = {"source": "source", "length": "characters"}[name]
        rows = context.lake.rows(
            f"SELECT id, {column} AS v FROM problems WHERE id IN (SELECT unnest(?::VARCHAR[]))", [ids]
        )
        return {row["id"]: row["v"] for row in rows}
    return _kept(context, inputs, name, ids)


def _kept(context: RunContext, inputs: StageResults, name: str, ids: list[str]) -> Values:
    """A field that the source kept; numbers stay numbers where all of them are, else all become texts."""
    rows = context.lake.rows("SELECT id, metadata FROM problems WHERE id IN (SELECT unnest(?::VARCHAR[]))", [ids])
    fields = {row["id"]: json.loads(row["metadata"]) for row in rows}
    values = {id_: given[name] for id_, given in fields.items() if _plain(given.get(name))}
    if ids and not values:
        by_stages = [column for result in inputs for column in result.columns]
        made = (*SCORE_COLUMNS, *SEARCH_COLUMNS, *PROBLEM_COLUMNS, *by_stages, "round")
        kept = sorted({key for given in fields.values() for key, value in given.items() if _plain(value)})
        told = f"no stage makes the column {name!r}, and no source kept such a field for one of {len(ids)} problems"
        raise ConfigError(f"{told} (`keep` of a source); {suggest_names(name, [*made, *kept])}")
    numeric = all(isinstance(value, int | float) for value in values.values())
    return {id_: value if numeric else str(value) for id_, value in values.items()}


def _plain(value: object) -> bool:
    return isinstance(value, int | float | str) and value != ""


def _searched(context: RunContext) -> list[dict[str, Any]]:
    return context.lake.rows(SEARCHED, [context.engine.policy.revision])


def _maker(inputs: StageResults, name: str) -> StageResult | None:
    """The stage that knows this column of each problem, None where none does."""
    return next((result for result in inputs if name in result.columns), None)


def _from_stage(context: RunContext, result: StageResult, name: str) -> Values:
    """A column that a stage has written; a problem without a value lacks it."""
    rows = context.lake.rows(result.columns[name], [result.key.rows])
    return {row["problem_id"]: row["value"] for row in rows if row["value"] is not None}
