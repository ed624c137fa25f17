"""Send gold answers and stored attempts through an exported reward, and compare each verdict with the lake's."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from assay.core.errors import ConfigError
from assay.core.export_rows import CheckedAttempt, Row
from assay.core.types import GradingCase, Label, Problem, Rollout
from assay.filters.unverifiable import gold_rollouts
from assay.pipelines.analysis.export import build_export, data_folder
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import read_side
from assay.pipelines.runner.stages import run_stages

GOLDS = 200  # gold answers that are sent
PER_OUTCOME = 200  # stored attempts of each outcome
SHOWN = 10  # differences that are listed
TOLERANCE = 1e-9
ATTEMPTS = """
SELECT problem_id, outcome, reward, lenient, finish, tokens, text FROM (
    SELECT r.problem_id, v.outcome, v.reward, v.lenient, r.finish, r.tokens, c.text,
           row_number() OVER (PARTITION BY v.outcome ORDER BY md5(r.id)) AS place
    FROM verdicts v JOIN rollouts r ON r.id = v.rollout_id JOIN completions c ON c.id = r.id
    WHERE v.label_id IN (SELECT unnest(?::VARCHAR[]))
      AND v.verifier || '@' || v.version IN (SELECT unnest(?::VARCHAR[]))
      AND r.finish <> 'error')
WHERE place <= ? ORDER BY outcome, place
"""


@dataclass(slots=True)
class RewardCheck:
    """What a check sent through an exported reward, and what came back otherwise than the lake has it."""

    sent: dict[str, int] = field(default_factory=dict)  # golds, and attempts by their outcome in the lake
    differing: dict[str, int] = field(default_factory=dict)  # the same, where the reward differs
    examples: list[dict[str, Any]] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Return whether every reward is the lake's."""
        return not any(self.differing.values())


@dataclass(frozen=True, slots=True)
class _Trial:
    kind: str  # gold, or the outcome in the lake
    problem_id: str
    attempt: CheckedAttempt
    reward: float | None  # the lake's; None = the verifier failed


def check_export(context: RunContext, to: str, folder: Path, settings: dict[str, Any] | None = None) -> RewardCheck:
    """Check that an export's reward gives what the lake's verdicts say.

    Args:
        context: the run whose curriculum was exported.
        to: the export's name.
        folder: that the export wrote.
        settings: of the export.

    Raises:
        ConfigError: the export carries no reward, its file cannot be read, or the reward raises.
    """
    part = build_export(context, to, settings)
    if "reward.py" not in {Path(name).name for name in getattr(part, "files", lambda name: {})(context.config.name)}:
        raise ConfigError(f"export {to!r} carries only data, so there is no reward to check")
    inner = data_folder(part, folder)
    rows = _read_rows(inner / f"train.{getattr(part, 'suffix', 'parquet')}")
    problems, labels = read_side(context, run_stages(context, "order", only=True), "train")
    exported = {id_: row for id_, row in rows.items() if id_ in labels}
    if not exported:
        raise ConfigError(f"none of the {len(rows)} problems in {inner} belongs to the pool of this config")
    trials = [
        *_gold_trials(context, {id_: (problems[id_], labels[id_]) for id_ in exported}),
        *_attempt_trials(context, [labels[id_] for id_ in exported]),
    ]
    context.reporter.say(
        f"running the reward of {to} on {len(trials)} answers to {len({trial.problem_id for trial in trials})} problems"
    )
    rewards = part.call_reward(
        inner, [exported[trial.problem_id] for trial in trials], [trial.attempt for trial in trials]
    )
    return _compare(trials, rewards)


def _read_rows(path: Path) -> dict[str, Row]:
    """Return the first row of each problem in an exported file."""
    if not path.is_file():
        raise ConfigError(f"no file {str(path)!r}: run the export first")
    if path.suffix == ".jsonl":
        rows: Iterable[Row] = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    else:
        rows = pq.read_table(path).to_pylist()
    first_rows: dict[str, Row] = {}
    for row in rows:
        first_rows.setdefault(_problem_id(row), row)
    return first_rows


def _problem_id(row: Mapping[str, Any]) -> str:
    inner = [value for value in row.values() if isinstance(value, dict)]
    places = (row, *inner)
    return next((str(place["assay_id"]) for place in places if place.get("assay_id")), "")


def _gold_trials(context: RunContext, pairs: Mapping[str, tuple[Problem, Label]]) -> list[_Trial]:
    """Return gold answers in the first form that models write them, with the verdicts that they get now."""
    cases: list[tuple[GradingCase, Rollout]] = []
    for problem, label in list(pairs.values())[:GOLDS]:
        forms = gold_rollouts(label)
        cases += [(GradingCase(problem, label, rollout), rollout) for rollout in forms[:1]]
    verdicts = context.judge.judge([case for case, _ in cases])
    return [
        _Trial(
            "gold",
            case.problem.id,
            CheckedAttempt(rollout.text, "stop", 1),
            _reward(verdict.in_mode(context.mode).outcome, verdict.in_mode(context.mode).reward),
        )
        for (case, rollout), verdict in zip(cases, verdicts, strict=True)
    ]


def _attempt_trials(context: RunContext, labels: Sequence[Label]) -> list[_Trial]:
    versions = sorted({f"{label.verifier}@{context.judge.version(label.verifier)}" for label in labels})
    rows = context.lake.rows(ATTEMPTS, [[label.id for label in labels], versions, PER_OUTCOME])
    trials = []
    for row in rows:
        lenient = context.mode == "lenient" and row["lenient"]
        outcome = row["lenient"] if lenient else row["outcome"]
        reward = float(outcome == "correct") if lenient else row["reward"]
        attempt = CheckedAttempt(row["text"], row["finish"], row["tokens"])
        trials.append(_Trial(row["outcome"], row["problem_id"], attempt, _reward(outcome, reward)))
    return trials


def _reward(outcome: str, reward: float) -> float | None:
    return None if outcome == "verifier_error" else float(reward)


def _compare(trials: Sequence[_Trial], rewards: Sequence[float | None]) -> RewardCheck:
    check = RewardCheck()
    for trial, reward in zip(trials, rewards, strict=True):
        check.sent[trial.kind] = check.sent.get(trial.kind, 0) + 1
        if _same(trial.reward, reward):
            continue
        check.differing[trial.kind] = check.differing.get(trial.kind, 0) + 1
        if len(check.examples) < SHOWN:
            check.examples.append(
                {
                    "kind": trial.kind,
                    "problem_id": trial.problem_id,
                    "lake": trial.reward,
                    "exported": reward,
                    "text": trial.attempt.text[-200:],
                }
            )
    return check


def _same(stored_reward: float | None, reward: float | None) -> bool:
    if stored_reward is None or reward is None:
        return stored_reward is reward
    return abs(stored_reward - reward) <= TOLERANCE
