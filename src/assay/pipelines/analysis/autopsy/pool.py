"""The problems of a log, cleaned and selected: which stay and why, as rows that `curate init` reads."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError
from assay.maths.beta.zero_inflated_beta import fit_zero_inflated_beta
from assay.maths.text.instruction_wrappers import strip_instructions
from assay.pipelines.analysis.autopsy.grades import RegradedAttempt
from assay.pipelines.analysis.autopsy.groups import LogFacts
from assay.pipelines.analysis.autopsy.prompts import Prompts
from assay.stores.rollout_log import RolloutLog

MIN_SIGNAL = 0.5  # expected share of groups with signal, from which on a problem stays
RECENT = 2  # visits of a problem, the last ones, that say how hard it is now
COUNTS = f"""
WITH placed AS (SELECT *, max(visit) OVER (PARTITION BY problem) - visit AS ago FROM groups)
SELECT sum(c) FILTER (ago < {RECENT}) AS c, sum(n) FILTER (ago < {RECENT}) AS n, sum(n) AS attempts, sum(c) AS correct,
       sum(weight) AS weight
FROM placed GROUP BY problem ORDER BY problem
"""


def rate_problems(
    log: RolloutLog,
    facts: LogFacts,
    prompts: Prompts,
    graded: Sequence[RegradedAttempt],
    *,
    min_signal: float = MIN_SIGNAL,
    group_size: int = 0,
) -> list[dict[str, Any]]:
    """Return one row per problem with its attempts, its expected signal, and whether it stays.

    Args:
        log: with groups.
        facts: of the log.
        prompts: copies and repeats of benchmarks.
        graded: re-graded answers; a problem whose recorded failures are right strictly or leniently is `disputed`.
        min_signal: expected share of groups with signal from which on a problem stays.
        group_size: of the training to come; 0 = the log's.
    """
    counts = log.columns(COUNTS)
    size = group_size or max(facts.group_size, 2)
    prior = fit_zero_inflated_beta(counts["c"], counts["n"] - counts["c"])
    posterior = prior.posterior(counts["c"], counts["n"] - counts["c"])
    rates, signals = posterior.mean(), posterior.signal(size)
    doubted = {row.attempt.problem for row in graded if not row.recorded and row.lenient}
    rows = list[dict[str, Any]]()
    for problem, (question, gold) in enumerate(zip(prompts.questions, prompts.golds, strict=True)):
        reason = _reason(problem, prompts, doubted, float(signals[problem]), float(rates[problem]), min_signal)
        rows.append(
            {
                "prompt": strip_instructions(question),
                "answer": gold,
                "kept": not reason,
                "reason": reason,
                "attempts": int(counts["attempts"][problem]),
                "correct": int(counts["correct"][problem]),
                "rate": round(float(rates[problem]), 4),
                "p_mixed": round(float(signals[problem]), 4),
            }
        )
    return rows


def count_reasons(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Return how many problems stay, and how many leave for each reason."""
    counts = Counter(row["reason"] for row in rows if row["reason"])
    return {"kept": sum(row["kept"] for row in rows), **dict(counts.most_common())}


def write_pool(rows: Sequence[dict[str, Any]], place: Path) -> int:
    """Write the problems that stay, one JSON object per line, and return how many these are.

    Raises:
        ConfigError: no problem that stays has a gold answer, so nothing could be curated from the file.
    """
    kept_rows = [row for row in rows if row["kept"] and row["answer"]]
    if not kept_rows:
        raise ConfigError(
            f"{place} was not written, because none of the kept problems has a gold answer; name the column with "
            "--gold or a file with them with --pool"
        )
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("w", encoding="utf-8") as file:
        for row in kept_rows:
            columns = {name: row[name] for name in ("prompt", "answer", "attempts", "correct", "rate", "p_mixed")}
            file.write(json.dumps(columns, ensure_ascii=False) + "\n")
    return len(kept_rows)


def _reason(problem: int, prompts: Prompts, doubted: set[int], signal: float, rate: float, min_signal: float) -> str:
    """Return why a problem leaves; "" where it stays."""
    if problem in prompts.copy_of:
        return "exact copy"
    if problem in prompts.near_of:
        return "near copy"
    if problem in prompts.repeats:
        return "question of a benchmark"
    if problem in doubted and rate < 0.5:
        return "disputed answers"
    if signal < min_signal:
        return "too easy" if rate > 0.5 else "too hard"
    return ""
