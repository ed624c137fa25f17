"""All that the lake holds of one problem, in the order in which it happened, from its origin to its training."""

from typing import Any

from assay.core.errors import ConfigError
from assay.stores.lake import Lake

PARTS = {  # chapter -> query of its rows
    "problem": "SELECT * FROM problems WHERE id = ?",
    "labels": "SELECT id, answer, verifier, origin, run FROM labels WHERE problem_id = ? ORDER BY id",
    "readings": "SELECT pool, label_id, run FROM pool_members WHERE problem_id = ? ORDER BY pool, label_id",
    "drops": "SELECT stage, reason, detail, source, run FROM drops WHERE problem_id = ? ORDER BY stage, reason",
    "notes": "SELECT stage, reason, detail, source, run FROM notes WHERE problem_id = ? ORDER BY stage, reason",
    "splits": "SELECT split, side, duplicates, run FROM splits WHERE problem_id = ? ORDER BY split",
    "attempts": (
        "SELECT r.policy_name, r.policy, r.sampler, r.sample, r.tokens, r.finish, r.step, r.guided, "
        "v.verifier, v.version, v.outcome, v.lenient, v.extracted, v.reason, t.text, r.run FROM rollouts r "
        "LEFT JOIN verdicts v ON v.rollout_id = r.id LEFT JOIN completions t ON t.id = r.id "
        "WHERE r.problem_id = ? ORDER BY r.policy, r.sampler, r.sample, v.verifier, v.version"
    ),
    "pass_rates": (
        "SELECT policy_name, policy, sampler, verifier, version, "
        "n_correct, n_wrong, n_truncated, n_error, n_correct_lenient, disputed, "
        "mean, low, high, rate_if_truncated_wrong, rate_if_truncated_right, p_mixed_8 "
        "FROM pass_rates WHERE problem_id = ? ORDER BY policy, sampler, version"
    ),
    "searches": (
        "SELECT policy, iterations, solved_at, censored, tokens, run FROM searches WHERE problem_id = ? ORDER BY id"
    ),
    "scores": (
        "SELECT scoring_id, scorer, policy, value, low, high, n_correct, n_wrong, n_truncated, n_error, run "
        "FROM scores WHERE problem_id = ? ORDER BY id"
    ),
    "clusters": (
        "SELECT clustering_id, cluster, similarity, run FROM clusters WHERE problem_id = ? ORDER BY clustering_id"
    ),
    "selections": (
        "SELECT selection_id, kept, weight, reason, s.run FROM selections s "
        "LEFT JOIN (SELECT run, min(time) AS begun FROM runs GROUP BY run) r ON r.run = s.run "
        "WHERE problem_id = ? ORDER BY begun, selection_id"
    ),
    "curriculum": (
        "SELECT curriculum_id, lesson, position, passes, run FROM curriculum "
        "WHERE problem_id = ? ORDER BY curriculum_id, lesson, position"
    ),
    "training": (
        "SELECT step, count(*) AS rollouts, count(*) FILTER (outcome = 'correct') AS correct, "
        "count(*) FILTER (coalesce(lenient, outcome) = 'correct') AS correct_lenient, "
        'max("group") AS "group", min(advantage) AS least, max(advantage) AS most '
        "FROM rollouts r LEFT JOIN verdicts v ON v.rollout_id = r.id "
        "WHERE r.problem_id = ? AND step IS NOT NULL GROUP BY step ORDER BY step"
    ),
}


def collect_problem(lake: Lake, problem: str) -> dict[str, list[dict[str, Any]]]:
    """Collect all that the lake holds of one problem.

    Args:
        lake: the lake.
        problem: its id, or a beginning that no other problem's id has.

    Returns:
        {chapter: its rows}, the chapters as in PARTS.

    Raises:
        ConfigError: no problem, or more than one, has this id.
    """
    matches = lake.rows("SELECT id FROM problems WHERE starts_with(id, ?) ORDER BY id LIMIT 3", [problem])
    if len(matches) != 1:
        candidates = (
            ", ".join(row["id"] for row in matches)
            or f"there are {lake.rows('SELECT count(*) AS n FROM problems')[0]['n']} problems"
        )
        raise ConfigError(f"{len(matches) or 'no'} problem ids begin with {problem!r}: {candidates}")
    return {name: lake.rows(query, [matches[0]["id"]]) for name, query in PARTS.items()}


def explain_fate(story: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Say in a line each why a problem was dropped, held out, or kept or not by each selection, oldest first.

    Args:
        story: of `collect_problem`.
    """
    lines = [
        f"dropped by {row['stage']}: {row['reason']}{' (' + row['detail'] + ')' if row['detail'] else ''}"
        for row in story["drops"]
    ]
    if any(row["side"] == "held_out" for row in story["splits"]):
        lines.append("held out for evaluation by a split, so no selection over that split contains it")
    for row in story["selections"]:
        fate = "kept" if row["kept"] else "not kept"
        lines.append(f"{fate} by selection {row['selection_id']}{': ' + row['reason'] if row['reason'] else ''}")
    return lines or ["no stage after ingest has decided on it yet"]


def find_dropped_rows(lake: Lake, place: str) -> list[dict[str, Any]]:
    """Find dropped rows that never became a problem, by the file they stand in.

    Args:
        lake: the lake.
        place: FILE or FILE:LINE, where FILE is the file's name or an end of its path.
    """
    file, _, line = place.rpartition(":") if place.rpartition(":")[2].isdecimal() else (place, "", "")
    return lake.rows(
        "SELECT DISTINCT file, line, stage, reason, detail, source FROM drops WHERE file <> '' "
        "AND (file = $file OR ends_with(file, '/' || $file)) AND ($line = '' OR line = TRY_CAST($line AS BIGINT)) "
        "ORDER BY ALL",
        {"file": file, "line": line},
    )
