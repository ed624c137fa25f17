"""What a plan's stages left in the lake, as plain values: who was kept, who was dropped and why, how hard it all was, in which order."""

from typing import Any

from assay.pipelines import disputed
from assay.pipelines.job import Job

SUMS = ("correct", "wrong", "truncated", "error")
DIFFICULTY = """
SELECT p.source, s.correct AS solved, s.wrong + s.truncated AS unsolved, coalesce(s.disputed AND s.correct = 0, false) AS disputed,
       count(*) AS problems, count(k.problem_id) AS kept,
       sum(s.correct)::BIGINT AS correct, sum(s.wrong)::BIGINT AS wrong, sum(s.truncated)::BIGINT AS truncated, sum(s.error)::BIGINT AS error,
       sum(s.value) AS value
FROM (SELECT * FROM scores WHERE scoring = ? QUALIFY row_number() OVER
      (PARTITION BY problem_id ORDER BY correct + wrong + truncated + error DESC, id) = 1) s
JOIN problems p ON p.id = s.problem_id
LEFT JOIN (SELECT problem_id FROM selections WHERE selection = ? AND kept) k ON k.problem_id = s.problem_id
GROUP BY p.source, solved, unsolved, disputed ORDER BY ALL
"""
PAID = """
SELECT policy_name, engine, from_training, sum(rollouts)::BIGINT AS rollouts, sum(tokens)::BIGINT AS tokens
FROM costs GROUP BY ALL ORDER BY tokens DESC, policy_name
"""  # whatever the sampler was
BINS = ("0", "<.2", "<.4", "<.6", "<.8", "<1", "1")


def summary(job: Job) -> dict[str, Any]:
    """Everything that the end of a run prints; `--json` prints it as it is."""
    made: dict[str, Any] = {
        "lake": job.lake.place,
        "run": job.run,
        "policy": job.engine.policy.name,
        "revision": job.engine.policy.revision,
    }
    if "score" in job.keys:
        made["difficulty"] = difficulty(job)
        made["grading"] = job.mode
        made["disputed"] = disputed.told(job)
    made["dropped"] = dropped(job)
    if job.moved.changes:
        made["regraded"] = job.moved.changes
    made["noticed"] = noticed(job)
    if "arrange" in job.keys:
        made["curriculum"] = lessons(job)
    made["spent"] = {"tokens": job.meter.tokens, "samples": job.meter.samples, "seconds": round(job.meter.seconds, 1)}
    return made


def difficulty(job: Job) -> list[dict[str, Any]]:
    """By source: problems scored and kept, attempts by outcome, posterior mean, histogram of correct/(correct + wrong + truncated)."""
    rows = job.lake.rows(DIFFICULTY, [job.keys["score"].partition("+")[2], job.keys.get("select", "")])
    sources: dict[str, dict[str, Any]] = {}
    for row in rows:  # one a source and a pair of counts, so that a pool of a million is a few hundred rows
        n, told = row["problems"], sources.setdefault(row["source"], {"scored": 0, "kept": 0, **dict.fromkeys(SUMS, 0), "value": 0.0, "counts": []})
        told["scored"] += n
        told["counts"] += [] if row["disputed"] else [(row["solved"], row["unsolved"], n)]  # no bin of hard problems holds them
        for name in ("kept", *SUMS, "value"):
            told[name] += row[name]
    return [
        {"source": source, "scored": told["scored"], "kept": told["kept"], **{name: told[name] for name in SUMS}}
        | {"mean": round(told["value"] / told["scored"], 12), "histogram": histogram(told["counts"])}
        for source, told in sorted(sources.items())
    ]


def histogram(counts: list[tuple[int, int, int]]) -> dict[str, int]:
    """Problems by share solved, from (solved, not solved, problems) counts; all and none apart; nothing for a problem without attempts.

    >>> histogram([(0, 8, 1), (4, 4, 1), (8, 0, 1), (1, 7, 2), (0, 0, 1)])
    {'0': 1, '<.2': 2, '<.4': 0, '<.6': 1, '<.8': 0, '<1': 0, '1': 1}
    """
    bins = dict.fromkeys(BINS, 0)
    for correct, wrong, problems in counts:
        if correct + wrong == 0:
            continue
        inner = min(4, 5 * correct // (correct + wrong))
        bins["0" if correct == 0 else "1" if wrong == 0 else BINS[1 + inner]] += problems
    return bins


def dropped(job: Job) -> list[dict[str, Any]]:
    """Every reason for which a row left, stage by stage, with one example."""
    keys = [key for name in ("ingest", "clean") if name in job.keys for key in job.keys[name].split("+")]
    rows = job.lake.rows(
        "SELECT stage, reason, count(*) AS rows, min(detail) AS example FROM drops WHERE key IN (SELECT unnest(?::VARCHAR[])) "
        "GROUP BY stage, reason ORDER BY stage DESC, rows DESC, reason",
        [keys],
    )
    place = sum(row["stage"] == "ingest" for row in rows)  # ingest comes first, by its name
    rows[place:place] = _again(job)
    if "split" in job.keys:
        split = job.finished("split", job.keys["split"])
        rows.append({"stage": "split", "reason": "held_out", "rows": split.detail["held_out"] if split else 0, "example": "kept for evaluation"})
    if "select" in job.keys:
        rows += job.lake.rows(
            "SELECT 'select' AS stage, reason, count(*) AS rows, min(problem_id) AS example FROM selections WHERE selection = ? AND NOT kept "
            "GROUP BY reason ORDER BY rows DESC, reason",
            [job.keys["select"]],
        )
    return rows


def noticed(job: Job) -> list[dict[str, Any]]:
    """What was noticed of problems that stay, by stage and reason, with one example."""
    keys = [key for name in ("ingest", "clean") if name in job.keys for key in job.keys[name].split("+")]
    return job.lake.rows(
        "SELECT stage, reason, count(*) AS problems, min(detail) AS example FROM notes WHERE key IN (SELECT unnest(?::VARCHAR[])) "
        "GROUP BY stage, reason ORDER BY stage DESC, problems DESC, reason",
        [keys],
    )


def _again(job: Job) -> list[dict[str, Any]]:
    """Questions that ingest read more than once, from several sources or with several labels: each is one problem, so that clean meets fewer."""
    clean = job.finished("clean", job.keys["clean"]) if "clean" in job.keys else None
    if clean is None:
        return []
    read = sum(found.rows_out for key in job.keys["ingest"].split("+") if (found := job.finished("ingest", key)))
    told = {"stage": "ingest", "reason": "same_question", "rows": read - clean.rows_in, "example": "of several sources or labels; it is one problem"}
    return [told] if read > clean.rows_in else []


def lessons(job: Job) -> list[dict[str, Any]]:
    """The curriculum, first to last, with what was measured of each problem."""
    return job.lake.rows(
        "SELECT l.lesson, l.position, l.problem_id, p.source, s.correct, s.wrong, s.truncated, s.value AS mean, s.low, s.high, "
        "p.messages[-1].content AS prompt FROM lessons l JOIN problems p ON p.id = l.problem_id "
        "LEFT JOIN (SELECT * FROM scores WHERE scoring = ? QUALIFY row_number() OVER "
        "(PARTITION BY problem_id ORDER BY correct + wrong + truncated + error DESC, id) = 1) s USING (problem_id) "
        "WHERE l.curriculum = ? ORDER BY l.lesson, l.position",
        [job.keys["score"].partition("+")[2], job.keys["arrange"]],
    )
