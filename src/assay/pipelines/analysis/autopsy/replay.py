"""Ways of choosing problems, replayed on the groups of a log: the tokens that each saves, and the signal lost.

A replay skips groups that are in the log, so it says what these groups cost and taught; that a policy trained on other
groups would have answered differently, no log can say. Estimates are shares of the whole log.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.maths.beta.zero_inflated_beta import fit_zero_inflated_beta
from assay.maths.rl.pilot_groups import pilot_effect
from assay.maths.rl.ratio_bootstrap import resampled_ratios, summarize_replicates
from assay.pipelines.analysis.autopsy.groups import LogFacts
from assay.pipelines.analysis.autopsy.table import Finding, known_interval
from assay.stores.rollout_log import RolloutLog

Floats = NDArray[np.float64]
FEWEST = 20  # problems that must be visited again, or groups that a pilot could stop, for an estimate
KEPT = 0.5  # share of the problems that a selection keeps
SIGNAL = "kind IN ('mixed', 'shaped')"
SKIPPED = """
WITH history AS (
    SELECT *, bool_or({stop}) OVER (
        PARTITION BY problem ORDER BY visit ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS gone
    FROM groups)
SELECT coalesce(sum(weight) FILTER (gone), 0) AS saved, count(*) FILTER (gone AND {signal}) AS lost,
       sum(weight) AS weight, count(*) FILTER ({signal}) AS signal
FROM history GROUP BY problem ORDER BY problem
"""
FIRST = f"""
SELECT sum(c) FILTER (visit = 1) AS c, sum(n) FILTER (visit = 1) AS n, sum(weight) AS weight,
       count(*) FILTER ({SIGNAL}) AS signal,
       coalesce(sum(weight) FILTER (visit > 1), 0) AS later, count(*) FILTER (visit > 1 AND {SIGNAL}) AS later_signal
FROM groups GROUP BY problem ORDER BY problem
"""
PILOTED = f"""
SELECT sum(weight_right * spared_right + (weight - weight_right) * spared_wrong) AS saved,
       coalesce(sum(stopped) FILTER ({SIGNAL}), 0) AS lost,
       sum(weight) AS weight, count(*) FILTER ({SIGNAL}) AS signal
FROM groups JOIN pilots USING (n, c) GROUP BY problem ORDER BY problem
"""


@dataclass(frozen=True, slots=True)
class WayEffect:
    """What a way of choosing does, per problem."""

    saved: Floats  # (n,) tokens that are not spent
    lost: Floats  # (n,) groups with signal that are not there
    weight: Floats  # (n,) tokens of the log
    signal: Floats  # (n,) groups with signal in the log


def choice_findings(log: RolloutLog, facts: LogFacts) -> list[Finding]:
    """Return one finding per way of choosing; where the log cannot support an estimate, it says why."""
    ways: list[tuple[str, str, Callable[[], WayEffect | str]]] = [
        ("retire solved", "no further visit after a group of right answers", lambda: _skip(log, "kind = 'solved'")),
        ("skip dead", "no further visit after a group without a right answer", lambda: _skip(log, "kind = 'dead'")),
        ("retire solved, skip dead", "both", lambda: _skip(log, "kind IN ('dead', 'solved')")),
        (
            "best half by posterior",
            "after the first visit, only the half of the problems with the most expected signal",
            lambda: _frontier(log, facts.group_size),
        ),
        (
            f"pilot of {facts.group_size // 2}",
            "half of each group first; the rest only where these answers differ",
            lambda: _pilot(log, facts.group_size // 2),
        ),
    ]
    return [_finding(name, meaning, _replay(replay, facts)) for name, meaning, replay in ways]


def _replay(replay: Callable[[], WayEffect | str], facts: LogFacts) -> WayEffect | str:
    return replay() if facts.group_size > 1 else "the log holds one answer per problem and step, so no group has signal"


def _skip(log: RolloutLog, stop: str) -> WayEffect | str:
    return _too_few(log) or _of(log.columns(SKIPPED.format(stop=stop, signal=SIGNAL)))


def _frontier(log: RolloutLog, group_size: int) -> WayEffect | str:
    if why := _too_few(log):
        return why
    rows = log.columns(FIRST)
    prior = fit_zero_inflated_beta(rows["c"], rows["n"] - rows["c"])
    signal = prior.posterior(rows["c"], rows["n"] - rows["c"]).signal(group_size)
    again = rows["later"] > 0
    order = np.argsort(-signal[again], kind="stable")
    left_out = np.zeros(len(signal), dtype=bool)
    left_out[np.flatnonzero(again)[order[round(KEPT * len(order)) :]]] = True
    return WayEffect(
        np.where(left_out, rows["later"], 0.0),
        np.where(left_out, rows["later_signal"], 0.0),
        rows["weight"],
        rows["signal"],
    )


def _pilot(log: RolloutLog, pilot: int) -> WayEffect | str:
    if pilot < 2:
        return "groups are too small for a pilot"
    shapes = log.columns("SELECT DISTINCT n, c FROM groups ORDER BY n, c")
    effect = pilot_effect(shapes["n"], shapes["c"], pilot)
    log.register(
        "pilots",
        pa.table({"n": pa.array(shapes["n"], pa.int64()), "c": pa.array(shapes["c"], pa.int64()), **effect._asdict()}),
    )
    groups = int(log.rows(f"SELECT count(*) AS n FROM groups WHERE n > {pilot}")[0]["n"])
    if groups < FEWEST:
        return f"only {groups} groups have more than {pilot} answers"
    return _of(log.columns(PILOTED))


def _of(rows: dict[str, Floats]) -> WayEffect:
    return WayEffect(rows["saved"], rows["lost"], rows["weight"], rows["signal"])


def _too_few(log: RolloutLog) -> str:
    """Say why later visits cannot be judged; "" where they can."""
    again = int(log.rows("SELECT count(DISTINCT problem) AS n FROM groups WHERE visit > 1")[0]["n"])
    if again == 0:
        return "the log visits no problem twice"
    return f"the log visits only {again} problems more than once" if again < FEWEST else ""


def _finding(name: str, meaning: str, replay: WayEffect | str) -> Finding:
    if isinstance(replay, str):
        return Finding("choosing", name, None, note=f"unknown: {replay}")
    if not replay.signal.sum():
        return Finding("choosing", name, None, note="unknown: no group of the log has signal")
    parts = np.stack([replay.saved, replay.signal - replay.lost], 1)
    ratios = resampled_ratios(parts, np.stack([replay.weight, replay.signal], 1))
    gain = ratios[:, 1] / np.maximum(1 - ratios[:, 0], 1e-12)  # signal per token, against the log's
    rows = summarize_replicates(np.column_stack([ratios, gain]))
    saved, signal_kept, gained = map(known_interval, rows)
    return Finding(
        "choosing",
        name,
        *saved,
        None,
        None,
        "",
        *signal_kept,
        *gained,
        note=meaning,
    )
