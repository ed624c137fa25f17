"""The posterior of rewards as a column of the pool, from the histograms that scores hold."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.maths.beta.reward_posterior import reward_posterior
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext

HISTOGRAMS = """
SELECT s.problem_id, s.beta_a, s.beta_b, s.rewards, s.reward_sd, s.n_correct, s.n_wrong, s.n_truncated, p.source
FROM current_scores s
JOIN (SELECT id, any_value(source) AS source FROM problems GROUP BY id) p ON p.id = s.problem_id
WHERE s.scoring_id = ? ORDER BY s.problem_id
"""
REWARD_COLUMNS = ("rewards", "reward_sd")  # beside what a part needs
POSTERIOR = ("beta_a", "beta_b", "correct", "wrong")  # a part that needs one of these sees rewards too


def reward_columns(
    context: RunContext, inputs: StageResults, needs: Sequence[str], ids: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """Return the columns `rewards` and `reward_sd` of these problems.

    The centre of each source's Dirichlet process is the histogram of all its scored problems, whatever `ids` are.

    Args:
        context: the run.
        inputs: with the scores.
        needs: columns that the part needs.
        ids: of the pool, ascending.

    Returns:
        `rewards`, (n, V, 3): reward, Dirichlet weight, and 1 where an attempt of that reward is correct; `reward_sd`,
        (n,), NaN without a graded attempt. {} where no score has graded rewards, and for a part that reads no
        posterior.
    """
    if "score" not in inputs or set(needs).isdisjoint(POSTERIOR):
        return {}
    scoring = inputs.rows_of("score")
    if not context.lake.query(
        "SELECT 1 FROM scores WHERE scoring_id = ? AND rewards IS NOT NULL LIMIT 1", [scoring]
    ).num_rows:
        return {}
    rows = [row for row in context.lake.rows(HISTOGRAMS, [scoring]) if row["beta_a"] is not None]
    cut_is_wrong = context.config.policy.truncated == "wrong"
    histograms = [_histogram(row, cut_is_wrong) for row in rows]
    sources = [row["source"] for row in rows]
    posterior = reward_posterior(histograms, sources, *([row[name] for row in rows] for name in ("beta_a", "beta_b")))
    place = {row["problem_id"]: number for number, row in enumerate(rows)}
    rows_of_ids = np.array([place[id_] for id_ in ids if id_ in place], dtype=np.int64)
    if len(rows_of_ids) < len(ids):
        return {}
    deviations = np.array([np.nan if row["reward_sd"] is None else row["reward_sd"] for row in rows])
    return {"rewards": posterior.table[rows_of_ids], "reward_sd": deviations[rows_of_ids]}


def _histogram(row: dict[str, Any], cut_is_wrong: bool) -> tuple[tuple[float, bool, int], ...]:
    """Return a problem's attempts by reward; where its score holds none they are 1 for correct and 0 for all else."""
    if row["rewards"] is not None:
        return tuple((entry["reward"], entry["correct"], entry["n"]) for entry in row["rewards"])
    wrong = row["n_wrong"] + (row["n_truncated"] if cut_is_wrong else 0)
    return tuple(entry for entry in ((0.0, False, wrong), (1.0, True, row["n_correct"])) if entry[2])
