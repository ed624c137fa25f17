"""The winner's curse of a selection: what was expected of kept and dropped problems against fresh attempts at them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.config import Config, parse_stored_config
from assay.core.errors import ConfigError
from assay.core.identity import derive_seed
from assay.core.parts import build_part
from assay.core.types import Counts
from assay.maths.rl.expected_improvement import run_signal
from assay.maths.rl.group_signal import observed_signal
from assay.maths.rl.reward_signal import RewardPosterior, observed_reward_signal, reward_signal
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.objective_signal import objective_signal
from assay.pipelines.data.problems import read_side
from assay.pipelines.data.rewards import reward_columns
from assay.pipelines.data.scores import current_scores
from assay.pipelines.runner.stages import done_stages
from assay.pipelines.sampling.attempts import StoredRollouts
from assay.stores.lake import Lake

Floats = NDArray[np.float64]
Z = 1.96  # of a 95% interval
SELECTED = """
SELECT s.key, any_value(r.plan) AS plan FROM stages s JOIN runs r ON r.run = s.run AND r.event = 'start'
WHERE s.stage = 'select' AND starts_with(s.key, ?) GROUP BY s.key ORDER BY s.key
"""
COUNTED = ("n_correct", "n_wrong", "n_truncated", "n_error")


def measure_selection_bias(context: RunContext, *, kept: int = 200, dropped: int = 100) -> dict[str, Any]:
    """Measure how much a selection's expected signal exceeds what fresh attempts show.

    Some kept and some dropped problems, drawn by the config's seed, are attempted group_size more times each. The
    prediction comes from the scores that the selection read, the observation only from attempts beyond those; both are
    of the signal by which `train.objective` learns, and of the rewards where these are graded. A problem that is kept
    for a high estimate was lucky on average: the difference on the kept side is the winner's curse, in groups with a
    gradient. The attempts stay in the lake, and a second call pays for none of them again.

    Args:
        context: the run.
        kept: at most so many problems that the selection kept.
        dropped: at most so many other scored problems.

    Returns:
        {group_size, tokens, samples, kept, dropped}; the last two hold problems, too_few_attempts, predicted, observed,
        difference, and low and high, the ends of its 95% interval.

    Raises:
        ConfigError: the config's selection is not in the lake.
        Stopped: the run was asked to stop; what arrived is committed.
    """
    inputs = done_stages(context, "select", "recheck")
    scores = {
        row["problem_id"]: row for row in current_scores(context, inputs.rows_of("score")) if row["beta_a"] is not None
    }
    rows = context.lake.rows(
        "SELECT problem_id, kept FROM selections WHERE selection_id = ? ORDER BY problem_id", [inputs.rows_of("select")]
    )
    rng = np.random.default_rng(derive_seed("recheck", context.config.seed))
    sides = {"kept": _draw_ids(rows, scores, True, kept, rng), "dropped": _draw_ids(rows, scores, False, dropped, rng)}
    group = _group_size(context)
    counts_before = {id_: Counts(*(scores[id_][name] for name in COUNTED)) for ids in sides.values() for id_ in ids}
    attempts = _attempts_of(context, inputs, counts_before)
    counts_now = attempts.draw({id_: counts.total + group for id_, counts in counts_before.items()})
    chosen_ids = sorted(counts_before)
    rewards = reward_columns(context, inputs, ("beta_a",), chosen_ids)
    if rewards:
        a, b = ([scores[id_][name] for id_ in chosen_ids] for name in ("beta_a", "beta_b"))
        posterior = RewardPosterior.from_table(a, b, rewards["rewards"])
        gaps = _graded_signals(context, attempts, chosen_ids, posterior, counts_before, counts_now, group)
        comparison = {name: _summarize(*_rows_of(ids, chosen_ids, *gaps)) for name, ids in sides.items()}
    else:
        comparison = {
            name: _compare_signal(context, ids, scores, counts_before, counts_now, group) for name, ids in sides.items()
        }
    return {"group_size": group, **comparison, "tokens": context.meter.tokens, "samples": context.meter.samples}


def plan_of(lake: Lake, key: str) -> Config:
    """Return the config of the run that made a selection.

    Args:
        lake: the lake that holds it.
        key: the selection's key, or the beginning of it.

    Raises:
        ConfigError: no selection, or several, have such a key.
    """
    selections = lake.rows(SELECTED, [key])
    if len(selections) != 1:
        many = ", ".join(row["key"][:16] for row in selections) or "none"
        raise ConfigError(
            f"{len(selections)} selections in {lake.place} have keys that begin with {key!r}: {many}; "
            "`curate status CONFIG` shows them"
        )
    return parse_stored_config(json.loads(selections[0]["plan"]))


def _draw_ids(
    rows: list[dict[str, Any]], scores: Mapping[str, Any], of_kept: bool, most: int, rng: np.random.Generator
) -> list[str]:
    ids = [row["problem_id"] for row in rows if row["kept"] is of_kept and row["problem_id"] in scores]
    return sorted(rng.permutation(ids)[:most].tolist())


def _group_size(context: RunContext) -> int:
    part = build_part("selector", context.config.select.selector, context.config.select.settings)
    return int(getattr(part, "group_size", context.config.train.group_size))


def _attempts_of(context: RunContext, inputs: StageResults, ids: Iterable[str]) -> StoredRollouts:
    problems, labels = read_side(context, inputs, "train")
    return StoredRollouts(context, {id_: problems[id_] for id_ in ids}, {id_: labels[id_] for id_ in ids})


def _graded_signals(
    context: RunContext,
    attempts: StoredRollouts,
    ids: Sequence[str],
    posterior: RewardPosterior,
    before: Mapping[str, Counts],
    counts_now: Mapping[str, Counts],
    group_size: int,
) -> tuple[Floats, Floats]:
    """Return the predicted signal of graded rewards and the one that fresh attempts show, (n,) each; NaN of too few."""
    kind, tau = objective_signal(context.config), context.config.grade.repeatability
    predicted = reward_signal(posterior, group_size, kind=kind, tau=tau)
    earlier = attempts.attempt_rewards({id_: before[id_].total for id_ in ids})
    rewards_now = attempts.attempt_rewards({id_: counts_now[id_].total for id_ in ids})
    outcomes = {"correct", "wrong", "unparsable"} | ({"truncated"} if _cut_is_wrong(context) else set())
    observed = np.full(len(ids), np.nan)
    for row, id_ in enumerate(ids):
        fresh = rewards_now[id_].rewards[len(earlier[id_].rewards) :] if rewards_now else ()
        pairs = [(reward, outcome == "correct") for reward, outcome in fresh if outcome in outcomes]
        observed[row] = observed_reward_signal(_binned(posterior, row, pairs), group_size, kind=kind, tau=tau)
    return predicted, observed


def _binned(posterior: RewardPosterior, row: int, pairs: Sequence[tuple[float, bool]]) -> list[float]:
    """Return rewards as the values of the posterior that are nearest to them, whose differences alone it knows."""
    values, weights, correct = posterior.values[row], posterior.weights[row], posterior.correct[row]
    rewards_by_right = {flag: values[(weights > 0) & (correct == flag)] for flag in (False, True)}
    return [float(rewards_by_right[flag][np.abs(rewards_by_right[flag] - reward).argmin()]) for reward, flag in pairs]


def _rows_of(
    ids: Sequence[str], chosen_ids: Sequence[str], predicted: Floats, observed: Floats
) -> tuple[Floats, Floats]:
    rows = np.array([chosen_ids.index(id_) for id_ in ids], dtype=np.int64)
    return predicted[rows], observed[rows]


def _compare_signal(
    context: RunContext,
    ids: list[str],
    scores: Mapping[str, Any],
    before: Mapping[str, Counts],
    counts_now: Mapping[str, Counts],
    group_size: int,
) -> dict[str, Any]:
    """Compare prediction and observation over the problems whose fresh attempts make up a group."""
    as_wrong = _cut_is_wrong(context)
    right = np.array([counts_now[id_].correct - before[id_].correct for id_ in ids], dtype=np.float64)
    failures = np.array(
        [_count_failed(counts_now[id_], as_wrong) - _count_failed(before[id_], as_wrong) for id_ in ids],
        dtype=np.float64,
    )
    observed = observed_signal(right, right + failures, group_size)
    kind = objective_signal(context.config)
    if kind == "sd":  # rewards of 0 and 1 as graded ones, which have no closed form for more attempts than a group
        groups = zip(right.astype(int), failures.astype(int), strict=True)
        observed = np.array([observed_reward_signal([1.0] * k + [0.0] * n, group_size, kind=kind) for k, n in groups])
    a, b = ([scores[id_][name] for id_ in ids] for name in ("beta_a", "beta_b"))
    return _summarize(run_signal(a, b, group_size, kind=kind), observed)


def _summarize(predicted: Floats, observed: Floats) -> dict[str, Any]:
    """Return the means and their difference with its interval, over the problems whose fresh attempts make a group."""
    whole = np.isfinite(observed)
    gap = (predicted - observed)[whole]
    sizes: dict[str, Any] = {"problems": int(whole.sum()), "too_few_attempts": int((~whole).sum())}
    if not len(gap):
        return {**sizes, "predicted": None, "observed": None, "difference": None, "low": None, "high": None}
    half = Z * float(gap.std(ddof=1)) / len(gap) ** 0.5 if len(gap) > 1 else 1.0
    mean = float(gap.mean())
    return {
        **sizes,
        "predicted": float(predicted[whole].mean()),
        "observed": float(observed[whole].mean()),
        "difference": mean,
        "low": mean - half,
        "high": mean + half,
    }


def _cut_is_wrong(context: RunContext) -> bool:
    return context.config.policy.truncated == "wrong"


def _count_failed(counts: Counts, truncated_is_wrong: bool) -> int:
    return counts.wrong + (counts.truncated if truncated_is_wrong else 0)
