"""Training: its curves, what its groups held step by step, and how far the frontier has moved since scoring."""

from collections.abc import Sequence
from typing import Any

from assay.stores.reader import LakeReader
from assay.viewer.keys import ViewKeys
from assay.viewer.pool import PoolIndex

POINTS = 300  # of a curve; longer ones are means of equally many steps
BUCKETS = 40  # of the curriculum and of the drift
FILLED, FEWEST = 8, 4  # problems of a stretch of the curriculum at least, unless there were fewer stretches than these
TRAININGS = """
SELECT m.training, min(m.step) AS first, max(m.step) AS last, any_value(r.command) AS command, min(r.time) AS started,
       any_value(r.plan->>'$.name') AS config
FROM train_metrics m
LEFT JOIN (SELECT run, any_value(command) AS command, any_value(plan) AS plan, min(time) AS time FROM runs GROUP BY run) r USING (run)
GROUP BY m.training ORDER BY started DESC NULLS LAST, m.training LIMIT 50
"""
METRICS = f"""
SELECT name, bucket, avg(step) AS step, avg(value) AS value, min(value) AS low, max(value) AS high FROM (
    SELECT name, step, value, floor((step - min(step) OVER own) * {POINTS} / (1 + max(step) OVER own - min(step) OVER own)) AS bucket
    FROM train_metrics WHERE training = $1 AND value IS NOT NULL WINDOW own AS (PARTITION BY name)
) GROUP BY name, bucket ORDER BY name, bucket
"""
DRIFT = """
WITH groups AS (
    SELECT t.step, t.problem_id, sum(t.n_correct) AS correct, sum(t.n_wrong + t.n_truncated) AS wrong
    FROM training_pass_rates t WHERE t.training = $1 GROUP BY t.step, t.problem_id HAVING sum(t.n_correct + t.n_wrong + t.n_truncated) > 0
),
scored AS (SELECT problem_id, arg_max(value, n_correct + n_wrong + n_truncated + n_error) AS value FROM scores
           WHERE scoring_id = $2 AND problem_id IN (SELECT problem_id FROM groups) GROUP BY problem_id),
placed AS (SELECT g.*, s.value AS scored, floor((g.step - min(g.step) OVER ()) * $3 / (1 + max(g.step) OVER () - min(g.step) OVER ())) AS bucket
           FROM groups g LEFT JOIN scored s USING (problem_id))
SELECT bucket, min(step) AS first, max(step) AS last, count(*) AS groups, count(*) FILTER (correct = 0) AS dead,
       count(*) FILTER (wrong = 0) AS solved, count(*) FILTER (correct > 0 AND wrong > 0) AS mixed,
       avg(correct / (correct + wrong)) AS rate, avg(scored) AS scored
FROM placed GROUP BY bucket ORDER BY bucket
"""
PLACED = """
WITH joined AS (SELECT place, floor(place * $1 / (1 + max(place) OVER ())) AS bucket, source, value FROM pool WHERE place IS NOT NULL)
"""
BANDS = (
    PLACED
    + """
SELECT bucket, min(place) AS first, max(place) AS last, avg(value) AS mean, quantile_cont(value, 0.1) AS p10,
       quantile_cont(value, 0.9) AS p90, count(*) AS n
FROM joined GROUP BY bucket ORDER BY bucket
"""
)
MIX = PLACED + "SELECT bucket, source, count(*) AS n FROM joined GROUP BY bucket, source ORDER BY bucket, source"
HEAD = """
SELECT id, place, source, question, value, low, high, n_correct, n_wrong, n_truncated FROM pool WHERE place < 50 ORDER BY place
"""
LESSONS = """
SELECT lesson, count(*) AS problems, any_value(passes) AS passes FROM curriculum WHERE curriculum_id = ?
GROUP BY lesson ORDER BY lesson LIMIT 200
"""


def training(reader: LakeReader, keys: ViewKeys, training_key: str = "") -> dict[str, Any]:
    """Collect the curves of one training.

    Args:
        reader: the lake.
        keys: whose training comes first.
        training_key: another training; "" = that of the keys, else the latest.

    Returns:
        {trainings; training; curves: points by metric; drift: per stretch of steps the groups that were all wrong,
        mixed and all right, the rate in training, and the rate that scoring had found}.
    """
    trainings = reader.rows(TRAININGS)
    names = [row["training"] for row in trainings]
    key = next((name for name in (training_key, keys.training) if name in names), names[0] if names else "")
    curves: dict[str, list[list[float]]] = {}
    for row in reader.rows(METRICS, [key]) if key else ():
        curves.setdefault(row["name"], []).append([row["step"], row["value"], row["low"], row["high"]])
    return {
        "trainings": trainings,
        "training": key,
        "curves": curves,
        "drift": reader.rows(DRIFT, [key, keys.scoring, BUCKETS]) if key else [],
    }


def curriculum(reader: LakeReader, keys: ViewKeys, pool: PoolIndex) -> dict[str, Any]:
    """Collect the curriculum over its length: pass rates, sources, lessons, and its head.

    Args:
        reader: the lake.
        keys: which curriculum counts.
        pool: the problems, with their places.
    """
    length = pool.rows("SELECT count(place) AS n FROM pool")[0]["n"]
    buckets = max(min(length, FEWEST), min(BUCKETS, length // FILLED))
    bands = pool.rows(BANDS, [buckets])
    return {
        "bands": bands,
        "mix": _shares(pool.rows(MIX, [buckets]), [row["bucket"] for row in bands]),
        "lessons": reader.rows(LESSONS, [keys.curriculum]),
        "head": pool.rows(HEAD),
    }


def _shares(rows: Sequence[dict[str, Any]], buckets: Sequence[float]) -> dict[str, list[float]]:
    """Return by source, the commonest first, its share in each bucket; all but seven sources are one."""
    totals: dict[str, int] = {}
    for row in rows:
        totals[row["source"]] = totals.get(row["source"], 0) + row["n"]
    sources = sorted(totals, key=lambda source: (-totals[source], source))
    names = {source: source if place < 7 else "others" for place, source in enumerate(sources)}
    counts = {name: dict.fromkeys(buckets, 0) for name in dict.fromkeys(names[source] for source in sources)}
    for row in rows:
        counts[names[row["source"]]][row["bucket"]] += row["n"]
    sizes = {bucket: sum(counts[name][bucket] for name in counts) for bucket in buckets}
    return {name: [by[bucket] / max(sizes[bucket], 1) for bucket in buckets] for name, by in counts.items()}
