"""What a stage left, as one table for people: each problem with its prompt, gold answer, source and measurements."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from assay.pipelines.context.results import StageResults
from assay.pipelines.stages import load_stage
from assay.stores.lake import Lake

MEMBERS = """
WITH own AS (SELECT problem_id, min(label_id) AS label_id FROM pool_members
             WHERE pool IN (SELECT unnest(?::VARCHAR[])) GROUP BY problem_id),
     corrected AS (SELECT problem_id, max(label_id) AS label_id FROM pool_members WHERE pool = ? GROUP BY problem_id),
     gone AS (SELECT DISTINCT problem_id FROM drops WHERE key = ?),
     members AS (SELECT problem_id, coalesce(c.label_id, own.label_id) AS label_id
                 FROM own LEFT JOIN corrected c USING (problem_id) ANTI JOIN gone USING (problem_id))
"""
FIRST = "m.problem_id, p.messages[-1].content AS prompt, l.answer, l.verifier, p.source"
TABLES = "FROM members m JOIN problems p ON p.id = m.problem_id JOIN labels l ON l.id = m.label_id"
SCORES = "(SELECT * FROM current_scores WHERE scoring_id = ?) s ON s.problem_id = m.problem_id"
MEASURED = (
    "s.value, s.low, s.high, s.n_correct, s.n_wrong, s.n_truncated, s.n_error, s.direction, s.censored, s.disputed"
)
STAGES = {  # stage -> (its columns, its joins with a `?` per stage named, those stages, order of the rows)
    "ingest": ("", "", (), "m.problem_id"),
    "clean": ("", "", (), "m.problem_id"),
    "split": ("s.side", "JOIN splits s ON s.problem_id = m.problem_id AND s.split = ?", ("split",), "m.problem_id"),
    "score": (MEASURED, f"JOIN {SCORES}", ("score",), "m.problem_id"),
    "embed": (
        "c.cluster, c.similarity",
        "JOIN clusters c ON c.problem_id = m.problem_id AND c.clustering_id = ?",
        ("embed",),
        "m.problem_id",
    ),
    "select": (
        f"k.weight, {MEASURED}",
        f"JOIN selections k ON k.problem_id = m.problem_id AND k.selection_id = ? AND k.kept LEFT JOIN {SCORES}",
        ("select", "score"),
        "m.problem_id",
    ),
    "order": (
        f"o.lesson, o.position, o.passes, {MEASURED}",
        f"JOIN curriculum o ON o.problem_id = m.problem_id AND o.curriculum_id = ? LEFT JOIN {SCORES}",
        ("order", "score"),
        "o.lesson, o.position",
    ),
}
DROPPED = """
SELECT d.stage, d.reason, d.problem_id, p.messages[-1].content AS prompt, d.source, d.detail, d.file, d.line
FROM drops d LEFT JOIN problems p ON p.id = d.problem_id WHERE d.key IN (SELECT unnest(?::VARCHAR[]))
UNION ALL
SELECT 'select', k.reason, k.problem_id, p.messages[-1].content, p.source, '', '', 0
FROM selections k JOIN problems p ON p.id = k.problem_id WHERE k.selection_id = ? AND NOT k.kept
ORDER BY ALL
"""


def read_stage_rows(lake: Lake, results: StageResults, stage: str) -> pa.Table:
    """Read the problems that a stage left, with their questions beside what the stage knows of them.

    Args:
        lake: the lake.
        results: of the stages up to `stage`.
        stage: its name. A stage that is not one of curation's own has the rows of its `rows_query`.

    Returns:
        One row per problem (of a curriculum: per place): problem_id, prompt, answer, verifier, source, the stage's own
        columns, and metadata, the JSON of the fields that the source kept.
    """
    if stage not in STAGES:
        return load_stage(stage).read_rows(lake, results.of(stage).key)
    columns, joins, stage_names, order = STAGES[stage]
    clean = results.rows_of("clean") if "clean" in results else ""
    parameters: list[Any] = [list(results.of("ingest").key.parts), clean, clean]
    parameters += [results.rows_of(name) for name in stage_names]
    selected_columns = ", ".join(part for part in (FIRST, columns, "p.metadata") if part)
    return lake.query(f"{MEMBERS}SELECT {selected_columns} {TABLES} {joins} ORDER BY {order}", parameters)


def read_dropped(lake: Lake, results: StageResults) -> pa.Table:
    """Read every row that left, up to the last of these stages, with its stage and reason.

    Args:
        lake: the lake.
        results: of the stages.

    Returns:
        Columns stage, reason, problem_id, prompt, source, detail, file, line; rows that never became a problem have no
        problem_id and no prompt.
    """
    keys: Sequence[str] = [key for result in results if result.stage in ("ingest", "clean") for key in result.key.parts]
    selection = results.rows_of("select") if "select" in results else ""
    return lake.query(DROPPED, [list(keys), selection])
