"""Stored attempts with their present verdicts, problem by problem: a pool is one query, whose answer is read as a stream."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assay.core.collection import collection_paused
from assay.core.synthesis import AttemptedProblem, GradedAttempt
from assay.core.types import Label
from assay.pipelines.context.imported import list_imported_verifiers
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import SideLabels

MAKE: Any = tuple.__new__  # of a GradedAttempt: its own constructor takes five times as long
ROWS = 100_000  # attempts in memory at once
# `wanted` is a table of problems, their labels, and `name@version` of the verdicts that count
JUDGED = """
FROM judged_attempts(?) r JOIN wanted w
  ON w.problem_id = r.problem_id AND w.label_id = r.label_id AND w.version = r.judge
"""
GRADED = f"""
SELECT r.problem_id, r.rollout_id, r.sample, r.counts AS outcome, coalesce(r.extracted, '') AS answer, r.tokens,
       {{text}} AS text, md5(trim(t.text)) AS digest, r.policy{{reason}}
{JUDGED} JOIN completions t ON t.id = r.rollout_id WHERE r.policy = ? AND r.sampler = ?
ORDER BY r.problem_id, r.sample
"""
TALLIES = f"""
SELECT r.problem_id, count({{what}}) FILTER (r.counts = 'correct') AS n_correct, count(*) AS n
{JUDGED} {{texts}} WHERE r.policy = ? AND r.sampler = ? GROUP BY ALL
"""
FINGERPRINT = f"""
SELECT count(*) AS n, bit_xor(md5_number_lower(r.id || r.counts))::VARCHAR AS hash
{JUDGED} WHERE r.policy = ? AND r.sampler = ?
"""
Outcomes = Callable[[Mapping[str, str]], None]


def iterate_attempted(
    context: RunContext,
    labels: SideLabels,
    respondent: tuple[str, str],
    *,
    texts: bool = False,
    seen: Outcomes = lambda outcomes: None,
) -> Iterator[AttemptedProblem]:
    """Yield all problems of a side with their judged attempts, ids ascending.

    Args:
        context: the run.
        labels: of the side.
        respondent: policy revision and sampler id of the attempts.
        texts: whether completions are read.
        seen: receives the outcomes of some attempts by rollout id, before the first of their problems.
    """
    given = {"wanted": wanted_of_side(context, labels, respondent)}
    batches = context.lake.stream(_graded(texts), [context.mode, *respondent], rows=ROWS, given=given)
    groups = _group_by_problem(batches, texts, seen)
    id_, attempts = next(groups, ("", []))
    for label in labels:
        if label.problem_id == id_:
            yield AttemptedProblem(id_, label, attempts)
            id_, attempts = next(groups, ("", []))
        else:
            yield AttemptedProblem(label.problem_id, label, [])


def read_attempted(
    context: RunContext, labels: Mapping[str, Label], respondent: tuple[str, str], *, texts: bool = False
) -> Iterator[AttemptedProblem]:
    """Yield the problems of these labels with their judged attempts, ids ascending.

    Args:
        context: the run.
        labels: by problem id.
        respondent: policy revision and sampler id of the attempts.
        texts: whether completions are read.
    """
    given = {"wanted": wanted_verdicts(context, labels, respondent)}
    table = context.lake.query(_graded(texts), [context.mode, *respondent], given=given)
    attempts = dict(_group_by_problem(iter(table.to_batches()), texts))
    for id_, label in sorted(labels.items()):
        yield AttemptedProblem(id_, label, attempts.get(id_, []))


def _graded(texts: bool) -> str:
    return GRADED.format(text="t.text", reason=", r.reason") if texts else GRADED.format(text="''", reason="")


def _group_by_problem(
    batches: Iterator[pa.RecordBatch], texts: bool, seen: Outcomes = lambda outcomes: None
) -> Iterator[tuple[str, list[GradedAttempt]]]:
    """Yield the attempts of each problem that has any; the batches are ordered by problem and sample."""
    last_id, last = "", list[GradedAttempt]()  # of the problem at the end of a batch, which the next one may continue
    for batch in batches:
        columns = [_values(batch[name]) for name in GradedAttempt._fields if name in batch.schema.names]
        if not texts:
            columns.append([""] * len(batch))  # reasons
        fields = dict(zip(GradedAttempt._fields, columns, strict=False))
        seen(dict(zip(fields["rollout_id"], fields["outcome"], strict=True)))
        with collection_paused():  # of so many new tuples none is garbage
            rows: list[GradedAttempt] = list(map(MAKE, repeat(GradedAttempt), zip(*columns, strict=True)))
        runs = pc.run_end_encode(batch["problem_id"])
        ends = runs.run_ends.to_pylist()
        for id_, begin, end in zip(runs.values.to_pylist(), [0, *ends], ends, strict=False):
            if id_ == last_id:
                last = last + rows[begin:end]
                continue
            if last:
                yield last_id, last
            last_id, last = id_, rows[begin:end]
    if last:
        yield last_id, last


def _values(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """Return the values of a column; through numpy, which makes them five times as fast as `to_pylist`."""
    if column.null_count:
        return list(column.to_pylist())
    values = column.to_numpy() if isinstance(column, pa.ChunkedArray) else column.to_numpy(zero_copy_only=False)
    return list(values.tolist())


def tally_attempts(
    context: RunContext, labels: SideLabels, respondent: tuple[str, str], *, distinct: bool
) -> dict[str, tuple[int, int]]:
    """Count right answers and attempts by problem id; a problem without attempts is absent.

    Args:
        context: the run.
        labels: of the side.
        respondent: policy revision and sampler id of the attempts.
        distinct: whether equal right answers count once.
    """
    query = TALLIES.format(what="DISTINCT md5(trim(t.text))", texts="JOIN completions t ON t.id = r.rollout_id")
    if not distinct:
        query = TALLIES.format(what="*", texts="")  # texts are read where equal ones count once
    given = {"wanted": wanted_of_side(context, labels, respondent)}
    table = context.lake.query(query, [context.mode, *respondent], given=given)
    ids, right, n = (_values(column) for column in table.columns)
    return dict(zip(ids, zip(right, n, strict=True), strict=True))


def attempts_fingerprint(context: RunContext, labels: SideLabels, respondent: tuple[str, str]) -> list[str]:
    """Return how many judged attempts a side has, and a hash of their outcomes, whatever their order."""
    given = {"wanted": wanted_of_side(context, labels, respondent)}
    row = context.lake.query(FINGERPRINT, [context.mode, *respondent], given=given).to_pylist()[0]
    return [str(row["n"]), str(row["hash"] if row["n"] else None)]


def wanted_of_side(context: RunContext, labels: SideLabels, respondent: tuple[str, str]) -> pa.Table:
    """Return the table `wanted` of all problems of a side."""
    rows = labels.rows
    verifiers = rows["verifier"].combine_chunks().dictionary_encode()
    versions = _versions(context, verifiers.dictionary.to_pylist(), respondent)
    version = pa.DictionaryArray.from_arrays(verifiers.indices, pa.array(versions, pa.string()))
    return pa.table({"problem_id": rows["problem_id"], "label_id": rows["id"], "version": version.cast(pa.string())})


def wanted_verdicts(context: RunContext, labels: Mapping[str, Label], respondent: tuple[str, str]) -> pa.Table:
    """Return the table `wanted` of these problems."""
    verifiers = sorted({label.verifier for label in labels.values()})
    versions = dict(zip(verifiers, _versions(context, verifiers, respondent), strict=True))
    columns = {
        "problem_id": list(labels),
        "label_id": [label.id for label in labels.values()],
        "version": [versions[label.verifier] for label in labels.values()],
    }
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def _versions(context: RunContext, verifiers: Sequence[str], respondent: tuple[str, str]) -> list[str]:
    """Return `name@version` of the verdicts that count for each verifier.

    Of imported attempts these are the verdicts that came with them, where any did.
    """
    may_be_imported = context.imported is not None or context.config.synthesize.policy
    imported = list_imported_verifiers(context.lake, *respondent) if may_be_imported else []
    return [imported[0] if imported else f"{name}@{context.judge.version(name)}" for name in verifiers]
