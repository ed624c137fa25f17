"""pass@k, pass^k and majority@k of the plan's problems, from the first n attempts of a fixed design."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from assay.core.errors import ConfigError
from assay.maths.rl.pass_at_k import majority_at_k, pass_all_k, pass_at_k
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import side
from assay.pipelines.runner.stages import run_stages

ANSWERS = """
SELECT problem_id, counts AS outcome, extracted FROM present_verdicts(?, ?, ?, ?, ?) WHERE step IS NULL
QUALIFY row_number() OVER (PARTITION BY problem_id ORDER BY sample) <= ? ORDER BY problem_id, sample
"""


def passes(context: RunContext, ks: Sequence[int]) -> dict[str, Any]:
    """Estimate pass@k, pass^k and majority@k of the plan's problems.

    A cut or unreadable attempt counts as a failure; one whose verifier failed does not count, and its problem has fewer
    than n. Only the first n attempts by sample index count, so that attempts which an adaptive design added for their
    outcomes change nothing.

    Args:
        context: the run.
        ks: numbers of attempts, each from 1 to the plan's `score.n`.

    Returns:
        {n, problems: how many have n attempts, too_few: how many have fewer, means: the pool's mean by measure such as
        "pass@4", rows: one per problem with n attempts}.

    Raises:
        ConfigError: the plan's design is not fixed, or a k is above its n.
    """
    settings = context.config.score.settings
    design, n = settings.get("design", "fixed"), int(settings.get("n", 8))
    if design != "fixed":
        raise ConfigError(
            f"score.design = {design!r}: attempts that were stopped by their outcomes bias pass@k; "
            "the posterior in `scores` is what holds"
        )
    if wrong := [k for k in ks if not 1 <= k <= n]:
        raise ConfigError(f"pass@{wrong[0]} of score.n = {n} attempts; k is 1 to n")
    outcomes = _read_outcomes(context, run_stages(context, "split", only=True), n)
    rows = [_problem_row(id_, attempts, ks) for id_, attempts in outcomes.items() if len(attempts) == n]
    if lacking := len(outcomes) - len(rows):
        context.reporter.warn(
            f"{lacking} of {len(outcomes)} problems have fewer than {n} attempts and are left out; "
            "if an adaptive run chose who got more, the others are a biased choice: `curate score PLAN` brings the rest"
        )
    names = [f"{kind}{k}" for k in ks for kind in ("pass@", "pass^", "majority@")]
    means = {name: float(np.mean([row[name] for row in rows])) if rows else None for name in names}
    return {"n": n, "problems": len(rows), "too_few": lacking, "means": means, "rows": rows}


def _read_outcomes(context: RunContext, inputs: StageResults, n: int) -> Mapping[str, list[tuple[str, str]]]:
    problems, labels = side(context, inputs, "train")
    versions = sorted({context.verifier_version(label.verifier) for label in labels.values()})
    outcomes: dict[str, list[tuple[str, str]]] = {id_: [] for id_ in problems}
    ids = sorted(label.id for label in labels.values())
    for row in context.lake.rows(
        ANSWERS, [context.mode, context.policy.revision, context.sampler.id, ids, versions, n]
    ):
        if row["problem_id"] in outcomes and row["outcome"] != "verifier_error":
            outcomes[row["problem_id"]].append((row["outcome"], row["extracted"]))
    return outcomes


def _problem_row(id_: str, attempts: Sequence[tuple[str, str]], ks: Sequence[int]) -> dict[str, Any]:
    right, n = sum(outcome == "correct" for outcome, _ in attempts), len(attempts)
    # all right answers vote alike, however they are written; a cut attempt has no vote
    votes = [
        "right" if outcome == "correct" else f"answer {answer}" if answer and outcome == "wrong" else ""
        for outcome, answer in attempts
    ]
    row: dict[str, Any] = {"problem_id": id_, "correct": right, "n": n}
    for k in ks:
        row |= {
            f"pass@{k}": float(pass_at_k(right, n, k)),
            f"pass^{k}": float(pass_all_k(right, n, k)),
            f"majority@{k}": majority_at_k(votes, "right", k),
        }
    return row
