"""What a config's stages left in the lake, as plain values: kept and dropped problems, their difficulty and order."""

from typing import Any

from assay.pipelines.analysis import disputed
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.stores.schema import quoted

SUMS = ("correct", "wrong", "truncated", "error")
MEANT = ("value", "reward", "graded")
DIFFICULTY = """
SELECT p.source, s.n_correct AS solved, s.n_wrong + s.n_truncated AS unsolved,
       coalesce(s.disputed AND s.n_correct = 0, false) AS disputed,
       count(*) AS problems, count(k.problem_id) AS kept,
       sum(s.n_correct)::BIGINT AS correct, sum(s.n_wrong)::BIGINT AS wrong,
       sum(s.n_truncated)::BIGINT AS truncated, sum(s.n_error)::BIGINT AS error, sum(s.value) AS value,
       count(s.reward_mean) AS graded,
       sum(coalesce(
           s.reward_mean, s.n_correct / nullif(s.n_correct + s.n_wrong + ?::INT * s.n_truncated, 0), 0)) AS reward
FROM (SELECT * FROM current_scores WHERE scoring_id = ?) s
JOIN problems p ON p.id = s.problem_id
LEFT JOIN (SELECT problem_id FROM selections WHERE selection_id = ? AND kept) k ON k.problem_id = s.problem_id
GROUP BY p.source, solved, unsolved, disputed ORDER BY ALL
"""
PAID = """
SELECT policy_name, engine, from_training, sum(rollouts)::BIGINT AS rollouts, sum(tokens)::BIGINT AS tokens
FROM costs GROUP BY ALL ORDER BY tokens DESC, policy_name
"""  # over all samplers
DROPS = """
SELECT stage, reason, count(*) AS rows, min(detail) AS example FROM drops WHERE key IN (SELECT unnest(?::VARCHAR[]))
GROUP BY stage, reason ORDER BY rows DESC, reason
"""
NOTES = """
SELECT stage, reason, count(*) AS problems, min(detail) AS example FROM notes WHERE key IN (SELECT unnest(?::VARCHAR[]))
GROUP BY stage, reason ORDER BY problems DESC, reason
"""
NOT_KEPT = """
SELECT 'select' AS stage, reason, count(*) AS rows, min(problem_id) AS example FROM selections
WHERE selection_id = ? AND NOT kept GROUP BY reason ORDER BY rows DESC, reason
"""
BINS = ("0", "<.2", "<.4", "<.6", "<.8", "<1", "1")


def collect_summary(context: RunContext, results: StageResults) -> dict[str, Any]:
    """Collect everything that the end of a run prints; `--json` prints it as it is.

    Args:
        context: the run.
        results: what its stages have come to.
    """
    values: dict[str, Any] = {
        "lake": context.lake.place,
        "run": context.run,
        "policy": context.policy.name,
        "revision": context.policy.revision,
        "has_weights": has_weights(context),
    }
    if "score" in results:
        values["difficulty"] = summarize_difficulty(context, results)
        values["grading"] = context.mode
        values["disputed"] = disputed.summarize_disputed(context, results)
    values["dropped"] = list_drops(context, results)
    if context.moved.changes:
        values["regraded"] = context.moved.changes
    values["noticed"] = list_notes(context, results)
    if "order" in results:
        values["curriculum"] = list_curriculum(context, results)
    values["queries"] = suggest_queries(context, results)
    values["spent"] = {
        "tokens": context.meter.tokens,
        "samples": context.meter.samples,
        "replayed": bool(getattr(type(context.engine), "recorded", False)),  # then no token was generated
        "seconds": round(context.meter.seconds, 1),
    }
    return values


def has_weights(context: RunContext) -> bool:
    """Whether the config says where the weights lie that training would start from; a server alone does not."""
    return bool(context.config.train.model) or not hasattr(type(context.engine), "identity")


def suggest_queries(context: RunContext, results: StageResults) -> list[str]:
    """Return two queries about what this run measured: pass rates by source, and answers that were not right.

    They name the scoring, the policy, the sampler and the sources, so that attempts of other policies, of other
    settings and of training, and verdicts against an earlier gold answer, do not count. Without scores there is
    nothing to ask.
    """
    if "score" not in results:
        return []
    policy, sampler = quoted(context.policy.revision), quoted(context.sampler.id)
    pools = ", ".join(map(quoted, results.of("ingest").key.parts))
    return [
        "SELECT source, count(*) AS problems, avg(value) AS solved FROM current_scores "
        f"JOIN problems p ON p.id = problem_id WHERE scoring_id = {quoted(results.rows_of('score'))} GROUP BY source",
        "SELECT extracted, outcome, left(text, 60) AS said FROM judged_attempts('strict') r "
        f"JOIN completions t ON t.id = r.rollout_id WHERE policy = {policy} AND sampler = {sampler} AND step IS NULL "
        f"AND label_id IN (SELECT label_id FROM pool_members WHERE pool IN ({pools})) AND outcome <> 'correct' LIMIT 5",
    ]


def summarize_difficulty(context: RunContext, results: StageResults) -> list[dict[str, Any]]:
    """Summarize the scores by source.

    Args:
        context: the run.
        results: with `score`; without `select`, no problem counts as kept.

    Returns:
        Rows of source, scored and kept (problems), correct, wrong, truncated and error (attempts), mean (of the
        posterior means), reward (the mean of the problems' mean rewards; None where a source has no graded ones) and
        histogram (of correct / (correct + wrong + truncated), without disputed problems).
    """
    cut_is_wrong = context.config.policy.truncated == "wrong"
    selection = results.rows_of("select") if "select" in results else ""
    rows = context.lake.rows(DIFFICULTY, [cut_is_wrong, results.rows_of("score"), selection])
    sources: dict[str, dict[str, Any]] = {}
    for row in rows:  # one per source and pair of counts, so that a pool of a million is a few hundred rows
        empty = {"scored": 0, "kept": 0, **dict.fromkeys((*SUMS, *MEANT), 0), "counts": []}
        totals = sources.setdefault(row["source"], empty)
        totals["scored"] += row["problems"]
        if not row["disputed"]:  # those are in no bin, since they are not known to be hard
            totals["counts"].append((row["solved"], row["unsolved"], row["problems"]))
        for name in ("kept", *SUMS, *MEANT):
            totals[name] += row[name]
    return [
        {"source": source, "scored": totals["scored"], "kept": totals["kept"], **{name: totals[name] for name in SUMS}}
        | {"mean": round(totals["value"] / totals["scored"], 12)}
        | {"reward": round(totals["reward"] / totals["scored"], 12) if totals["graded"] else None}
        | {"histogram": count_by_share(totals["counts"])}
        for source, totals in sorted(sources.items())
    ]


def count_by_share(counts: list[tuple[int, int, int]]) -> dict[str, int]:
    """Count problems by the share of attempts that are solved, all and none in bins of their own.

    Args:
        counts: (solved, not solved, problems with these counts); problems without attempts are in no bin.

    >>> count_by_share([(0, 8, 1), (4, 4, 1), (8, 0, 1), (1, 7, 2), (0, 0, 1)])
    {'0': 1, '<.2': 2, '<.4': 0, '<.6': 1, '<.8': 0, '<1': 0, '1': 1}
    """
    bins = dict.fromkeys(BINS, 0)
    for correct, wrong, problems in counts:
        if correct + wrong == 0:
            continue
        inner = min(4, 5 * correct // (correct + wrong))
        bins["0" if correct == 0 else "1" if wrong == 0 else BINS[1 + inner]] += problems
    return bins


def list_drops(context: RunContext, results: StageResults) -> list[dict[str, Any]]:
    """List every reason for which rows were dropped, stage by stage, with one example each."""
    drops = context.lake.rows(DROPS, [_ledger_keys(results)])
    rows = []
    for result in results:
        rows += [row for row in drops if row["stage"] == result.stage]
        match result.stage:
            case "ingest":
                rows += _count_repeats(results)
            case "split":
                held_out = {
                    "reason": "held_out",
                    "rows": result.detail.get("held_out", 0),
                    "example": "kept for evaluation",
                }
                rows.append({"stage": "split", **held_out})
            case "select":
                rows += context.lake.rows(NOT_KEPT, [result.key.rows])
    return rows


def _ledger_keys(results: StageResults) -> list[str]:
    """Return the keys under which stages file drops and notes; ingest has one per source."""
    return [part for result in results for part in result.key.parts]


def list_notes(context: RunContext, results: StageResults) -> list[dict[str, Any]]:
    """List what was noticed of problems that stay, by stage and reason, with one example each."""
    rows = context.lake.rows(NOTES, [_ledger_keys(results)])
    return [row for result in results for row in rows if row["stage"] == result.stage]


def _count_repeats(results: StageResults) -> list[dict[str, Any]]:
    """Count the questions that ingest read more than once, from several sources or with several labels.

    Each is one problem afterwards, so that clean reads fewer rows than ingest wrote.
    """
    if (clean := results.get("clean")) is None:
        return []
    read = results.of("ingest").rows_out
    repeats = {
        "stage": "ingest",
        "reason": "same_question",
        "rows": read - clean.rows_in,
        "example": "of several sources or labels; it is one problem",
    }
    return [repeats] if read > clean.rows_in else []


def list_curriculum(context: RunContext, results: StageResults) -> list[dict[str, Any]]:
    """List the curriculum, first to last, with what was measured of each problem."""
    return context.lake.rows(
        "SELECT l.lesson, l.position, l.problem_id, p.source, s.n_correct AS correct, s.n_wrong AS wrong, "
        "s.n_truncated AS truncated, s.value AS mean, s.low, s.high, s.reward_mean AS reward, "
        "p.messages[-1].content AS prompt FROM curriculum l JOIN problems p ON p.id = l.problem_id "
        "LEFT JOIN (SELECT * FROM current_scores WHERE scoring_id = ?) s USING (problem_id) "
        "WHERE l.curriculum_id = ? ORDER BY l.lesson, l.position",
        [results.rows_of("score"), results.rows_of("order")],
    )
