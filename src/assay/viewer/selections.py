"""The selections that a lake holds, side by side: what each keeps, how they overlap, what each would teach."""

from typing import Any

from assay.stores.reader import LakeReader
from assay.viewer.keys import ViewKeys

MOST = 8  # selections that are compared, the latest ones
KNOWN = """
SELECT s.key AS selection_id, any_value(r.plan->>'$.select.selector') AS selector, any_value(r.plan->>'$.select.budget') AS budget,
       any_value(r.plan->>'$.name') AS config, max(r.time) AS time
FROM stages s LEFT JOIN (SELECT run, any_value(plan) AS plan, min(time) AS time FROM runs GROUP BY run) r USING (run)
WHERE s.stage = 'select' GROUP BY s.key ORDER BY s.key <> ?, time DESC NULLS LAST, s.key LIMIT ?
"""
MEASURED = """
SELECT k.selection_id, count(*) AS kept, avg(s.value) AS mean, avg(signal(s.beta_a, s.beta_b, 8)) AS signal,
       count(DISTINCT c.cluster) AS clusters, sum(s.n_truncated)::BIGINT AS truncated,
       sum(s.n_correct + s.n_wrong + s.n_truncated)::BIGINT AS attempts,
       list_transform(range(7), lambda b: len(list_filter(list({bin}), lambda x: x = b))) AS bins
FROM (SELECT selection_id, problem_id FROM selections WHERE kept AND list_contains($1::VARCHAR[], selection_id)) k
LEFT JOIN (SELECT *, n_correct / nullif(n_correct + n_wrong + n_truncated, 0) AS rate FROM current_scores WHERE scoring_id = $2) s USING (problem_id)
LEFT JOIN (SELECT problem_id, cluster FROM clusters WHERE clustering_id = $3) c USING (problem_id)
GROUP BY k.selection_id
""".replace("{bin}", "CASE WHEN rate = 0 THEN 0 WHEN rate = 1 THEN 6 ELSE 1 + least(4, floor(rate * 5))::INT END")
OVERLAP = """
WITH kept AS (SELECT selection_id, problem_id FROM selections WHERE kept AND list_contains($1::VARCHAR[], selection_id))
SELECT a.selection_id AS first, b.selection_id AS second, count(*) AS shared
FROM kept a JOIN kept b USING (problem_id) GROUP BY ALL
"""


def stored_selections(reader: LakeReader, keys: ViewKeys) -> dict[str, Any]:
    """Compare the latest selections of the lake under the scores that count.

    Args:
        reader: the lake.
        keys: whose selection comes first.

    Returns:
        {selections: one row each, `signal` being the expected share of groups of 8 with both right and wrong answers;
        overlap: shared problems and Jaccard index of every pair; clusters: of the whole pool}.
    """
    selections = reader.rows(KNOWN, [keys.selection, MOST])
    ids = [row["selection_id"] for row in selections]
    if not ids:
        return {"selections": [], "overlap": [], "clusters": 0}
    measures = {row["selection_id"]: row for row in reader.rows(MEASURED, [ids, keys.scoring, keys.clustering])}
    rows = [
        {**row, **measures.get(row["selection_id"], {"kept": 0}), "own": row["selection_id"] == keys.selection}
        for row in selections
    ]
    sizes = {row["selection_id"]: row["kept"] for row in rows}
    overlap = [
        {**row, "jaccard": row["shared"] / max(1, sizes[row["first"]] + sizes[row["second"]] - row["shared"])}
        for row in reader.rows(OVERLAP, [ids])
    ]
    clusters = reader.one(
        "SELECT count(DISTINCT cluster) AS n FROM clusters WHERE clustering_id = ?", [keys.clustering]
    )
    return {"selections": rows, "overlap": overlap, "clusters": clusters.get("n", 0)}
