"""The problems that synthesis made: read for a source, and kept on the side of the problems behind them."""

from collections.abc import Iterator, Sequence
from typing import Any

from assay.core.errors import ConfigError, suggest_names
from assay.core.types import Label, Problem
from assay.pipelines.data.problems import to_label, to_problem
from assay.stores.lake import Lake

NEWEST = """
SELECT s.key AS id FROM stages s LEFT JOIN (SELECT run, max(time) AS time FROM runs GROUP BY run) r USING (run)
WHERE s.stage = 'synthesize' AND s.key IN (SELECT synthesis_id FROM derivations WHERE method = ?
                                           AND problem_id <> parent_id)
ORDER BY r.time DESC NULLS LAST, s.key LIMIT 1
"""
DERIVED = """
WITH made AS (SELECT DISTINCT problem_id, label_id, rule, verified FROM derivations
              WHERE synthesis_id = ? AND problem_id <> parent_id)
SELECT p.*, m.rule, m.verified, l.id AS label_id, l.answer, l.verifier, l.origin
FROM made m JOIN problems p ON p.id = m.problem_id JOIN labels l ON l.id = m.label_id ORDER BY p.id
"""
PARENTS = """
SELECT DISTINCT problem_id, parent_id FROM derivations
WHERE problem_id <> parent_id AND problem_id IN ({ids})
ORDER BY ALL
"""


class StoredDerivations:
    """The new problems in a lake (`core.ports.DerivedProblems`)."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    def newest(self, method: str) -> str:
        """Return the id of the method's synthesis that was finished last.

        Raises:
            ConfigError: the lake holds no new problems of a finished synthesis of this method.
        """
        if rows := self.lake.rows(NEWEST, [method]):
            return str(rows[0]["id"])
        methods = self.lake.rows("SELECT DISTINCT method FROM derivations WHERE problem_id <> parent_id")
        raise ConfigError(
            f"the lake holds no problems of a finished synthesis {method!r}; make them with `curate synthesize "
            f"CONFIG {method}`; "
            f"{suggest_names(method, [row['method'] for row in methods])}"
        )

    def read(self, method: str) -> Iterator[tuple[Problem, Label, str, bool]]:
        """Yield problem, label, rule and whether the label was verified, ids ascending."""
        for row in self.lake.iterate_rows(DERIVED, [self.newest(method)]):
            label = to_label({**row, "id": row["label_id"], "problem_id": row["id"]})
            yield to_problem(row), label, row["rule"], row["verified"]


def parents_of(lake: Lake, ids: str, parameters: Sequence[Any]) -> dict[str, list[str]]:
    """Return the problems that new problems were made from, by id; a problem that was not made is absent.

    Args:
        lake: the lake.
        ids: SELECT of the ids that are asked for.
        parameters: of that SELECT.
    """
    parents: dict[str, list[str]] = {}
    for row in lake.rows(PARENTS.format(ids=ids), list(parameters)):
        parents.setdefault(row["problem_id"], []).append(row["parent_id"])
    return parents
