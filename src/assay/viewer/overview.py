"""What stands first: warnings, counts, stages, reasons, and what is going on now."""

from collections.abc import Mapping
from typing import Any

from assay.stores.reader import LakeReader
from assay.viewer.keys import ViewKeys
from assay.viewer.pool import PoolIndex

CUT_SHARE, ERROR_SHARE, SIGNAL_SHARE = 0.05, 0.01, 0.2  # above, above and below which a warning stands first
STAGE_ORDER = ("ingest", "clean", "split", "score", "embed", "select", "order", "arrange", "train")
DROPS = """
SELECT stage, reason, count(*) AS rows, min(detail) AS example FROM drops WHERE key IN (SELECT unnest(?::VARCHAR[]))
GROUP BY stage, reason ORDER BY rows DESC, reason LIMIT 30
"""
PASSED = "SELECT 'select' AS stage, reason, count(*) AS rows FROM pool WHERE NOT kept GROUP BY reason ORDER BY rows DESC LIMIT 20"
ATTEMPTS = """
SELECT sum(n_correct)::BIGINT AS correct, sum(n_wrong)::BIGINT AS wrong, sum(n_truncated)::BIGINT AS truncated,
       sum(n_error)::BIGINT AS error, count(n_correct) AS problems, count(*) FILTER (disputed) AS disputed, avg(p_mixed_8) AS signal,
       count(*) FILTER (kept) AS selected, count(*) AS pool
FROM pool
"""
RUNS = """
SELECT run, any_value(command) AS command, min(time) FILTER (event = 'start') AS started, max(time) FILTER (event = 'end') AS ended,
       max(outcome) FILTER (event = 'end') AS outcome, max(tokens) AS tokens, max(samples) AS samples, max(seconds) AS seconds
FROM runs GROUP BY run ORDER BY started DESC LIMIT 30
"""


def overview(reader: LakeReader, keys: ViewKeys, pool: PoolIndex | None) -> dict[str, Any]:
    """Collect what the first page shows.

    Args:
        reader: the lake.
        keys: which rows of it count.
        pool: the problems; None = they are still being read, and no attempts are counted.
    """
    (attempts,) = pool.rows(ATTEMPTS) if pool is not None else [{"selected": None, "pool": None}]
    files = reader.files()
    counts = {name: sum(rows for table, rows, _ in files if table == name) for name in ("rollouts", "problems")}
    tokens = reader.one("SELECT sum(tokens)::BIGINT AS tokens FROM costs")
    return {
        "warnings": warnings(attempts),
        "attempts": dict(attempts),
        "counts": {
            **counts,
            "selected": attempts["selected"],
            "pool": attempts["pool"],
            "tokens": tokens.get("tokens") or 0,
            "bytes": sum(size for _, _, size in files),
        },
        "stages": sorted((dict(stage) for stage in keys.stages), key=lambda row: _rank(str(row["stage"]))),
        "reasons": [*reader.rows(DROPS, [keys.drops]), *(pool.rows(PASSED) if pool is not None else ())],
        "runs": reader.rows(RUNS),
    }


def warnings(attempts: Mapping[str, Any]) -> list[dict[str, str]]:
    """Say what should be looked at before any number is believed, the gravest first.

    Args:
        attempts: counts by outcome, disputed problems and mean signal.
    """
    counts = {name: int(attempts.get(name) or 0) for name in ("correct", "wrong", "truncated", "error")}
    total, messages = sum(counts.values()), []
    if not total:
        return []
    if counts["error"] > ERROR_SHARE * total:
        messages.append(
            _warning(
                "errors",
                f"{counts['error'] / total:.1%} of the attempts have no verdict, because a verifier or an engine failed.",
                "outcome = 'only errors' OR n_error > 0",
            )
        )
    if counts["truncated"] > CUT_SHARE * total:
        messages.append(
            _warning(
                "truncated",
                f"{counts['truncated'] / total:.1%} of the attempts were truncated at the token cap. What they would have answered is unknown.",
                "n_truncated > 0",
            )
        )
    if not counts["correct"]:
        messages.append(
            _warning(
                "no answer is right",
                "Not one attempt is right: look at a few answers and at the labels before you believe that the problems are hard.",
                "outcome = 'none right'",
            )
        )
    if attempts.get("disputed"):
        messages.append(
            _warning(
                "disputed",
                f"{attempts['disputed']:,} problems are right only in the lenient reading. They are not hard: look at their gold answers.",
                "disputed",
            )
        )
    if (signal := attempts.get("signal")) is not None and signal < SIGNAL_SHARE:
        messages.append(
            _warning(
                "little signal",
                f"A group of 8 is expected to hold both right and wrong answers for {signal:.0%} of the problems.",
                "p_mixed_8 < 0.2",
            )
        )
    return messages


def _warning(kind: str, text: str, condition: str) -> dict[str, str]:
    return {"kind": kind, "text": text, "condition": condition}


def _rank(stage: str) -> int:
    return STAGE_ORDER.index(stage) if stage in STAGE_ORDER else len(STAGE_ORDER)
