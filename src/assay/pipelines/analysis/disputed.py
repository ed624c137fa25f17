"""Disputed problems: no attempt is right under strict grading, and at least one is under lenient grading.

They do not count as hard, since the verifier may be wrong and not the policy.
"""

from collections.abc import Mapping
from typing import Any

from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext

SHOWN = 5  # examples
NONE: dict[str, Any] = {"problems": 0, "examples": []}
FLAGGED = "SELECT DISTINCT problem_id FROM scores WHERE scoring_id = ? AND disputed ORDER BY problem_id"
EXAMPLES = """
SELECT r.problem_id, any_value(l.answer) AS gold, min(r.extracted) FILTER (r.counts = 'correct') AS answer,
       min(r.reason) FILTER (r.counts = 'correct') AS reason,
       count(*) FILTER (r.counts = 'correct') AS n_correct_lenient, count(*) AS n
FROM judged_attempts('lenient') r JOIN labels l ON l.id = r.label_id
WHERE r.problem_id IN (SELECT unnest(?::VARCHAR[])) AND r.policy = ? AND r.sampler = ?
  AND r.label_id IN (SELECT label_id FROM pool_members WHERE pool IN (SELECT unnest(?::VARCHAR[])))
  AND r.judge = (SELECT any_value(verifier) FROM scores s WHERE s.scoring_id = ? AND s.problem_id = r.problem_id)
GROUP BY r.problem_id ORDER BY r.problem_id
"""


def summarize_disputed(context: RunContext, results: StageResults) -> dict[str, Any]:
    """Count the disputed problems of the run's scoring, and show some.

    Args:
        context: the run.
        results: with `score`.

    Returns:
        {problems: how many; examples: at most 5 rows with problem_id, gold, answer, reason, n_correct_lenient, n}.
    """
    scoring = results.rows_of("score")
    ids = [row["problem_id"] for row in context.lake.rows(FLAGGED, [scoring])]
    if not ids:
        return NONE
    pools = [part for result in results for part in result.key.parts]  # whose labels count; a corrected gold's do not
    rows = context.lake.rows(EXAMPLES, [ids[:SHOWN], context.policy.revision, context.sampler.id, pools, scoring])
    return {"problems": len(ids), "examples": rows}


def summarize_stored(context: RunContext) -> dict[str, Any]:
    """Count the disputed problems as `summarize_disputed` does, from what the lake holds and without running a stage.

    Nothing is disputed before it is scored.
    """
    from assay.pipelines.runner.stages import survey_stages

    results = survey_stages(context, "score").results
    return summarize_disputed(context, results) if "score" in results else NONE


def disputed_sentence(disputed: Mapping[str, Any]) -> str:
    """Say in one line how many problems are disputed, with the first example; "" where none is."""
    if not disputed["problems"]:
        return ""
    example = next(iter(disputed["examples"]), None)
    example_text = f"; the first: gold {example['gold']!r}, answered {example['answer']!r}" if example else ""
    return (
        f"{disputed['problems']} problems are disputed: strict grading accepts no attempt, lenient grading accepts "
        f'some{example_text}. They are not selected: correct their gold answers, or set grade.mode = "lenient"'
    )
