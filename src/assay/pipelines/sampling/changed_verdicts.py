"""Which outcomes a new version of a verifier changes among stored rollouts."""

from collections.abc import Mapping, Sequence

from assay.core.types import Verdict
from assay.pipelines.context.run import RunContext

# Versions are numbers or hashes, with settings behind a plus: 10 is later than 9.
BEFORE = """
SELECT rollout_id, last(outcome ORDER BY number, version) AS strict,
       last(coalesce(lenient, outcome) ORDER BY number, version) AS lenient
FROM (SELECT *, coalesce(try_cast(regexp_extract(version, '^[0-9]+') AS BIGINT), 0) AS number FROM verdicts
      WHERE rollout_id IN (SELECT unnest(?::VARCHAR[])))
GROUP BY rollout_id
"""


def judged_before(context: RunContext, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return the latest (strict, lenient) outcome of each rollout that has a verdict, by rollout id."""
    return {row["rollout_id"]: (row["strict"], row["lenient"]) for row in context.lake.rows(BEFORE, [list(ids)])}


def count_moved(context: RunContext, before: Mapping[str, tuple[str, str]], verdicts: Sequence[Verdict]) -> None:
    """Count in the run which outcomes these verdicts changed; a rollout without an earlier verdict counts as "none"."""
    for verdict in verdicts:
        strict, lenient = before.get(verdict.rollout_id, ("none", "none"))
        context.moved.strict[strict, verdict.outcome] += 1
        context.moved.lenient[lenient, verdict.in_mode("lenient").outcome] += 1
