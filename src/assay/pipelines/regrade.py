"""Stored rollouts under the present labels and verifiers: verdicts are added, none is edited, no token is generated."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from assay.core.types import Case, Label, Verdict
from assay.pipelines.attempts import stored_rollouts, verdict_table
from assay.pipelines.job import Job
from assay.pipelines.pool import cleaned
from assay.pipelines.walk import walk

CHUNK = 2_000  # rollouts a commit: a kill loses at most this much work, memory stays flat
PRESENT = """
SELECT unnest(?::VARCHAR[]) AS problem_id, unnest(?::VARCHAR[]) AS label_id, unnest(?::VARCHAR[]) AS verifier, unnest(?::VARCHAR[]) AS version
"""
UNJUDGED = f"""
SELECT r.id, r.step IS NOT NULL AS trained FROM rollouts r JOIN ({PRESENT}) w ON w.problem_id = r.problem_id
ANTI JOIN verdicts v ON v.rollout_id = r.id AND v.label_id = w.label_id AND v.verifier = w.verifier AND v.version = w.version
ORDER BY r.id
"""
BEFORE = "SELECT rollout_id, arg_max(outcome, version) AS outcome FROM verdicts WHERE rollout_id IN (SELECT unnest(?::VARCHAR[])) GROUP BY rollout_id"


def regrade(job: Job) -> dict[str, Any]:
    """Judges every stored rollout of the plan's problems, training's included, that lacks a verdict of its present label and verifier version.

    Reads the sources again, so a corrected answer becomes a label of its own; earlier verdicts stay. Returns the counts, and how many
    rollouts went from which outcome to which.
    """
    walk(job, "clean")
    problems, labels = cleaned(job)
    found = job.lake.rows(UNJUDGED, present(job, labels.values()))
    changed: Counter[tuple[str, str]] = Counter()
    with job.narrator.track("regrade", len(found)) as bar:
        for ids in _chunks([row["id"] for row in found]):
            if job.stop():
                break
            rollouts = stored_rollouts(job, ids)
            before = {row["rollout_id"]: row["outcome"] for row in job.lake.rows(BEFORE, [ids])}
            verdicts: list[Verdict] = job.judge.judge([Case(problems[each.problem_id], labels[each.problem_id], each) for each in rollouts])
            job.lake.append({"verdicts": verdict_table(verdicts, job.run)}, run=job.run)
            changed.update((before.get(each.rollout_id, "none"), each.outcome) for each in verdicts)
            bar.advance(len(ids))
    return {
        "judged": changed.total(),
        "left": len(found) - changed.total(),
        "from_training": sum(row["trained"] for row in found),
        "changes": [{"before": old, "now": new, "rollouts": count} for (old, new), count in sorted(changed.items())],
    }


def present(job: Job, labels: Sequence[Label] | Any) -> list[list[str]]:
    """Parameters of `PRESENT`: each problem with its label, verifier and version as of now."""
    rows = [(label.problem_id, label.id, label.verifier, job.judge.version(label.verifier)) for label in labels]
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], [], []]


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
