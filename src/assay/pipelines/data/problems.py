"""Read the problems of a pool and their labels from the lake: all of them, what cleaning kept, one side of the split.

Functions named `side_...` read one column and no question, for what needs ids, texts or verifiers alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assay.core.identity import canonical_json
from assay.core.types import Label, Message, Problem
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext

MEMBERS = "SELECT DISTINCT {what} FROM pool_members WHERE pool IN (SELECT unnest(?::VARCHAR[]))"
SIDE = """
WITH own AS (SELECT problem_id, min(label_id) AS label_id FROM pool_members
             WHERE pool IN (SELECT unnest(?::VARCHAR[])) GROUP BY problem_id),
     corrected AS (SELECT problem_id, max(label_id) AS label_id FROM pool_members WHERE pool = ? GROUP BY problem_id),
     side AS (SELECT problem_id, coalesce(c.label_id, own.label_id) AS label_id
              FROM own LEFT JOIN corrected c USING (problem_id)
              WHERE problem_id NOT IN (SELECT problem_id FROM drops WHERE key = ?)
                AND problem_id IN (SELECT problem_id FROM splits WHERE split = ? AND side = ?))
"""
IDS = SIDE + "SELECT problem_id FROM side ORDER BY problem_id"
SOME_VERIFIERS = "SELECT DISTINCT verifier FROM labels LIMIT 2"
VERIFIERS = SIDE + "SELECT DISTINCT l.verifier FROM side s JOIN labels l ON l.id = s.label_id ORDER BY l.verifier"
LABELS = (
    SIDE
    + "SELECT l.* FROM side s JOIN labels l ON l.id = s.label_id WHERE s.problem_id IN (SELECT unnest(?::VARCHAR[]))"
)
LABELS_AT_ONCE = 20_000  # as objects
ALL_LABELS = (
    SIDE
    + "SELECT l.id, l.problem_id, l.answer, l.verifier, l.origin FROM side s JOIN labels l ON l.id = s.label_id "
    + "ORDER BY l.problem_id"
)
RIVALS = (
    SIDE
    + "SELECT s.problem_id, l.answer, l.verifier FROM side s JOIN labels l ON l.id = s.label_id WHERE s.problem_id IN "
    + "(SELECT problem_id FROM labels GROUP BY problem_id HAVING count(DISTINCT answer) > 1) ORDER BY s.problem_id"
)
# whether any problem of the lake has two golds that differ: by 64 bits of its id, since most lakes have none
SOME_RIVALS = "SELECT hash(problem_id) AS key FROM labels GROUP BY key HAVING min(answer) <> max(answer) LIMIT 1"
FIRST_JUDGED = """
SELECT r.problem_id, arg_min(l.answer, coalesce(t.time, 0)) AS answer
FROM judged_attempts('strict') r JOIN labels l ON l.id = r.label_id
LEFT JOIN runs t ON t.run = r.judged_by AND t.event = 'start'
WHERE r.problem_id IN (SELECT unnest(?::VARCHAR[])) AND r.policy = ? AND r.sampler = ? GROUP BY r.problem_id
"""
TEXTS = SIDE + (
    "SELECT s.problem_id, array_to_string(list_transform(p.messages, lambda m: m.content), chr(10)) AS text "
    "FROM side s JOIN problems p ON p.id = s.problem_id"
)
SOURCES = SIDE + "SELECT p.id, p.source FROM side s JOIN problems p ON p.id = s.problem_id ORDER BY p.id"
DISTINCT_TEXTS = f"SELECT DISTINCT text FROM ({TEXTS}) ORDER BY text"


def read_pool_members(context: RunContext, inputs: StageResults) -> tuple[dict[str, Problem], dict[str, list[Label]]]:
    """Read every problem that ingest read for this config, ids ascending, and the labels of each."""
    pools = list(inputs.of("ingest").key.parts)
    rows = context.lake.iterate_rows(
        f"SELECT p.* FROM problems p SEMI JOIN ({MEMBERS.format(what='problem_id')}) m ON p.id = m.problem_id "
        "ORDER BY id",
        [pools],
    )
    golds = context.lake.iterate_rows(
        f"SELECT l.* FROM labels l SEMI JOIN ({MEMBERS.format(what='label_id')}) m ON l.id = m.label_id ORDER BY id",
        [pools],
    )
    problems = {row["id"]: to_problem(row) for row in rows}
    labels: dict[str, list[Label]] = {id_: [] for id_ in problems}
    for row in golds:
        labels[row["problem_id"]].append(to_label(row))
    return problems, labels


def read_cleaned_problems(context: RunContext, inputs: StageResults) -> tuple[dict[str, Problem], dict[str, Label]]:
    """Read the problems that clean kept, ids ascending, and the label of each: the corrected one where there is one."""
    problems, labels = read_pool_members(context, inputs)
    key = inputs.rows_of("clean")
    dropped_ids = {row["problem_id"] for row in context.lake.rows("SELECT problem_id FROM drops WHERE key = ?", [key])}
    remaining = {id_: problem for id_, problem in problems.items() if id_ not in dropped_ids}
    corrected = context.lake.rows(
        "SELECT l.* FROM labels l SEMI JOIN pool_members m ON m.label_id = l.id AND m.pool = ? ORDER BY id", [key]
    )
    return remaining, {id_: labels[id_][0] for id_ in remaining} | {
        row["problem_id"]: to_label(row) for row in corrected if row["problem_id"] in remaining
    }


def read_side(context: RunContext, inputs: StageResults, name: str) -> tuple[dict[str, Problem], dict[str, Label]]:
    """Read the cleaned problems on one side of the split, "train" or "held_out", and their labels."""
    problems, labels = read_cleaned_problems(context, inputs)
    split = inputs.rows_of("split")
    on_side = {
        row["problem_id"]
        for row in context.lake.rows("SELECT problem_id FROM splits WHERE split = ? AND side = ?", [split, name])
    }
    own_problems = {id_: problem for id_, problem in problems.items() if id_ in on_side}
    return own_problems, {id_: labels[id_] for id_ in own_problems}


def side_ids(context: RunContext, inputs: StageResults, name: str) -> list[str]:
    """Read the ids of `read_side`, ascending, and no question: they are enough to look up a finished stage.

    They never change once the split is done, and every later stage needs them: a run reads them once, and nobody may
    change the list.
    """
    asked = canonical_json(side_parameters(inputs, name))
    if name not in context.sides or context.sides[name][0] != asked:
        context.sides[name] = asked, _read_side(context, inputs, IDS, name)
    return context.sides[name][1]


def side_sources(context: RunContext, inputs: StageResults, name: str) -> dict[str, str]:
    """Read the source of each problem of `read_side` by problem id, ids ascending."""
    return {row["id"]: row["source"] for row in context.lake.rows(SOURCES, side_parameters(inputs, name))}


def side_verifiers(context: RunContext, inputs: StageResults, name: str) -> list[str]:
    """Read the verifiers of the labels of `read_side`, ascending."""
    some = context.lake.query_again(SOME_VERIFIERS)["verifier"].to_pylist()
    if len(some) == 1 and side_ids(context, inputs, name):
        return list(some)  # of all labels of the lake, so that none of the side has to be looked up
    return _read_side(context, inputs, VERIFIERS, name)


def corrected_golds(context: RunContext, inputs: StageResults, name: str) -> list[list[str]]:
    """Read the golds of `read_side` under which scores must be counted anew, ids ascending.

    These are golds that differ from the one against which the policy's attempts at the problem were judged first: the
    gold was corrected after the attempts were scored. Where none was, what depends on this stays as it is.

    Returns:
        [problem id, answer, verifier] each.
    """
    if not context.lake.query_again(SOME_RIVALS).num_rows:
        return []
    rivals = context.lake.query_again(RIVALS, side_parameters(inputs, name)).to_pylist()
    if not rivals:
        return []
    parameters = [[row["problem_id"] for row in rivals], context.policy.revision, context.sampler.id]
    first = {row["problem_id"]: row["answer"] for row in context.lake.rows(FIRST_JUDGED, parameters)}
    moved_rows = [row for row in rivals if first.get(row["problem_id"], row["answer"]) != row["answer"]]
    return [[row["problem_id"], row["answer"], row["verifier"]] for row in moved_rows]


def stream_texts(context: RunContext, inputs: StageResults, name: str) -> Iterator[pa.RecordBatch]:
    """Yield `problem_id` and `text` of the problems of `read_side` in batches, texts ascending, then ids."""
    yield from context.lake.stream(f"{TEXTS} ORDER BY text, problem_id", side_parameters(inputs, name))


def stream_distinct_texts(context: RunContext, inputs: StageResults, name: str) -> Iterator[str]:
    """Yield the different texts of the problems of `read_side`, ascending, while memory holds a batch of them."""
    for batch in context.lake.stream(DISTINCT_TEXTS, side_parameters(inputs, name)):
        yield from batch.column(0).to_pylist()


def side_labels(context: RunContext, inputs: StageResults, name: str, ids: Sequence[str]) -> dict[str, Label]:
    """Read the labels of some problems of `read_side` by problem id, ids ascending, and no question."""
    rows = context.lake.rows(LABELS, [*side_parameters(inputs, name), list(ids)])
    return {row["problem_id"]: to_label(row) for row in sorted(rows, key=lambda row: str(row["problem_id"]))}


class SideLabels:
    """The labels of `read_side` in one table, of which a few are labels at a time: a pool of a million holds 150 MB.

    Args:
        context: the run.
        inputs: with the results up to `split`.
        name: of the side.
    """

    def __init__(self, context: RunContext, inputs: StageResults, name: str) -> None:
        self.rows = context.lake.query(ALL_LABELS, side_parameters(inputs, name)).combine_chunks()

    def __iter__(self) -> Iterator[Label]:
        """Yield all labels, problem ids ascending."""
        for batch in self.rows.to_batches(max_chunksize=LABELS_AT_ONCE):
            yield from map(Label, *(column.to_pylist() for column in batch.columns))

    def of(self, ids: Sequence[str]) -> dict[str, Label]:
        """Return the labels of some problems by problem id, ids ascending; a problem of another side has none."""
        places = pc.index_in(pa.array(sorted(ids), pa.string()), value_set=self.rows["problem_id"]).drop_null()
        columns = [column.to_pylist() for column in self.rows.take(places).columns]
        return dict(zip(columns[1], map(Label, *columns), strict=True))


def some_of_side(
    context: RunContext, inputs: StageResults, name: str, ids: Sequence[str]
) -> tuple[dict[str, Problem], dict[str, Label]]:
    """Read some problems of `read_side` and their labels, ids ascending, for a worker that needs no other ones."""
    problems = problems_by_id(context, ids)
    labels = side_labels(context, inputs, name, ids)
    both_ids = sorted(problems.keys() & labels.keys())
    return {id_: problems[id_] for id_ in both_ids}, {id_: labels[id_] for id_ in both_ids}


def _read_side(context: RunContext, inputs: StageResults, query: str, name: str) -> list[str]:
    return list(context.lake.query_again(query, side_parameters(inputs, name)).column(0).to_pylist())


def side_parameters(inputs: StageResults, name: str) -> list[Any]:
    """Return the parameters of SIDE."""
    clean = inputs.rows_of("clean")
    return [list(inputs.of("ingest").key.parts), clean, clean, inputs.rows_of("split"), name]


def problems_by_id(context: RunContext, ids: Sequence[str]) -> dict[str, Problem]:
    """Read the problems of these ids."""
    rows = context.lake.rows("SELECT * FROM problems WHERE id IN (SELECT unnest(?::VARCHAR[]))", [list(ids)])
    return {row["id"]: to_problem(row) for row in rows}


def to_problem(row: Mapping[str, Any]) -> Problem:
    """Convert a row of `problems` to a problem."""
    turns = tuple(Message(turn["role"], turn["content"]) for turn in row["messages"])
    return Problem(row["id"], turns, tuple(row["media"] or ()), row["source"], row["metadata"])


def to_label(row: Mapping[str, Any]) -> Label:
    """Convert a row of `labels` to a label."""
    return Label(row["id"], row["problem_id"], row["answer"], row["verifier"], row["origin"])


def to_row(problem: Problem) -> dict[str, object]:
    """Convert a problem to a row of `problems`."""
    return {
        "id": problem.id,
        "messages": [message._asdict() for message in problem.messages],
        "media": list(problem.media),
        "source": problem.source,
        "metadata": problem.metadata,
        "characters": len(problem.text),
    }
