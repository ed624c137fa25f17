"""The pool that a selector or a curriculum sees: ids, and exactly the columns that it needs.

Columns come from stages (`Stage.columns`), from the problems and the fields that their source kept, and from queries of
selectors and curricula. A problem that lacks one of them is left out as `unscored`; no missing value becomes a number.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assay.core.errors import ConfigError, suggest_names
from assay.core.functions import hash_source
from assay.core.identity import content_id
from assay.core.types import Pool
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.embeddings import stored_vectors
from assay.pipelines.data.rewards import reward_columns

SEARCH_COLUMNS = {
    "K": "value - 1",
    "censored": "censored",
}  # of the scorer `mcts`; K: iterations before the first right one
PROBLEM_COLUMNS = {"source": "source", "length": "characters"}
SEARCHED = (
    "SELECT * FROM scores WHERE scorer = 'mcts' AND policy = ? QUALIFY row_number() OVER "
    "(PARTITION BY problem_id ORDER BY n_correct + n_wrong + n_truncated + n_error DESC, id) = 1 ORDER BY problem_id"
)
TRAINED = """
SELECT t.problem_id, min(s.place) AS round FROM (SELECT DISTINCT problem_id, run FROM rollouts WHERE step IS NOT NULL) t
JOIN (SELECT run, dense_rank() OVER (ORDER BY time, run) AS place FROM runs WHERE event = 'start'
      AND run IN (SELECT run FROM rollouts WHERE step IS NOT NULL)) s USING (run)
GROUP BY t.problem_id ORDER BY t.problem_id
"""
NO_QUERIES: Mapping[str, str] = {}
# an Arrow column or a list: one value per id that was asked for, in their order; null = the problem lacks it
Values: TypeAlias = Any


def scored_pool(
    context: RunContext,
    inputs: StageResults,
    needs: Sequence[str],
    ids: Sequence[str],
    queries: Mapping[str, str] = NO_QUERIES,
) -> tuple[Pool, tuple[str, ...]]:
    """Make the pool with exactly the columns that a part needs, and the rewards' posterior beside those of scores.

    Args:
        context: the run.
        inputs: the results of the stages that know the columns.
        needs: names of columns, or "cluster" and "vectors".
        ids: of the problems, ascending.
        queries: of the columns that parts bring themselves (`queries_of`).

    Returns:
        The pool, and the ids of the problems that lack one of these.

    Raises:
        ConfigError: no stage makes such a column and no source kept such a field.
    """
    values = _columns(context, inputs, [name for name in needs if name != "vectors"], ids, queries)
    rows = np.flatnonzero(np.logical_and.reduce([np.ones(len(ids), np.bool_), *map(_are_known, values.values())]))
    vectors = None
    if "vectors" in needs:
        encoder = str(inputs.of("embed").detail.get("encoder", ""))
        having, vectors = stored_vectors(context, [ids[row] for row in rows.tolist()], encoder)
        encoded = set(having)
        rows = np.array([row for row in rows.tolist() if ids[row] in encoded], dtype=np.int64)
    columns = {name: _take(column, rows) for name, column in values.items() if name != "cluster"}
    cluster = _take(values["cluster"], rows).astype(np.int64) if "cluster" in needs else None
    pool_ids = tuple(map(ids.__getitem__, rows.tolist()))
    columns |= {
        name: column for name, column in reward_columns(context, inputs, needs, pool_ids).items() if name not in columns
    }
    lacks = np.ones(len(ids), np.bool_)
    lacks[rows] = False
    return Pool(pool_ids, columns, vectors, cluster), tuple(map(ids.__getitem__, np.flatnonzero(lacks).tolist()))


def list_version(part: Any) -> list[str]:
    """Return the version of a part from outside as part of a key: its own, or the hash of its class's file.

    A part of this package has none, so that keys stay.
    """
    outside = not type(part).__module__.startswith("assay.")
    version = getattr(part, "version", "") or (hash_source(type(part)) if outside else "")
    return [version] if version else []


def queries_of(*parts: Any) -> dict[str, str]:
    """Return the queries for the columns that selectors or curricula define themselves (`core.hooks.PoolHooks`)."""
    return {name: query for part in parts for name, query in getattr(part, "queries", {}).items()}


def further_evidence(context: RunContext, inputs: StageResults, part: Any) -> list[str]:
    """List what a selector reads besides scoring and clusters: searches, training rounds, further columns."""
    needs = part.needs
    search_ids = [row["id"] for row in _read_searches(context)] if set(needs) & set(SEARCH_COLUMNS) else []
    trained = [f"{row['problem_id']} {row['round']}" for row in context.lake.rows(TRAINED)] if "round" in needs else []
    return [*search_ids, *trained, *column_evidence(context, inputs, part)]


def column_evidence(context: RunContext, inputs: StageResults, part: Any) -> list[str]:
    """List what is behind the further columns that a part needs: keys of stages, and values of its own queries.

    What a part reads of `score` and `embed` is in its key already.
    """
    stages = [
        f"{result.stage} {result.key}"
        for result in inputs
        if result.stage not in ("score", "embed") and not set(part.needs).isdisjoint(result.columns.expressions)
    ]
    queries = {name: query for name, query in sorted(queries_of(part).items()) if name in part.needs}
    tables = {
        name: _query_column(context, inputs, query).sort_by("problem_id").to_pydict() for name, query in queries.items()
    }
    return [*stages, *(content_id(name, rows["problem_id"], rows["value"]) for name, rows in tables.items())]


def _columns(
    context: RunContext, inputs: StageResults, needs: Sequence[str], ids: Sequence[str], queries: Mapping[str, str]
) -> dict[str, Values]:
    """Read the columns by their names, one value per id."""
    if "cluster" in needs:
        inputs.of("embed")
    columns = {
        name: _align(_query_column(context, inputs, query), ids)["value"]
        for name, query in queries.items()
        if name in needs
    }
    for result in inputs:
        if expressions := {
            name: sql for name, sql in result.columns.expressions.items() if name in needs and name not in columns
        }:
            columns |= _read_columns(context, expressions, f"FROM {result.columns.source}", [result.key.rows], ids)
    if expressions := {name: sql for name, sql in SEARCH_COLUMNS.items() if name in needs and name not in columns}:
        columns |= _read_search_columns(context, inputs, expressions, ids)
    if expressions := {name: sql for name, sql in PROBLEM_COLUMNS.items() if name in needs and name not in columns}:
        source = "FROM (SELECT *, id AS problem_id FROM problems) WHERE id IN (SELECT unnest(?::VARCHAR[]))"
        columns |= _read_columns(context, expressions, source, [list(ids)], ids)
    if "round" in needs and "round" not in columns:  # the first training run that met it, counted from 1; 0 = none
        rounds = _read_columns(context, {"round": "round"}, f"FROM ({TRAINED})", [], ids)["round"]
        columns["round"] = pc.fill_null(rounds, 0)
    return {name: columns[name] if name in columns else _read_kept_field(context, inputs, name, ids) for name in needs}


def _read_columns(
    context: RunContext, expressions: Mapping[str, str], source: str, parameters: list[Any], ids: Sequence[str]
) -> dict[str, Values]:
    """Read columns with one query, in the order of the ids."""
    columns = ", ".join(f'{sql} AS "{name}"' for name, sql in expressions.items())
    return _align(context.lake.query(f"SELECT problem_id, {columns} {source}", parameters), ids)


def _query_column(context: RunContext, inputs: StageResults, query: str) -> pa.Table:
    """Run a part's own query, whose rows are `problem_id` and `value`.

    Raises:
        ConfigError: it has two rows for a problem, or other columns.
    """
    values = {
        "policy": context.policy.revision,
        "sampler": context.sampler.id,
        "scoring": inputs.rows_of("score") if "score" in inputs else "",
    }
    table = context.lake.query(query, {name: value for name, value in values.items() if f"${name}" in query} or None)
    if set(table.column_names) != {"problem_id", "value"}:
        raise ConfigError(f"a pool column must have problem_id and value, found {table.column_names}: {query}")
    if pc.count_distinct(table["problem_id"]).as_py() != table.num_rows:
        raise ConfigError(f"a pool column must have at most one row per problem, found {table.num_rows} rows: {query}")
    if pa.types.is_decimal(table["value"].type):  # a sum of whole numbers
        return table.set_column(table.column_names.index("value"), "value", table["value"].cast(pa.float64()))
    return table


def _align(table: pa.Table, ids: Sequence[str]) -> dict[str, Values]:
    """Return a table's columns in the order of the ids, with null for an id that it lacks."""
    place = pc.index_in(pa.array(ids, pa.string()), value_set=table["problem_id"].combine_chunks())
    return {name: table[name].take(place) for name in table.column_names if name != "problem_id"}


def _read_search_columns(
    context: RunContext, inputs: StageResults, expressions: Mapping[str, str], ids: Sequence[str]
) -> dict[str, Values]:
    """Read the columns of tree searches: of the run's own scoring where it searches, else of any of this policy."""
    own = "FROM current_scores WHERE scoring_id = ? AND scorer = 'mcts'"
    scoring = [inputs.rows_of("score")] if "score" in inputs else [""]
    if context.lake.query(f"SELECT 1 {own} LIMIT 1", scoring).num_rows:
        return _read_columns(context, expressions, own, scoring, ids)
    return _read_columns(context, expressions, f"FROM ({SEARCHED})", [context.policy.revision], ids)


def _read_kept_field(context: RunContext, inputs: StageResults, name: str, ids: Sequence[str]) -> Values:
    """Read a field that the source kept; the values are numbers where all of them are, else texts."""
    query = "SELECT id, metadata FROM problems WHERE id IN (SELECT unnest(?::VARCHAR[]))"
    fields = {row["id"]: json.loads(row["metadata"]) for row in context.lake.iterate_rows(query, [list(ids)])}
    values = {id_: metadata[name] for id_, metadata in fields.items() if _plain(metadata.get(name))}
    if ids and not values:
        by_stages = [column for result in inputs for column in result.columns.expressions]
        field_names = {key for metadata in fields.values() for key, value in metadata.items() if _plain(value)}
        names = [*by_stages, *SEARCH_COLUMNS, *PROBLEM_COLUMNS, "round", *sorted(field_names)]
        problem = f"no stage makes the column {name!r}, and no source kept such a field for one of {len(ids)} problems"
        raise ConfigError(f"{problem} (`metadata_fields` of a source); {suggest_names(name, names)}")
    numeric = all(isinstance(value, int | float) for value in values.values())
    return [(values[id_] if numeric else str(values[id_])) if id_ in values else None for id_ in ids]


def _are_known(values: Values) -> NDArray[np.bool_]:
    """Return which values are there."""
    if isinstance(values, list):
        return np.array([value is not None for value in values], dtype=np.bool_)
    return np.asarray(values.is_valid().to_numpy())


def _take(values: Values, rows: NDArray[np.int64]) -> NDArray[Any]:
    """Return the values of some rows, none of them null, as an array: 64 bits a number, and texts as they are."""
    if isinstance(values, list):
        return np.array([values[row] for row in rows])
    column = values.take(pa.array(rows))
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        return np.asarray(column.to_numpy(), dtype=np.int64 if pa.types.is_integer(column.type) else np.float64)
    return np.array(column.to_pylist())


def _plain(value: object) -> bool:
    return isinstance(value, int | float | str) and value != ""


def _read_searches(context: RunContext) -> list[dict[str, Any]]:
    return context.lake.rows(SEARCHED, [context.policy.revision])
