"""Judge stored rollouts by the present labels and verifiers; adds verdicts, edits none, and generates nothing."""

from collections.abc import Iterator, Sequence
from typing import Any

from assay.core.types import GradingCase, Label, Verdict
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext, VerdictChanges
from assay.pipelines.data.problems import read_cleaned_problems
from assay.pipelines.sampling.attempt_rows import verdict_table
from assay.pipelines.sampling.attempts import count_moved, judged_before, stored_rollouts
from assay.pipelines.sampling.rewards import store_missing_terms, token_caps

CHUNK = 2_000  # rollouts per commit, and the most that a killed process loses
PRESENT = """
SELECT unnest(?::VARCHAR[]) AS problem_id, unnest(?::VARCHAR[]) AS label_id, unnest(?::VARCHAR[]) AS verifier,
       unnest(?::VARCHAR[]) AS version
"""
UNJUDGED = f"""
SELECT r.id, r.step IS NOT NULL AS trained FROM rollouts r JOIN ({PRESENT}) w ON w.problem_id = r.problem_id
ANTI JOIN verdicts v
  ON v.rollout_id = r.id AND v.label_id = w.label_id AND v.verifier = w.verifier AND v.version = w.version
ORDER BY r.id
"""
VERSIONS = """
SELECT DISTINCT verifier, version FROM verdicts WHERE verifier IN (
    SELECT l.verifier FROM labels l JOIN pool_members m ON m.label_id = l.id
    WHERE m.pool IN (SELECT unnest(?::VARCHAR[])))
"""
# Those of them that another version of the same verifier has judged against the same label.
OUTDATED = UNJUDGED.replace(
    "ORDER BY",
    "SEMI JOIN verdicts e ON e.rollout_id = r.id AND e.label_id = w.label_id AND e.verifier = w.verifier "
    "AND e.version <> w.version ORDER BY",
)


def judge_unjudged(context: RunContext, inputs: StageResults) -> dict[str, Any]:
    """Judge the stored rollouts that lack a verdict of their present label and verifier version; earlier verdicts stay.

    The terms of `[train.reward]` that rollouts lack are worked out as well.

    Args:
        context: the run. All rollouts of its config's problems count, those of training included.
        inputs: with `clean`, which may have corrected labels.

    Returns:
        Counts (`terms`: rollouts that lacked some), and how many rollouts went from which outcome to which, by the
        strict and by the lenient reading.
    """
    counts = _judge_anew(context, inputs, UNJUDGED)
    return {
        **counts,
        "terms": store_missing_terms(context, sorted(read_cleaned_problems(context, inputs)[0]), token_caps(context)),
    }


def judge_outdated(context: RunContext, inputs: StageResults) -> dict[str, Any]:
    """Judge again the stored rollouts whose verifier has a new version, before they are counted; generates no token.

    Args:
        context: the run.
        inputs: with `clean`.

    Returns:
        As `judge_unjudged`.
    """
    if not _has_other_versions(context, inputs):
        return {"judged": 0, "left": 0, "from_training": 0, "changes": [], "changes_lenient": []}
    counts = _judge_anew(context, inputs, OUTDATED)
    if counts["judged"]:
        say_moved(context)
    return counts


def _has_other_versions(context: RunContext, inputs: StageResults) -> bool:
    """Return whether the lake holds a verdict by another version of a verifier of the pool's labels."""
    pools = [*inputs.of("ingest").key.parts, inputs.rows_of("clean")]
    rows = context.lake.rows(VERSIONS, [pools])
    return any(row["version"] != context.judge.version(row["verifier"]) for row in rows)


def say_moved(context: RunContext) -> None:
    """Report which verdicts changed, by the strict and by the lenient reading."""
    changes = [row for row in context.moved.changes if row["before"] != row["now"]]
    n_judged, n_moved = (
        context.moved.strict.total(),
        sum(row["rollouts"] for row in changes if row["reading"] == "strict"),
    )
    rows = [tuple(row.values()) for row in changes]
    title = (
        f"a verifier has a new version: {n_judged} stored rollouts were graded again without generating tokens, "
        f"{n_moved} strict verdicts changed"
    )
    if rows:
        context.reporter.table(title, ("reading", "before", "now", "rollouts"), rows)
    else:
        context.reporter.say(title)


def _judge_anew(context: RunContext, inputs: StageResults, query: str) -> dict[str, Any]:
    """Judge chunk by chunk the rollouts that the query selects, until a stop."""
    problems, labels = read_cleaned_problems(context, inputs)
    unjudged_rows = context.lake.rows(query, present_parameters(context, labels.values()))
    before_all = VerdictChanges(context.moved.strict.copy(), context.moved.lenient.copy())
    n_judged = 0
    with context.reporter.track("regrade", len(unjudged_rows)) as bar:
        for ids in _chunks([row["id"] for row in unjudged_rows]):
            if context.stop():
                break
            rollouts, before = stored_rollouts(context, ids), judged_before(context, ids)
            verdicts: list[Verdict] = context.judge.judge(
                [GradingCase(problems[rollout.problem_id], labels[rollout.problem_id], rollout) for rollout in rollouts]
            )
            context.lake.append({"verdicts": verdict_table(verdicts, context.run)}, run=context.run)
            count_moved(context, before, verdicts)
            n_judged += len(verdicts)
            bar.advance(len(ids))
    changes = VerdictChanges(context.moved.strict - before_all.strict, context.moved.lenient - before_all.lenient)
    return {
        "judged": n_judged,
        "left": len(unjudged_rows) - n_judged,
        "from_training": sum(row["trained"] for row in unjudged_rows),
        "changes": [
            {"before": old, "now": new, "rollouts": count} for (old, new), count in sorted(changes.strict.items())
        ],
        "changes_lenient": [
            {"before": old, "now": new, "rollouts": count} for (old, new), count in sorted(changes.lenient.items())
        ],
    }


def present_parameters(context: RunContext, labels: Sequence[Label] | Any) -> list[list[str]]:
    """Return the parameters of `PRESENT`: problems, labels, verifiers and their present versions, as four columns."""
    rows = [(label.problem_id, label.id, label.verifier, context.judge.version(label.verifier)) for label in labels]
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], [], []]


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
