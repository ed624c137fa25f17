"""Read what an export writes, row by row in its order: memory holds a batch, and a phase of several epochs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, groupby
from typing import Any

from assay.core.export_rows import ExportRow
from assay.core.types import Label, Problem
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problem_batches import to_problems
from assay.pipelines.data.problems import SIDE, side_parameters

COUNTED = ("n_correct", "n_wrong", "n_truncated", "n_error")
JOINED = """
SELECT {place} AS lesson, {passes} AS passes, {reason} AS reason, {weight} AS weight, p.*, l.id AS label_id,
       l.answer, l.verifier, l.origin,
       w.value, w.low, w.high, w.n_correct, w.n_wrong, w.n_truncated, w.n_error
FROM {rows} JOIN side s USING (problem_id) JOIN problems p ON p.id = s.problem_id JOIN labels l ON l.id = s.label_id
LEFT JOIN (SELECT * FROM current_scores WHERE scoring_id = ?) w USING (problem_id)
"""
CHOSEN = (
    SIDE
    + JOINED.format(
        place="c.lesson",
        passes="c.passes",
        reason="''",
        weight="coalesce(k.weight, 0)",
        rows="(SELECT * FROM curriculum WHERE curriculum_id = ?) c "
        "LEFT JOIN (SELECT problem_id, weight FROM selections WHERE selection_id = ? AND kept) k USING (problem_id)",
    )
    + "ORDER BY c.lesson, c.position"
)
LEFT_OUT = (
    SIDE
    + JOINED.format(
        place="-1",
        passes="1",
        reason="k.reason",
        weight="0",
        rows="(SELECT * FROM selections WHERE selection_id = ? AND NOT kept) k",
    )
    + "ORDER BY k.problem_id"
)
COUNT = {
    CHOSEN: "SELECT coalesce(sum(passes), 0)::BIGINT AS n FROM curriculum WHERE curriculum_id = ?",
    LEFT_OUT: "SELECT count(*) AS n FROM selections WHERE selection_id = ? AND NOT kept",
}
PICTURED = {
    query: f"SELECT count(*) AS n FROM problems WHERE len(media) > 0 AND id IN (SELECT problem_id FROM {rows})"
    for query, rows in (
        (CHOSEN, "curriculum WHERE curriculum_id = ?"),
        (LEFT_OUT, "selections WHERE selection_id = ? AND NOT kept"),
    )
}
VERIFIERS = {
    query: SIDE
    + "SELECT DISTINCT l.verifier FROM side s JOIN labels l ON l.id = s.label_id "
    + f"WHERE s.problem_id IN (SELECT problem_id FROM {rows}) ORDER BY l.verifier"
    for query, rows in (
        (CHOSEN, "curriculum WHERE curriculum_id = ?"),
        (LEFT_OUT, "selections WHERE selection_id = ? AND NOT kept"),
    )
}
MakeRow = Callable[[Problem, Label, dict[str, Any], int, int, float, str], ExportRow]


@dataclass(frozen=True)
class ExportRows(Sequence[ExportRow]):
    """Rows of an export, read from the lake each time that they are walked.

    Args:
        context: the run.
        inputs: results of the stages up to order.
        query: CHOSEN, the curriculum's places in their order, or LEFT_OUT, what the selection dropped, ids ascending.
        make_row: makes a row of a problem, its label, its score, place, lesson, weight and reason.
    """

    context: RunContext
    inputs: StageResults
    query: str
    make_row: MakeRow

    def __len__(self) -> int:
        return int(self.context.lake.rows(COUNT[self.query], self._keys[:1])[0]["n"])

    def __iter__(self) -> Iterator[ExportRow]:
        if self.query == LEFT_OUT:
            yield from (row for _, row in self._rows())
            return
        places = count()
        for number, (_, lesson) in enumerate(groupby(self._rows(), key=lambda row: row[1].lesson)):
            passes, phase_rows = 1, list[ExportRow]()
            for passes, stored_row in lesson:
                row = replace(stored_row, lesson=number)
                if passes > 1:
                    phase_rows.append(row)
                yield replace(row, place=next(places))
            yield from (replace(row, place=next(places)) for _ in range(passes - 1) for row in phase_rows)

    @property
    def verifiers(self) -> list[str]:
        """The verifiers that judge these rows, ascending."""
        rows = self.context.lake.rows(VERIFIERS[self.query], [*side_parameters(self.inputs, "train"), *self._keys[:1]])
        return [str(row["verifier"]) for row in rows]

    @property
    def pictured(self) -> int:
        """How many of the problems show pictures."""
        return int(self.context.lake.rows(PICTURED[self.query], self._keys[:1])[0]["n"])

    # no `overload`: beside torch, typing's registry of them is never freed, nor the globals of their modules, nor DuckDB,
    # whose library then lists as leaked on stderr what is left of it when a command ends
    def __getitem__(self, index: Any) -> Any:
        """Return the row at an index, or a list of those of a slice; every call reads all rows."""
        return list(self)[index]

    @property
    def _keys(self) -> list[str]:
        selection = self.inputs.rows_of("select")
        return [self.inputs.rows_of("order"), selection] if self.query == CHOSEN else [selection]

    def _rows(self) -> Iterator[tuple[int, ExportRow]]:
        """Yield each row once, with the epochs over its phase."""
        parameters = [*side_parameters(self.inputs, "train"), *self._keys, self.inputs.rows_of("score")]
        for batch in self.context.lake.stream(self.query, parameters):
            values = batch.drop_columns(["messages", "media", "metadata"]).to_pylist()
            for problem, row in zip(to_problems(batch), values, strict=True):
                label = Label(row["label_id"], problem.id, row["answer"], row["verifier"], row["origin"])
                score = row | {name: row[name] or 0 for name in COUNTED}
                export_row = self.make_row(problem, label, score, -1, row["lesson"], row["weight"], row["reason"])
                yield row["passes"], export_row
