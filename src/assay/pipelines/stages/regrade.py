"""Stored rollouts under the present labels and verifiers: verdicts are added, none is edited, no token is generated."""

from collections.abc import Iterator, Sequence
from typing import Any

from assay.core.types import GradingCase, Label, Verdict
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext, VerdictChanges
from assay.pipelines.data.problems import cleaned
from assay.pipelines.sampling.attempts import count_moved, judged_before, stored_rollouts, verdict_table

CHUNK = 2_000  # rollouts a commit: a kill loses at most this much work, memory stays flat
PRESENT = """
SELECT unnest(?::VARCHAR[]) AS problem_id, unnest(?::VARCHAR[]) AS label_id, unnest(?::VARCHAR[]) AS verifier, unnest(?::VARCHAR[]) AS version
"""
UNJUDGED = f"""
SELECT r.id, r.step IS NOT NULL AS trained FROM rollouts r JOIN ({PRESENT}) w ON w.problem_id = r.problem_id
ANTI JOIN verdicts v ON v.rollout_id = r.id AND v.label_id = w.label_id AND v.verifier = w.verifier AND v.version = w.version
ORDER BY r.id
"""
# Of these, the ones that an earlier version of the same verifier has judged against the same label.
OUTDATED = UNJUDGED.replace(
    "ORDER BY",
    "SEMI JOIN verdicts e ON e.rollout_id = r.id AND e.label_id = w.label_id AND e.verifier = w.verifier AND e.version <> w.version ORDER BY",
)


def judge_unjudged(context: RunContext, inputs: StageResults) -> dict[str, Any]:
    """Judge every stored rollout of the config's problems, training's included, that lacks a verdict of its present label and verifier version.

    Args:
        context: the run.
        inputs: with `clean`; a corrected answer is a label of its own by then, and earlier verdicts stay.

    Returns:
        Counts, and how many rollouts went from which outcome to which, by the strict and by the lenient reading.
    """
    return _judge_anew(context, inputs, UNJUDGED)


def judge_outdated(context: RunContext, inputs: StageResults) -> dict[str, Any]:
    """Judge again the stored rollouts whose verifier has a new version, before they are counted; generates no token.

    Args:
        context: the run.
        inputs: with `clean`.

    Returns:
        As `judge_unjudged`.
    """
    counts = _judge_anew(context, inputs, OUTDATED)
    if counts["judged"]:
        say_moved(context)
    return counts


def say_moved(context: RunContext) -> None:
    """Tell which verdicts changed, by the strict and by the lenient reading."""
    changes = [row for row in context.moved.changes if row["before"] != row["now"]]
    judged, moved = context.moved.strict.total(), sum(row["rollouts"] for row in changes if row["reading"] == "strict")
    rows = [tuple(row.values()) for row in changes]
    title = f"a verifier has a new version: {judged} stored rollouts judged anew without a token, {moved} strict verdicts moved"
    if rows:
        context.reporter.table(title, ("reading", "before", "now", "rollouts"), rows)
    else:
        context.reporter.say(title)


def _judge_anew(context: RunContext, inputs: StageResults, query: str) -> dict[str, Any]:
    """Judges chunk by chunk what the query names."""
    problems, labels = cleaned(context, inputs)
    found = context.lake.rows(query, present(context, labels.values()))
    before_all = VerdictChanges(context.moved.strict.copy(), context.moved.lenient.copy())
    judged = 0
    with context.reporter.track("regrade", len(found)) as bar:
        for ids in _chunks([row["id"] for row in found]):
            if context.stop():
                break
            rollouts, before = stored_rollouts(context, ids), judged_before(context, ids)
            verdicts: list[Verdict] = context.judge.judge(
                [GradingCase(problems[each.problem_id], labels[each.problem_id], each) for each in rollouts]
            )
            context.lake.append({"verdicts": verdict_table(verdicts, context.run)}, run=context.run)
            count_moved(context, before, verdicts)
            judged += len(verdicts)
            bar.advance(len(ids))
    now = VerdictChanges(context.moved.strict - before_all.strict, context.moved.lenient - before_all.lenient)
    return {
        "judged": judged,
        "left": len(found) - judged,
        "from_training": sum(row["trained"] for row in found),
        "changes": [{"before": old, "now": new, "rollouts": count} for (old, new), count in sorted(now.strict.items())],
        "changes_lenient": [
            {"before": old, "now": new, "rollouts": count} for (old, new), count in sorted(now.lenient.items())
        ],
    }


def present(context: RunContext, labels: Sequence[Label] | Any) -> list[list[str]]:
    """Parameters of `PRESENT`: each problem with its label, verifier and version as of now."""
    rows = [(label.problem_id, label.id, label.verifier, context.judge.version(label.verifier)) for label in labels]
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], [], []]


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
