"""How hard the problems are, how sure that is, and how much of it the cap may have caused."""

from typing import Any

from assay.viewer.pool import PoolIndex

SAMPLE = 240  # problems of the interval plot, evenly over the order of their pass rates
BINS = ("0", "<.2", "<.4", "<.6", "<.8", "<1", "1")
BIN = "CASE WHEN rate = 0 THEN 0 WHEN rate = 1 THEN 6 ELSE 1 + least(4, floor(rate * 5))::INT END"
COUNTS = f"""
SELECT source, {BIN} AS bin, count(*) AS problems, count(*) FILTER (kept) AS kept, sum(n_correct)::BIGINT AS correct,
       sum(n_wrong)::BIGINT AS wrong, sum(n_truncated)::BIGINT AS truncated, sum(n_error)::BIGINT AS error, sum(value) AS value,
       sum(rate) AS if_wrong, sum((n_correct + n_truncated) / (n_correct + n_wrong + n_truncated)) AS if_right
FROM pool WHERE rate IS NOT NULL AND NOT disputed GROUP BY ALL
"""
WIDTHS = """
SELECT least(9, floor((high - low) * 10))::INT AS tenth, count(*) AS problems, count(*) FILTER (kept) AS kept
FROM pool WHERE high IS NOT NULL GROUP BY ALL
"""
INTERVALS = f"""
SELECT id, value, low, high, n_correct, n_wrong, n_truncated, coalesce(kept, false) AS kept FROM (
    SELECT *, row_number() OVER (ORDER BY value, id) AS position, count(*) OVER () AS n FROM pool WHERE value IS NOT NULL
) WHERE n <= {SAMPLE} OR floor((position - 1) * {SAMPLE} / n) <> floor((position - 2) * {SAMPLE} / n) ORDER BY position LIMIT {SAMPLE}
"""
SUMS = ("problems", "kept", "correct", "wrong", "truncated", "error", "value", "if_wrong", "if_right")


def difficulty(pool: PoolIndex) -> dict[str, Any]:
    """Collect the distribution of the scores.

    Args:
        pool: the problems.

    Returns:
        {bins; sources: one row each with counts per bin, `if_wrong` and `if_right` the mean share solved if every cut
        attempt were wrong or right; widths; intervals: a sample of problems in the order of their pass rates}.
    """
    sources: dict[str, dict[str, Any]] = {}
    for row in pool.rows(COUNTS):
        totals = sources.setdefault(
            row["source"], {"source": row["source"], **dict.fromkeys(SUMS, 0), "bins": [0] * 7, "kept_bins": [0] * 7}
        )
        totals["bins"][row["bin"]] += row["problems"]
        totals["kept_bins"][row["bin"]] += row["kept"]
        for name in SUMS:
            totals[name] += row[name] or 0
    for totals in sources.values():
        for name in ("value", "if_wrong", "if_right"):
            totals[name] /= max(totals["problems"], 1)
    widths = [[0, 0] for _ in range(10)]
    for row in pool.rows(WIDTHS):
        widths[row["tenth"]] = [row["kept"], row["problems"] - row["kept"]]
    return {
        "bins": BINS,
        "sources": sorted(sources.values(), key=lambda row: -row["problems"]),
        "widths": widths,
        "intervals": pool.rows(INTERVALS),
    }
