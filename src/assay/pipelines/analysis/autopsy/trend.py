"""Whether the reward rises while correctness stays level: the first third of the training against the last third."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.maths.rl.ratio_bootstrap import resampled_ratios, summarize_replicates
from assay.pipelines.analysis.autopsy.grades import RegradedAttempt
from assay.pipelines.analysis.autopsy.groups import LogFacts
from assay.pipelines.analysis.autopsy.read import LogSummary
from assay.pipelines.analysis.autopsy.table import Finding, known_interval
from assay.stores.rollout_log import RolloutLog

Floats = NDArray[np.float64]
ENDS = """
WITH places AS (
    SELECT DISTINCT time, percent_rank() OVER (ORDER BY time) AS place FROM (SELECT DISTINCT time FROM groups)
)
SELECT {columns} FROM groups JOIN places USING (time) GROUP BY problem ORDER BY problem
"""
FEWEST = 20  # problems in both thirds for a comparison of each with itself
SMALLEST = 0.01  # a rise of the mean reward, in spans of the log's rewards, that is worth a word


def trend_findings(
    log: RolloutLog, facts: LogFacts, summary: LogSummary, graded: Sequence[RegradedAttempt]
) -> list[Finding]:
    """Return how much reward and correctness rose, and whether the one rose without the other."""
    if facts.steps == "file" or facts.times < 3:
        return [Finding("reward", "rise of the reward", None, note="unknown: the log has no steps, or fewer than 3")]
    span = log.rows("SELECT max(reward) - min(reward) AS span FROM attempts")[0]["span"] or 1.0
    reward, own, paired = _rises(log, span)
    correct, source = (own, "the log's own column") if facts.own_correctness else (None, "")
    if correct is None and graded:
        correct, source = _sampled_rise(log, summary, graded), "re-grading a sample strictly"
    how = f"each of {paired} problems against itself" if paired else "all answers, since few problems are in both"
    note = f"last third of the steps less the first, {how}; in spans of {span:g}"
    findings = [_rise("rise of the reward", reward, note)]
    if correct is None:
        why = "the log has neither a column for correctness nor gold answers: --correct or --pool"
        return [*findings, Finding("reward", "rise of correctness", None, note=f"unknown: {why}")]
    findings.append(_rise("rise of correctness", correct, f"by {source}"))
    return [*findings, Finding("reward", "verdict", None, note=judge_trend(*findings))]


def judge_trend(reward: Finding, correct: Finding) -> str:
    """Say in words what the two rises mean together."""
    bounds = (reward.low, reward.high, correct.low, correct.high)
    if any(bound is None for bound in bounds):
        return "too few problems at both ends to compare them"
    reward_low, reward_high, correct_low, correct_high = (float(bound or 0.0) for bound in bounds)
    if reward_low <= 0 or (reward.share or 0.0) < SMALLEST:
        return "the reward does not rise" if reward_high < SMALLEST or reward_low <= 0 else "the reward hardly rises"
    if correct_low > 0:
        return "reward and correctness rise together"
    if correct_high < 0:
        return "the reward rises while correctness falls: something other than the answer is rewarded"
    if correct_high < reward_low:
        return "the reward rises while correctness stays level: something other than the answer is rewarded"
    return "the reward rises; whether correctness does is not clear from these answers"


def _rises(log: RolloutLog, span: float) -> tuple[Floats, Floats, int]:
    """Return (point, low, high) of the rises of the reward and of the share of right answers, and how many problems are
    compared with themselves; 0 = too few are in both thirds, so all that is in one is compared with all in the other.
    """
    columns = ", ".join(
        f"coalesce(sum({value}) FILTER (place {where}), 0) AS {value}_{end}"
        for value in ("reward", "rated", "c", "n")
        for end, where in (("first", "<= 1 / 3"), ("last", ">= 2 / 3"))
    )
    rows = log.columns(ENDS.format(columns=columns))
    parts = np.stack([rows["reward_first"] / span, rows["reward_last"] / span, rows["c_first"], rows["c_last"]], 1)
    wholes = np.stack([rows["rated_first"], rows["rated_last"], rows["n_first"], rows["n_last"]], 1)
    reward, paired = _change(parts[:, :2], wholes[:, :2])
    return reward, _change(parts[:, 2:], wholes[:, 2:])[0], paired


def _change(parts: Floats, wholes: Floats) -> tuple[Floats, int]:
    """Return (point, low, high) of how a mean changes from the first column to the second, and how many problems are
    compared with themselves, so that it changes nothing which of them come early or late.
    """
    is_whole = (wholes > 0).all(axis=1)
    if is_whole.sum() >= FEWEST:
        means = parts[is_whole] / wholes[is_whole]
        changes = means[:, 1:] - means[:, :1]
        return np.asarray(summarize_replicates(resampled_ratios(changes, np.ones_like(changes)))[0]), int(
            is_whole.sum()
        )
    ratios = resampled_ratios(parts, wholes)
    return np.asarray(summarize_replicates(ratios[:, 1:] - ratios[:, :1])[0]), 0


def _sampled_rise(log: RolloutLog, summary: LogSummary, graded: Sequence[RegradedAttempt]) -> Floats:
    """Return (point, low, high) of the rise of strict correctness in the re-graded sample."""
    times = log.columns("SELECT DISTINCT time FROM groups ORDER BY time")["time"]
    early, late = times[int(np.floor((len(times) - 1) / 3))], times[int(np.ceil(2 * (len(times) - 1) / 3))]
    of_file = summary.file_steps
    moments = np.array(
        [
            row.attempt.step if row.attempt.step is not None else of_file[row.attempt.file] if of_file else np.nan
            for row in graded
        ],
        dtype=float,
    )
    _, place = np.unique([row.attempt.problem for row in graded], return_inverse=True)
    strict = np.array([row.strict for row in graded], dtype=float)
    ends = [moments <= early, moments >= late]
    parts = np.stack([np.bincount(place, strict * end, minlength=place.max() + 1) for end in ends], 1)
    wholes = np.stack([np.bincount(place, end.astype(float), minlength=place.max() + 1) for end in ends], 1)
    return _change(parts.astype(np.float64), wholes.astype(np.float64))[0]


def _rise(name: str, rise: Floats, note: str) -> Finding:
    return Finding("reward", name, *known_interval(rise), note=note)
