"""Read the problems of a pool batch by batch, so that only one batch of them is in memory as objects."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from assay.core.types import Label, Message, Problem
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import to_label
from assay.stores.tables import schema

BATCH = 8_192  # problems that are objects at a time
MEMBERS = "SELECT DISTINCT problem_id FROM pool_members WHERE pool IN (SELECT unnest(?::VARCHAR[]))"
# Ids of the problems that cleaning kept; parameters as `cleaned_parameters` returns them.
CLEANED = f"SELECT problem_id FROM ({MEMBERS}) WHERE problem_id NOT IN (SELECT problem_id FROM drops WHERE key = ?)"
OWN = """
WITH own AS (SELECT problem_id, min(label_id) AS label_id, max(label_id) AS other FROM pool_members
             WHERE pool IN (SELECT unnest(?::VARCHAR[])) GROUP BY problem_id)
"""
WITH_LABEL = (
    OWN
    + """
SELECT p.*, l.id AS label_id, l.answer, l.verifier, l.origin
FROM problems p JOIN own o ON o.problem_id = p.id LEFT JOIN labels l ON l.id = o.label_id
"""
)
SEVERAL_LABELS = (
    OWN
    + """
SELECT l.* FROM labels l SEMI JOIN (
    SELECT m.label_id FROM pool_members m JOIN own o USING (problem_id)
    WHERE m.pool IN (SELECT unnest(?::VARCHAR[])) AND o.label_id <> o.other) s ON s.label_id = l.id
ORDER BY l.id
"""
)


def cleaned_parameters(inputs: StageResults) -> list[Any]:
    """Return the parameters of `CLEANED`."""
    return [list(inputs.of("ingest").key.parts), inputs.rows_of("clean")]


def stream_cleaned(context: RunContext, inputs: StageResults) -> Iterator[list[Problem]]:
    """Yield the problems that clean kept, batch by batch, in no particular order."""
    query = f"SELECT p.* FROM problems p SEMI JOIN ({CLEANED}) c ON p.id = c.problem_id"
    yield from stream_problems(context, query, cleaned_parameters(inputs))


def stream_problems(context: RunContext, query: str, parameters: Any = None) -> Iterator[list[Problem]]:
    """Yield the problems that a query of rows of `problems` selects, batch by batch, each id once."""
    for batch in context.lake.stream(query, parameters, rows=BATCH):
        yield to_problems(batch)


def stream_members(
    context: RunContext, pools: list[str], ids: pa.ChunkedArray | None = None
) -> Iterator[tuple[list[Problem], dict[str, list[Label]]]]:
    """Yield the members of pools and the labels of each, batch by batch, in no particular order.

    Args:
        context: the run.
        pools: keys of the sources' pools.
        ids: the problems that are read; None = all.
    """
    only = "" if ids is None else "WHERE p.id IN (SELECT unnest(?::VARCHAR[]))"
    several: dict[str, list[Label]] = {}
    for row in context.lake.iterate_rows(SEVERAL_LABELS, [pools, pools]):
        several.setdefault(row["problem_id"], []).append(to_label(row))
    parameters = [pools] if ids is None else [pools, ids.to_pylist()]
    for batch in context.lake.stream(f"{WITH_LABEL} {only}", parameters, rows=BATCH):
        problems = to_problems(batch)
        columns = (batch[name].to_pylist() for name in ("label_id", "id", "answer", "verifier", "origin"))
        labels = {row[1]: [Label(*row)] if row[0] is not None else [] for row in zip(*columns, strict=True)}
        yield problems, {**labels, **{id_: several[id_] for id_ in several.keys() & labels.keys()}}


def to_problems(rows: pa.RecordBatch | pa.Table) -> list[Problem]:
    """Convert rows of `problems` to problems, column by column, in a fifth of the time of row by row."""
    messages = rows["messages"]
    turns = _turns(messages.combine_chunks() if isinstance(messages, pa.ChunkedArray) else messages)
    media = [tuple(files) if files else () for files in rows["media"].to_pylist()]
    return list(
        map(Problem, rows["id"].to_pylist(), turns, media, rows["source"].to_pylist(), rows["metadata"].to_pylist())
    )


def problem_table(problems: Sequence[Problem], run: str) -> pa.Table:
    """Convert problems to rows of `problems`, column by column."""
    fields = schema("problems")
    turns = list(chain.from_iterable([problem.messages for problem in problems]))
    ends = np.cumsum([0, *(len(problem.messages) for problem in problems)])
    contents = [turn.content for turn in turns]
    lengths = np.cumsum([0, *map(len, contents)])[ends]
    parts = [
        pa.array([turn.role for turn in turns], pa.string()),
        pa.array(contents, pa.string()),
    ]
    structs = pa.StructArray.from_arrays(parts, names=list(Message._fields))
    values = {
        "id": [problem.id for problem in problems],
        "messages": pa.ListArray.from_arrays(pa.array(ends, pa.int32()), structs),
        "media": [problem.media for problem in problems],
        "source": [problem.source for problem in problems],
        "metadata": [problem.metadata for problem in problems],
        # as of `Problem.text`, which joins the turns by line breaks
        "characters": np.diff(lengths) + np.maximum(np.diff(ends) - 1, 0),
        "run": [run] * len(problems),
    }
    return pa.table([pa.array(values[field.name], field.type) for field in fields], schema=fields)


def _turns(messages: pa.ListArray) -> list[tuple[Message, ...]]:
    flat = messages.flatten()
    turns = list(map(Message, flat.field("role").to_pylist(), flat.field("content").to_pylist()))
    ends = np.cumsum(messages.value_lengths().to_numpy(zero_copy_only=False))
    if len(turns) == len(messages) and (ends == np.arange(1, len(messages) + 1)).all():
        return [(turn,) for turn in turns]
    return [tuple(turns[start:end]) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
