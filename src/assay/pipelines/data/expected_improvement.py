"""Fit the expected improvement of a selector such as `frontier`: how fast trainings made problems easier."""

from dataclasses import replace
from typing import Any

import numpy as np

from assay.core.config import SelectConfig
from assay.core.parts import build_part
from assay.maths.rl.expected_improvement import fit_drift
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.objective_signal import with_signal
from assay.pipelines.data.scores import current_scores

TRAINED = """
SELECT r.problem_id, coalesce(r.step / nullif(max(r.step) OVER (PARTITION BY r.run), 0), 0) AS progress,
       v.outcome = 'correct' AS won
FROM rollouts r JOIN (
    SELECT rollout_id, any_value(counted(outcome, lenient, ?) ORDER BY version DESC) AS outcome
    FROM verdicts GROUP BY rollout_id) v ON v.rollout_id = r.id
WHERE r.step IS NOT NULL AND NOT r.guided AND r.policy NOT IN (SELECT policy FROM superseded)
  AND v.outcome <> 'verifier_error' ORDER BY r.id
"""


def build_selector(context: RunContext, inputs: StageResults, config: SelectConfig) -> Any:
    """Build the config's selector with what other tables and the lake decide.

    Its signal is that of the training's objective, and an expected improvement of "fitted" the one fitted to stored
    training rollouts.

    Raises:
        ConfigError: an unknown selector or setting.
    """
    part = with_signal(build_part("selector", config.selector, config.settings), context.config)
    if getattr(part, "expected_improvement", None) != "fitted":
        return part
    drift, attempts = fit_stored_drift(context, inputs)
    if "expected_improvement" not in context.warned:
        context.warned.add("expected_improvement")
        context.reporter.say(
            f"expected improvement: {drift:+.2f} logits over a run, fitted to {attempts} stored training attempts"
        )
    return replace(part, expected_improvement=drift)


def fit_stored_drift(context: RunContext, inputs: StageResults) -> tuple[float, int]:
    """Fit by how many logits a training run raises the pass rate of a problem.

    A problem's logit before training is that of its posterior mean under the config's scoring. The progress of a run is
    step / last step.

    Returns:
        The drift in logits over a run, to two decimals, and the number of attempts behind it; (0, 0) without stored
        training rollouts.
    """
    scores = {row["problem_id"]: row["value"] for row in current_scores(context, inputs.rows_of("score"))}
    rows = [row for row in context.lake.rows(TRAINED, [context.mode]) if 0 < scores.get(row["problem_id"], 0) < 1]
    rate = np.array([scores[row["problem_id"]] for row in rows])
    drift = fit_drift(np.log(rate / (1 - rate)), [row["progress"] for row in rows], [row["won"] for row in rows])
    return round(drift, 2), len(rows)
