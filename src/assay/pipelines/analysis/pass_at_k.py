"""pass@k and pass^k of the config's problems: unbiased from a fixed design, else from the posterior."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from assay.core.errors import ConfigError
from assay.maths.beta.two_betas import fit_rate_prior, parse_rate_priors
from assay.maths.rl.pass_at_k import (
    majority_at_k,
    pass_all_k,
    pass_at_k,
    posterior_mean_error,
    posterior_pass_all_k,
    posterior_pass_at_k,
)
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import problems_by_id, read_side, side_ids
from assay.pipelines.data.scores import current_scores
from assay.pipelines.data.verifier_errors import correct_group, find_sample, load_samples
from assay.pipelines.runner.stages import done_stages, run_stages

Z = 1.96  # of a 95% interval
ANSWERS = """
SELECT problem_id, counts AS outcome, extracted FROM present_verdicts(?, ?, ?, ?, ?) WHERE step IS NULL
QUALIFY row_number() OVER (PARTITION BY problem_id ORDER BY sample) <= ? ORDER BY problem_id, sample
"""


def estimate_pass_at_k(context: RunContext, ks: Sequence[int]) -> dict[str, Any]:
    """Estimate pass@k, pass^k and majority@k of the config's problems.

    Where outcomes decided the attempts (`score.allocation` is not fixed) the estimates are those of the posterior, and
    marked so: they hold if the prior does. They have intervals, and majority@k is not among them. k may be any number
    then.

    Of a fixed design, a cut or unreadable attempt counts as a failure; one whose verifier failed does not count, and
    its problem has fewer than n. Only the first n attempts by sample index count, so that attempts which an adaptive
    design added for their outcomes change nothing.

    Args:
        context: the run.
        ks: numbers of attempts, each from 1 to the config's `score.n` of a fixed design.

    Returns:
        {estimator: "unbiased" or "posterior", n (None of a posterior), problems: how many have n attempts, too_few: how
        many have fewer, means: the pool's mean by measure such as "pass@4", intervals: {measure: (low, high)} of a
        posterior at 95%, else {}, rows: one per problem with n attempts, corrected: the pool's mean pass@k and pass^k
        corrected for the verifiers' audited errors, by the same names; {} where a verifier has no audit}.

    Raises:
        ConfigError: a k is above the n of a fixed design, or the scorer of another has no such posterior.
    """
    settings = context.config.score.settings
    n = int(settings.get("n", 8))
    if settings.get("allocation", "fixed") != "fixed":
        return _posterior_passes(context, ks)
    if wrong := [k for k in ks if not 1 <= k <= n]:
        raise ConfigError(f"pass@{wrong[0]} needs k from 1 to score.n = {n}")
    outcomes = _read_outcomes(context, run_stages(context, "split", only=True), n)
    rows = [_problem_row(id_, attempts, ks) for id_, attempts in outcomes.items() if len(attempts) == n]
    if lacking := len(outcomes) - len(rows):
        context.reporter.warn(
            f"{lacking} of {len(outcomes)} problems have fewer than {n} attempts and are left out; "
            "if an adaptive run chose who got more, the others are a biased choice: `curate score CONFIG` brings the "
            "rest"
        )
    names = [f"{kind}{k}" for k in ks for kind in ("pass@", "pass^", "majority@")]
    means = {name: float(np.mean([row[name] for row in rows])) if rows else None for name in names}
    sizes = {"n": n, "problems": len(rows), "too_few": lacking}
    right = np.array([row["correct"] for row in rows], dtype=np.int64)
    corrected = _correct(context, [row["problem_id"] for row in rows], right, n - right, [], ks)
    return {
        "estimator": "unbiased",
        **sizes,
        "means": means,
        "intervals": {},
        "rows": rows,
        "corrected": corrected,
    }


def _posterior_passes(context: RunContext, ks: Sequence[int]) -> dict[str, Any]:
    """Estimate from the posteriors of the config's scores, whatever decided the attempts."""
    inputs = done_stages(context, "score", "pass@k after an adaptive allocation")
    scores = [row for row in current_scores(context, inputs.rows_of("score")) if row["beta_a"] is not None]
    if not scores:
        raise ConfigError("pass@k after an adaptive allocation needs scores with a posterior, but none is stored")
    with_truncated = context.config.policy.truncated == "wrong"
    right = np.array([row["n_correct"] for row in scores], dtype=np.int64)
    wrong = np.array([row["n_wrong"] + with_truncated * row["n_truncated"] for row in scores], dtype=np.int64)
    texts = [row["prior"] for row in scores]
    belief = parse_rate_priors(texts).posterior(right, wrong)
    fit = parse_rate_priors(texts[:1]) if len(set(texts)) == 1 and texts[0].startswith("fitted ") else None
    columns: dict[str, list[Any]] = {"problem_id": [row["problem_id"] for row in scores]}
    columns |= {"correct": right.tolist(), "n": (right + wrong).tolist()}
    means, intervals = dict[str, float](), dict[str, tuple[float, float]]()
    for k in ks:
        for name, estimate in ((f"pass@{k}", posterior_pass_at_k), (f"pass^{k}", posterior_pass_all_k)):
            values, deviations = estimate(belief, k)
            of_fit = 0.0 if fit is None else posterior_mean_error(fit, right, wrong, estimate, k)
            half = Z * float(np.sqrt((deviations**2).sum() / len(values) ** 2 + of_fit**2))
            mean = float(values.mean())
            means[name], intervals[name] = mean, (max(0.0, mean - half), min(1.0, mean + half))
            columns[name] = values.tolist()
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    sizes = {"n": None, "problems": len(rows), "too_few": len(side_ids(context, inputs, "train")) - len(rows)}
    corrected = _correct(context, columns["problem_id"], right, wrong, texts, ks)
    return {
        "estimator": "posterior",
        **sizes,
        "means": means,
        "intervals": intervals,
        "rows": rows,
        "corrected": corrected,
    }


def _correct(
    context: RunContext,
    ids: Sequence[str],
    right: np.ndarray,
    wrong: np.ndarray,
    priors: Sequence[str],
    ks: Sequence[int],
) -> dict[str, float]:
    """Estimate the pool's means behind the verdicts by corrected posteriors; {} where a verifier has no audit.

    Without `priors` one is fitted to the counts.
    """
    samples = load_samples(context)
    if not samples or not ids:
        return {}
    sources = {id_: problem.source for id_, problem in problems_by_id(context, ids).items()}
    labels = read_side(context, run_stages(context, "split", only=True), "train")[1]
    groups: dict[Any, list[int]] = {}
    for row, id_ in enumerate(ids):
        verifier = labels[id_].verifier
        sample = find_sample(samples, context.verifier_version(verifier), sources[id_])
        groups.setdefault(sample, []).append(row)
    if None in groups:
        return {}
    texts = list(priors) or fit_rate_prior(right, wrong).describe(len(ids))
    sums: dict[str, float] = {}
    for sample, rows in groups.items():
        posterior = correct_group([texts[row] for row in rows], right[rows], wrong[rows], sample)
        for k in ks:
            sums[f"pass@{k}"] = sums.get(f"pass@{k}", 0.0) + float((1 - posterior.none_right(k)).sum())
            sums[f"pass^{k}"] = sums.get(f"pass^{k}", 0.0) + float(posterior.all_right(k).sum())
    return {name: total / len(ids) for name, total in sums.items()}


def _read_outcomes(context: RunContext, inputs: StageResults, n: int) -> Mapping[str, list[tuple[str, str]]]:
    problems, labels = read_side(context, inputs, "train")
    ids, versions = context.counted_verdicts(labels)
    outcomes: dict[str, list[tuple[str, str]]] = {id_: [] for id_ in problems}
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
