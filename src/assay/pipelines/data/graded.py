"""Stored attempts with their present verdicts, problem by problem, a slice of the pool at a time."""

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

LabelsOf = Callable[[Sequence[str]], Mapping[str, Label]]
MAKE: Any = tuple.__new__  # of a GradedAttempt: its own constructor takes five times as long
SLICE = 20_000  # problems in memory at once
WANTED = """
SELECT unnest(?::VARCHAR[]) AS problem_id, unnest(?::VARCHAR[]) AS label_id, unnest(?::VARCHAR[]) AS version
"""
JUDGED = f"""
FROM judged_attempts(?) r JOIN ({WANTED}) w
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


def iterate_attempted(
    context: RunContext,
    labels_of: LabelsOf,
    ids: Sequence[str],
    respondent: tuple[str, str],
    *,
    texts: bool = False,
    seen: Callable[[Mapping[str, str]], None] = lambda outcomes: None,
) -> Iterator[AttemptedProblem]:
    """Yield problems of the train side with their judged attempts, in the order of the ids.

    Args:
        context: the run.
        labels_of: returns the labels of some problems.
        ids: problem ids, ascending.
        respondent: policy revision and sampler id of the attempts.
        texts: whether completions are read.
        seen: receives the outcomes of each slice's attempts by rollout id, before its first problem.
    """
    for start in range(0, len(ids), SLICE):
        labels = labels_of(ids[start : start + SLICE])
        yield from read_attempted(context, labels, respondent, texts=texts, seen=seen)


def read_attempted(
    context: RunContext,
    labels: Mapping[str, Label],
    respondent: tuple[str, str],
    *,
    texts: bool = False,
    seen: Callable[[Mapping[str, str]], None] = lambda outcomes: None,
) -> Iterator[AttemptedProblem]:
    """Yield the problems of these labels with their judged attempts, ids ascending.

    Args:
        context: the run.
        labels: by problem id.
        respondent: policy revision and sampler id of the attempts.
        texts: whether completions are read.
        seen: as of `iterate_attempted`.
    """
    query = GRADED.format(text="t.text", reason=", r.reason") if texts else GRADED.format(text="''", reason="")
    table = context.lake.query(query, [context.mode, *wanted_verdicts(context, labels, respondent), *respondent])
    columns = [_values(table[name]) for name in GradedAttempt._fields if name in table.column_names]
    if not texts:
        columns.append([""] * len(table))  # reasons
    fields = dict(zip(GradedAttempt._fields, columns, strict=False))
    seen(dict(zip(fields["rollout_id"], fields["outcome"], strict=True)))
    with collection_paused():  # of so many new tuples none is garbage
        rows: list[GradedAttempt] = list(map(MAKE, repeat(GradedAttempt), zip(*columns, strict=True)))
        runs = pc.run_end_encode(table["problem_id"].combine_chunks())  # the query orders by problem
        ends = runs.run_ends.to_pylist()
        bounds = zip(runs.values.to_pylist(), [0, *ends], ends, strict=False)
        attempts = {id_: rows[begin:end] for id_, begin, end in bounds}
    for id_, label in sorted(labels.items()):
        yield AttemptedProblem(id_, label, attempts.get(id_, []))


def _values(column: pa.ChunkedArray) -> list[Any]:
    """Return the values of a column; through numpy, which makes them five times as fast as `to_pylist`."""
    return list(column.to_pylist() if column.null_count else column.to_numpy().tolist())


def tally_attempts(
    context: RunContext, labels_of: LabelsOf, ids: Sequence[str], respondent: tuple[str, str], *, distinct: bool
) -> dict[str, tuple[int, int]]:
    """Count right answers and attempts by problem id; a problem without attempts is absent.

    Args:
        context: the run.
        labels_of: returns the labels of some problems.
        ids: of problems of the train side.
        respondent: policy revision and sampler id of the attempts.
        distinct: whether equal right answers count once.
    """
    tallies: dict[str, tuple[int, int]] = {}
    query = TALLIES.format(what="DISTINCT md5(trim(t.text))", texts="JOIN completions t ON t.id = r.rollout_id")
    if not distinct:
        query = TALLIES.format(what="*", texts="")  # texts are read where equal ones count once
    for start in range(0, len(ids), SLICE):
        labels = labels_of(ids[start : start + SLICE])
        wanted = wanted_verdicts(context, labels, respondent)
        table = context.lake.query(query, [context.mode, *wanted, *respondent])
        columns = [_values(column) for column in table.columns]
        tallies.update((id_, (right, n)) for id_, right, n in zip(*columns, strict=True))
    return tallies


def attempts_fingerprint(
    context: RunContext, labels_of: LabelsOf, ids: Sequence[str], respondent: tuple[str, str]
) -> list[str]:
    """Return how many judged attempts the problems have, and a hash of their outcomes, whatever their order."""
    n, outcomes = 0, 0
    for start in range(0, len(ids), SLICE):
        labels = labels_of(ids[start : start + SLICE])
        wanted = wanted_verdicts(context, labels, respondent)
        row = context.lake.rows(FINGERPRINT, [context.mode, *wanted, *respondent])[0]
        n, outcomes = n + row["n"], outcomes ^ int(row["hash"] or 0)
    return [str(n), str(outcomes if n else None)]


def wanted_verdicts(context: RunContext, labels: Mapping[str, Label], respondent: tuple[str, str]) -> list[list[str]]:
    """Return the parameters of `WANTED`: problems, their labels, and `name@version` of the verdicts that count.

    Of imported attempts these are the verdicts that came with them, where any did.
    """
    may_be_imported = context.imported is not None or context.config.synthesize.policy
    imported = list_imported_verifiers(context.lake, *respondent) if may_be_imported else []
    verifiers = {label.verifier for label in labels.values()}
    versions = {name: imported[0] if imported else f"{name}@{context.judge.version(name)}" for name in verifiers}
    return [
        list(labels),
        [label.id for label in labels.values()],
        [versions[label.verifier] for label in labels.values()],
    ]
