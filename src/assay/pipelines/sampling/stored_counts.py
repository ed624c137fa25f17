"""Outcomes of stored attempts as columns, for scoring where nothing is left to draw: no object per problem.

It serves a scorer whose score of a problem depends on the problem's counts alone
(`core.hooks.ScorerHooks.counts_alone`). Problems with equal counts share all of their score but the ids, so a score is
worked out once per combination of counts.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assay.core.identity import varied_ids
from assay.core.types import Counts
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import SIDE, side_parameters, side_verifiers
from assay.pipelines.sampling.refusals import known_refusals
from assay.stores.renames import first_names
from assay.stores.tables import schema

OUTCOMES = ("correct", "wrong", "truncated", "error")  # as in `Counts`
COUNTS = (
    SIDE
    + """,
labelled AS (SELECT s.problem_id, s.label_id, l.verifier FROM side s JOIN labels l ON l.id = s.label_id),
judged AS (
    SELECT w.problem_id, counted(v.outcome, v.lenient, ?) AS outcome, v.outcome AS strict, v.reward, v.lenient
    FROM rollouts r JOIN labelled w ON w.problem_id = r.problem_id
    LEFT JOIN verdicts v ON v.rollout_id = r.id AND v.label_id = w.label_id AND v.verifier = w.verifier
                        AND v.verifier || '@' || v.version IN (SELECT unnest(?::VARCHAR[]))
    WHERE r.policy = ? AND r.sampler = ? AND NOT r.guided AND r.extends IS NULL
),
counts AS (
    SELECT problem_id, count(*)::INT AS n, (count(*) FILTER (outcome IS NULL))::INT AS unjudged,
           (count(*) FILTER (outcome = 'correct'))::INT AS correct,
           (count(*) FILTER (outcome IN ('wrong', 'unparsable')))::INT AS wrong,
           (count(*) FILTER (outcome = 'truncated'))::INT AS truncated,
           (count(*) FILTER (outcome = 'verifier_error'))::INT AS error,
           (count(*) FILTER (reward <> (strict = 'correct')::DOUBLE AND strict <> 'verifier_error'))::INT AS graded,
           count(*) FILTER (strict = 'correct') = 0
           AND count(*) FILTER (counted(strict, lenient, 'lenient') = 'correct') > 0 AS disputed
    FROM judged GROUP BY problem_id
)
SELECT w.problem_id, w.verifier, c.* EXCLUDE (problem_id) FROM labelled w LEFT JOIN counts c USING (problem_id)
ORDER BY w.problem_id
"""
)
ROWS = 100_000  # scores of a commit, so that memory holds the rows of one
PLACE = "#" * 24  # stands for a problem's id in what problems with equal counts have in common


@dataclass(frozen=True, slots=True)
class StoredCounts:
    """The counts of one side's problems, as columns.

    Attributes:
        table: `problem_id`, ascending, `verifier`, and per problem the stored attempts (`n`), how many of them the
            present verifier has not judged, the counts by outcome, and whether it is `disputed`.
        refused: which of the problems a server refused before, (n,).
    """

    table: pa.Table
    refused: NDArray[np.bool_]

    @property
    def n(self) -> NDArray[np.int64]:
        """Stored attempts by problem."""
        return np.asarray(pc.fill_null(self.table["n"], 0).to_numpy(), dtype=np.int64)

    @property
    def attempted(self) -> pa.Table:
        """The rows of problems with an attempt."""
        has_some = pc.greater(pc.fill_null(self.table["n"], 0), 0)
        return self.table if pc.all(has_some).as_py() else self.table.filter(has_some)  # a filter copies

    def lacking(self, n: int) -> tuple[int, int]:
        """Count the problems with fewer than n attempts, and the attempts that they lack together."""
        short = np.where(self.refused, 0, np.maximum(n - self.n, 0))
        return int((short > 0).sum()), int(short.sum())

    def settled(self, n: int) -> bool:
        """Whether no attempt is missing, each is judged by the present verifier, and there is one at least."""
        n_unjudged = pc.sum(self.table["unjudged"]).as_py() or 0
        return bool(len(self.table)) and self.lacking(n) == (0, 0) and not n_unjudged and bool(self.n.any())


def read_counts(context: RunContext, inputs: StageResults) -> StoredCounts | None:
    """Count the stored attempts of the train side.

    Returns:
        None where counts do not say all: attempts that were imported or extended, graded rewards, further terms of the
        reward, scores that are corrected for verifier errors.
    """
    config, sampler = context.config, context.sampler.id
    if context.imported is not None or config.train.reward.terms.key or config.score.verifier_errors != "ignore":
        return None
    if context.lake.query("SELECT 1 FROM extensions WHERE sampler = ? LIMIT 1", [sampler]).num_rows:
        return None
    versions = [context.verifier_version(verifier) for verifier in side_verifiers(context, inputs, "train")]
    parameters = [*side_parameters(inputs, "train"), context.mode, versions, context.policy.revision, sampler]
    table = context.lake.query(COUNTS, parameters)
    if pc.sum(table["graded"]).as_py():
        return None
    is_refused = _refused(context, table["problem_id"])
    return StoredCounts(table, is_refused)


def _refused(context: RunContext, ids: pa.ChunkedArray) -> NDArray[np.bool_]:
    n_refusals = context.lake.query("SELECT 1 FROM drops WHERE stage = 'score' LIMIT 1").num_rows
    refusals = known_refusals(context, context.policy, context.sampler, set(ids.to_pylist())) if n_refusals else {}
    return np.asarray(pc.is_in(ids, value_set=pa.array(list(refusals), pa.string())).to_numpy())


def score_tables(
    counts: StoredCounts, describe: Callable[[str, Counts, str, bool], Mapping[str, Any]], run: str
) -> Iterator[pa.Table]:
    """Yield the rows of `scores` of all problems with an attempt, ROWS at a time, problem ids ascending.

    Args:
        counts: of the problems.
        describe: gives the row of a problem by its id, counts, verifier, and whether it is disputed.
        run: id of the run.
    """
    table = counts.attempted
    verifiers = pc.unique(table["verifier"])
    for start in range(0, len(table), ROWS):
        yield _score_table(table.slice(start, ROWS), verifiers, describe, run)


def _score_table(
    table: pa.Table, verifiers: pa.Array, describe: Callable[[str, Counts, str, bool], Mapping[str, Any]], run: str
) -> pa.Table:
    kinds = [table[name].to_numpy() for name in (*OUTCOMES, "disputed")]
    kinds.append(pc.index_in(table["verifier"], value_set=verifiers).to_numpy())
    distinct, kind = np.unique(np.stack(kinds, axis=1).astype(np.int64), axis=0, return_inverse=True)
    rows = [
        {**describe(PLACE, Counts(*row[:4]), verifiers[row[5]].as_py(), bool(row[4])), "run": run}
        for row in distinct.tolist()
    ]
    whole = pa.Table.from_pylist(rows, schema=schema("scores")).take(pa.array(kind.ravel()))
    ids = _score_ids(rows, kind.ravel(), table["problem_id"].to_pylist())
    columns = {
        **dict(zip(whole.column_names, whole.columns, strict=True)),
        "id": ids,
        "problem_id": table["problem_id"],
    }
    return pa.table([columns[name] for name in whole.column_names], schema=whole.schema)


def _score_ids(rows: list[dict[str, Any]], kind: NDArray[np.int64], ids: list[str]) -> pa.Array:
    """Return the id of each problem's score; only the problem's own id differs between scores of one kind."""
    score_ids = np.empty(len(ids), dtype=object)
    for number, row in enumerate(rows):
        content = first_names("scores", {name: value for name, value in row.items() if name not in ("id", "run")})
        own = np.flatnonzero(kind == number)
        score_ids[own] = varied_ids("score", content, place=PLACE, values=[ids[place] for place in own.tolist()])
    return pa.array(score_ids, pa.string())
