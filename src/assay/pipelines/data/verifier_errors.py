"""What audits say of the verifiers' errors, and the scores corrected for them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from assay.core.types import Label, Problem, Score
from assay.maths.beta.audit import MarkedSample
from assay.maths.beta.posterior import PRIORS
from assay.maths.beta.two_betas import parse_rate_priors
from assay.maths.beta.verifier_error import GridPosterior, corrected_interval, corrected_posterior
from assay.pipelines.context.run import RunContext

AUDITS = """
SELECT * FROM verifier_audits WHERE coalesce(mode, 'strict') = ?
ORDER BY accepted_right + accepted_wrong + rejected_right + rejected_wrong, id
"""
CORRECTED = ("corrected", "corrected_low", "corrected_high", "corrected_a", "corrected_b")
Samples = Mapping[tuple[str, str], MarkedSample]  # by name@version of the verifier, and source ("" = all)


def audit_ids(context: RunContext) -> list[str]:
    """List the ids of the stored audits that count for the run's reading of verdicts."""
    return sorted(row["id"] for row in context.lake.rows(AUDITS, [context.mode]))


def load_samples(context: RunContext) -> Samples:
    """Read what people marked: of each verifier and source the sheet with the most marks."""
    rows = context.lake.rows(AUDITS, [context.mode])
    return {(f"{row['verifier']}@{row['version']}", row["source"] or ""): to_sample(row) for row in rows}


def to_sample(row: Mapping[str, Any]) -> MarkedSample:
    """Turn a row of `verifier_audits` into marks."""
    return MarkedSample(
        (row["accepted_right"], row["accepted_wrong"]),
        (row["rejected_right"], row["rejected_wrong"]),
        row["accepted"] / (row["accepted"] + row["rejected"]),
    )


def find_sample(samples: Samples, verifier: str, source: str) -> MarkedSample | None:
    """Return the marks of a verifier (name@version) on a source's answers, else on all; None where it has none."""
    sample = samples.get((verifier, source)) or samples.get((verifier, ""))
    return sample if sample is not None and sum(sample.point()) > 1 else None


def correct_scores(
    context: RunContext, scores: Sequence[Score], problems: Mapping[str, Problem], labels: Mapping[str, Label]
) -> dict[str, dict[str, float]]:
    """Correct pass rates for the errors of their verifiers, source by source.

    Args:
        context: with the audits and the scorer's settings.
        scores: of which those without a Beta posterior are left out.
        problems: of the scores.
        labels: of the problems, which name the verifiers.

    Returns:
        {problem id: the columns CORRECTED}, for every problem whose verifier was audited and says something.
    """
    columns: dict[str, dict[str, float]] = {}
    for sample, group in _group_by_sample(context, scores, problems, labels):
        right, wrong = count_outcomes(context, [score.counts for score in group])
        posterior = correct_group([score.prior for score in group], right, wrong, sample)
        level = float(context.config.score.settings.get("level", 0.95))
        low, high = corrected_interval(posterior, right, wrong, sample, level=level)
        mean, (a, b) = posterior.mean(), posterior.matching_beta()
        rows = np.stack([mean, np.minimum(low, mean), np.maximum(high, mean), a, b], axis=1).tolist()
        columns |= {
            score.problem_id: dict(zip(CORRECTED, row, strict=True)) for score, row in zip(group, rows, strict=True)
        }
    return columns


def correct_group(priors: Sequence[str], right: np.ndarray, wrong: np.ndarray, sample: MarkedSample) -> GridPosterior:
    """Return the corrected posteriors of problems that share a verifier's marks, from the texts of their priors."""
    same = len(set(priors)) == 1
    prior = parse_rate_priors(priors[:1] if same else priors)
    return corrected_posterior(right, wrong, prior, sample, of_verdicts=priors[0] not in PRIORS)


def count_outcomes(context: RunContext, counts: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return right and wrong attempts as the scorer counts them: truncated ones are wrong where it says so."""
    as_wrong = context.config.policy.truncated == "wrong"
    right = np.array([count.correct for count in counts], dtype=np.int64)
    return right, np.array([count.wrong + as_wrong * count.truncated for count in counts], dtype=np.int64)


def _group_by_sample(
    context: RunContext, scores: Sequence[Score], problems: Mapping[str, Problem], labels: Mapping[str, Label]
) -> list[tuple[MarkedSample, list[Score]]]:
    samples, groups = load_samples(context), dict[MarkedSample, list[Score]]()
    for score in scores:
        verifier = labels[score.problem_id].verifier
        sample = find_sample(samples, context.verifier_version(verifier), problems[score.problem_id].source)
        if sample is not None and score.beta_a is not None and score.prior:
            groups.setdefault(sample, []).append(score)
    return list(groups.items())
