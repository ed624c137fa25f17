"""Stored rollouts under the present labels and verifiers: verdicts are added, none is edited, no token is generated."""

from collections.abc import Iterator, Sequence
from typing import Any

from assay.core.types import Case, Label, Verdict
from assay.pipelines.attempts import count_moved, judged_before, stored_rollouts, verdict_table
from assay.pipelines.job import Job, Moved
from assay.pipelines.pool import cleaned

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
RISEN = UNJUDGED.replace(
    "ORDER BY",
    "SEMI JOIN verdicts e ON e.rollout_id = r.id AND e.label_id = w.label_id AND e.verifier = w.verifier AND e.version <> w.version ORDER BY",
)


def regrade(job: Job) -> dict[str, Any]:
    """Judges every stored rollout of the plan's problems, training's included, that lacks a verdict of its present label and verifier version.

    Reads the sources again, so a corrected answer becomes a label of its own; earlier verdicts stay. Returns the counts, and how many
    rollouts went from which outcome to which, by the strict and by the lenient reading.
    """
    from assay.pipelines.walk import walk

    walk(job, "clean")
    return _judged_anew(job, UNJUDGED)


def risen(job: Job) -> dict[str, Any]:
    """Judge again the stored rollouts whose verifier has a new version, before they are counted; generates no token.

    Args:
        job: a job that has walked `clean`.

    Returns:
        As `regrade`.
    """
    told = _judged_anew(job, RISEN)
    if told["judged"]:
        say_moved(job)
    return told


def say_moved(job: Job) -> None:
    """Tell which verdicts changed, by the strict and by the lenient reading."""
    changes = [row for row in job.moved.changes if row["before"] != row["now"]]
    judged, moved = job.moved.strict.total(), sum(row["rollouts"] for row in changes if row["reading"] == "strict")
    rows = [tuple(row.values()) for row in changes]
    title = f"a verifier has a new version: {judged} stored rollouts judged anew without a token, {moved} strict verdicts moved"
    if rows:
        job.narrator.table(title, ("reading", "before", "now", "rollouts"), rows)
    else:
        job.narrator.say(title)


def _judged_anew(job: Job, query: str) -> dict[str, Any]:
    """Judges chunk by chunk what the query names."""
    problems, labels = cleaned(job)
    found = job.lake.rows(query, present(job, labels.values()))
    before_all = Moved(job.moved.strict.copy(), job.moved.lenient.copy())
    judged = 0
    with job.narrator.track("regrade", len(found)) as bar:
        for ids in _chunks([row["id"] for row in found]):
            if job.stop():
                break
            rollouts, before = stored_rollouts(job, ids), judged_before(job, ids)
            verdicts: list[Verdict] = job.judge.judge([Case(problems[each.problem_id], labels[each.problem_id], each) for each in rollouts])
            job.lake.append({"verdicts": verdict_table(verdicts, job.run)}, run=job.run)
            count_moved(job, before, verdicts)
            judged += len(verdicts)
            bar.advance(len(ids))
    now = Moved(job.moved.strict - before_all.strict, job.moved.lenient - before_all.lenient)
    return {
        "judged": judged,
        "left": len(found) - judged,
        "from_training": sum(row["trained"] for row in found),
        "changes": [{"before": old, "now": new, "rollouts": count} for (old, new), count in sorted(now.strict.items())],
        "changes_lenient": [{"before": old, "now": new, "rollouts": count} for (old, new), count in sorted(now.lenient.items())],
    }


def present(job: Job, labels: Sequence[Label] | Any) -> list[list[str]]:
    """Parameters of `PRESENT`: each problem with its label, verifier and version as of now."""
    rows = [(label.problem_id, label.id, label.verifier, job.judge.version(label.verifier)) for label in labels]
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], [], []]


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
