"""The groups of a log: attempts at one problem in one step, and what their rewards taught.

- mixed: rewards differ, and some answers are right and others wrong: the group has a gradient
- shaped: rewards differ, but all answers are right or all are wrong: the gradient is of another term
- dead: all rewards are equal and an answer is wrong: no gradient
- solved: all rewards are equal and every answer is right: no gradient
- single: one answer, so nothing to compare; unrated: no reward
"""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from assay.pipelines.analysis.autopsy.read import LogSummary
from assay.stores.rollout_log import RolloutLog

KINDS = ("mixed", "shaped", "dead", "solved", "single", "unrated")
BINS = 16  # of the time axis
MOSTLY = 0.99  # share of the attempts whose tokens must be known for tokens to be the unit
PILED = 0.002  # share of the attempts that end at exactly the same, largest length, where the cap is inferred
GROUPS = """
CREATE TABLE groups AS
WITH per_group AS (
    SELECT problem, coalesce(step, file_step, file) AS time, grp, count(*) AS n, count(reward) AS rated,
           count(*) FILTER (is_right) AS c, max(reward) > min(reward) AS differ, sum(weight) AS weight,
           coalesce(sum(weight) FILTER (is_right), 0) AS weight_right, count(*) FILTER (is_cut) AS cut,
           count(*) FILTER (is_cut AND NOT is_right) AS cut_wrong, sum(reward) AS reward, sum(correct) AS correct
    FROM graded GROUP BY problem, time, grp)
SELECT *, row_number() OVER (PARTITION BY problem ORDER BY time, grp) AS visit,
       CASE WHEN rated = 0 THEN 'unrated' WHEN n = 1 THEN 'single' WHEN differ AND c BETWEEN 1 AND n - 1 THEN 'mixed'
            WHEN differ THEN 'shaped' WHEN c = n THEN 'solved' ELSE 'dead' END AS kind
FROM per_group
"""
GRADED = """
CREATE VIEW graded AS
SELECT a.*, f.file_step, coalesce({right}, false) AS is_right, {weight} AS weight, {cut} AS is_cut
FROM attempts a LEFT JOIN file_steps f USING (file)
"""
SUMS = ", ".join(f"coalesce(sum(weight) FILTER (kind = '{kind}'), 0)::BIGINT AS {kind}" for kind in KINDS)
TIMELINE = f"""
WITH ranked AS (SELECT *, dense_rank() OVER (ORDER BY time) - 1 AS place FROM groups),
binned AS (SELECT *, place * {BINS} // greatest((SELECT max(place) + 1 FROM ranked), {BINS}) AS bin FROM ranked)
SELECT bin, min(time) AS first, max(time) AS last, {SUMS},
       sum(reward) / nullif(sum(rated), 0) AS reward, sum(c) / sum(n) AS right_share, sum(cut) / sum(n) AS cut_share,
       sum(n)::BIGINT AS attempts
FROM binned GROUP BY bin ORDER BY bin
"""


@dataclass(frozen=True, slots=True)
class LogFacts:
    """How a log is read: what counts as right, what tokens are counted in, and what it does not say."""

    threshold: float  # the reward from which on an answer is right
    own_correctness: bool  # whether a column beside the reward says what is right
    unit: str  # tokens, or characters where the log has no tokens
    cuts: str  # where cut answers are known from: "logged", "inferred", or "" = not known
    steps: str  # what orders the groups: "step", "file name" or "file"
    group_size: int  # the commonest
    times: int  # different steps
    visits: int  # of the problem that was visited most often

    @property
    def is_graded(self) -> bool:
        """Whether groups of several answers are there."""
        return self.group_size > 1


def group_attempts(log: RolloutLog, summary: LogSummary, *, right: float | None = None) -> LogFacts:
    """Make the log's groups, in the table `groups`.

    Args:
        log: with attempts.
        summary: of its reading.
        right: the least reward that is right; None = of two different rewards the higher one, else 1, or the largest
            where none reaches 1.
    """
    totals = log.rows("""
        SELECT count(*) AS n, count(tokens) AS tokens, count(cut) AS cut, max(tokens) AS longest, max(reward) AS most,
               approx_count_distinct(reward) AS rewards, count(correct) AS correct, count(step) AS step,
               count(*) FILTER (tokens = (SELECT max(tokens) FROM attempts)) AS at_longest,
               count(*) FILTER (reward != correct) AS unlike FROM attempts""")[0]
    unit = "tokens" if totals["tokens"] >= MOSTLY * totals["n"] else "characters"
    piled = unit == "tokens" and totals["at_longest"] >= max(3, PILED * totals["n"])
    cuts = "logged" if totals["cut"] else "inferred" if piled else ""
    own = bool(totals["correct"]) and totals["unlike"] > 0 and right is None
    threshold = _threshold(log, totals) if right is None else right
    steps = summary.file_steps
    log.register(
        "file_steps",
        pa.table({"file": pa.array(range(len(steps)), pa.int32()), "file_step": pa.array(steps, pa.int64())}),
    )
    log.execute(
        GRADED.format(
            right="correct >= 0.5" if own else f"reward >= {threshold!r}",
            weight="coalesce(tokens, 0)" if unit == "tokens" else "characters",
            cut={"logged": "cut", "inferred": f"tokens = {totals['longest']}"}.get(cuts, "NULL::BOOLEAN"),
        )
    )
    log.execute(GROUPS)
    shape = log.rows("SELECT mode(n) AS size, count(DISTINCT time) AS times, max(visit) AS visits FROM groups")[0]
    order_source = "step" if totals["step"] else "file name" if steps else "file"
    return LogFacts(
        threshold, own, unit, cuts, order_source, int(shape["size"]), int(shape["times"]), int(shape["visits"])
    )


def timeline(log: RolloutLog) -> list[dict[str, Any]]:
    """Return per stretch of the training what its tokens went into, and its mean reward and share of right answers."""
    return log.rows(TIMELINE)


def _threshold(log: RolloutLog, totals: dict[str, Any]) -> float:
    """Return the least reward that counts as right."""
    if totals["most"] is None:
        return 1.0
    if totals["rewards"] <= 4:
        values = [row["reward"] for row in log.rows("SELECT DISTINCT reward FROM attempts WHERE reward IS NOT NULL")]
        if len(values) == 2:
            return float(max(values))
    return min(1.0, float(totals["most"])) if totals["most"] > 0 else 1.0
