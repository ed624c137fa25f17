"""Stored tree searches, problem by problem."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from assay.core.synthesis import SearchedProblem, TreeNode
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import side_labels

SLICE = 200  # problems whose trees are in memory at once
# The search with the most iterations stands for a problem; a tree that was searched beyond its first right answer has
# more of them.
TREES = """
WITH best AS (SELECT id, problem_id FROM searches WHERE policy = ? AND problem_id IN (SELECT unnest(?::VARCHAR[]))
              QUALIFY row_number() OVER (PARTITION BY problem_id ORDER BY iterations DESC, id) = 1)
SELECT b.problem_id, n.*, EXISTS (FROM search_nodes c WHERE c.search = n.search AND c.parent = n.node) AS inner_node
FROM best b JOIN search_nodes n ON n.search = b.id ORDER BY b.problem_id, n.node
"""


def iterate_searched(
    context: RunContext, inputs: StageResults, ids: Sequence[str], policy: str
) -> Iterator[SearchedProblem]:
    """Yield the problems that have a stored search of the policy, in the order of the ids."""
    for start in range(0, len(ids), SLICE):
        slice_ids = list(ids[start : start + SLICE])
        rows = context.lake.rows(TREES, [policy, slice_ids])
        labels = side_labels(context, inputs, "train", sorted({row["problem_id"] for row in rows}))
        for id_, group in groupby(rows, key=itemgetter("problem_id")):
            nodes = list(group)
            by_place = {row["node"]: row["id"] for row in nodes}
            yield SearchedProblem(id_, labels[id_], [_to_node(row, by_place) for row in nodes], policy)


def _to_node(row: dict[str, Any], by_place: dict[int, str]) -> TreeNode:
    return TreeNode(
        row["id"],
        "" if row["parent"] is None else by_place[row["parent"]],
        row["depth"],
        row["text"],
        row["visits"],
        row["n_correct"],
        row["n_wrong"],
        row["prior"],
        finished=not row["inner_node"],
    )
