"""Log a finished run of curation to experiment trackers: stages, counts, pass rates, costs and completions."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.core.errors import ConfigError
from assay.core.secrets import redact_secrets
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import plan_stage
from assay.pipelines.stages import STAGES, stage_entries

BINS = 10  # of the histogram of pass rates
COMPLETIONS = """
SELECT p.source, p.messages[-1].content AS question, c.text AS completion, v.outcome, v.reward, r.tokens, r.finish
FROM attempts r JOIN completions c ON c.id = r.id JOIN problems p ON p.id = r.problem_id
LEFT JOIN verdicts v ON v.rollout_id = r.id
WHERE r.policy = ? AND r.sampler = ? QUALIFY row_number() OVER (PARTITION BY r.id ORDER BY v.version DESC) = 1
ORDER BY md5(r.id) LIMIT ?
"""
SCORES = """
SELECT value, n_correct, n_wrong, n_truncated, n_error FROM current_scores WHERE scoring_id = ? ORDER BY problem_id
"""
SPENT = (
    "SELECT count(*)::BIGINT AS attempts, coalesce(sum(tokens), 0)::BIGINT AS tokens FROM attempts "
    "WHERE policy = ? AND sampler = ? AND step IS NULL"
)


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """What is logged of a run."""

    project: str
    name: str
    settings: Mapping[str, Any]  # the config
    numbers: Mapping[str, float]  # by a name such as stage/score/seconds
    pass_rates: Sequence[float]
    tables: Mapping[str, Sequence[Mapping[str, Any]]]  # stages and completions


def track_run(context: RunContext) -> None:
    """Log the run to every tracker of `[track]`; one that fails is a warning, since the run itself is done."""
    tracked = collect_run(context)
    for name in context.config.track.report_to:
        try:
            TRACKERS[name](tracked)
        except ConfigError:
            raise
        except Exception as error:  # noqa: BLE001  # a tracker's server may be away, and may raise anything
            context.reporter.warn(f"{name} did not get this run: {type(error).__name__}: {error}")


def collect_run(context: RunContext) -> TrackedRun:
    """Collect what is logged, from the stages that are finished."""
    config, results = context.config, _find_finished(context)
    stages: list[dict[str, Any]] = [
        {"stage": r.stage, "rows_in": r.rows_in, "rows_out": r.rows_out, "seconds": r.seconds, "reused": r.reused}
        for r in results
    ]
    numbers = {f"stage/{row['stage']}/{name}": float(row[name]) for row in stages for name in ("rows_out", "seconds")}
    scores = context.lake.rows(SCORES, [results.rows_of("score")]) if "score" in results else []
    for name in ("correct", "wrong", "truncated", "error"):
        numbers[f"attempts/{name}"] = float(sum(row[f"n_{name}"] for row in scores))
    costs = context.lake.rows(SPENT, [context.policy.revision, context.sampler.id])[0]
    numbers |= {f"cost/{name}": float(value) for name, value in costs.items()}
    rates = [float(row["value"]) for row in scores]
    if rates:
        numbers["pass_rate/mean"] = sum(rates) / len(rates)
    numbers |= {f"pass_rate/bin_{n}": float(count) for n, count in enumerate(_count_bins(rates))}
    return TrackedRun(
        config.track.project,
        f"{config.name}-{context.run[:8]}",
        redact_secrets(config.model_dump(mode="json")),
        numbers,
        rates,
        {"stages": stages, "completions": _read_completions(context)},
    )


def _find_finished(context: RunContext) -> StageResults:
    """Look up the stages that are finished, up to the first that is not."""
    results = StageResults()
    for entry in stage_entries(STAGES[-1].name):
        _, result = plan_stage(context, entry.name, results)
        if result is None:
            break
        results = results.plus(result)
    return results


def _read_completions(context: RunContext) -> list[dict[str, Any]]:
    config = context.config
    return context.lake.rows(COMPLETIONS, [context.policy.revision, context.sampler.id, config.track.completions])


def _count_bins(rates: Sequence[float]) -> list[int]:
    counts = [0] * BINS
    for rate in rates:
        counts[min(int(rate * BINS), BINS - 1)] += 1
    return counts


def _log_wandb(tracked: TrackedRun) -> None:
    wandb = importlib.import_module("wandb")
    with wandb.init(
        project=tracked.project, name=tracked.name, config=dict(tracked.settings), job_type="curation"
    ) as run:
        tables = {
            name: wandb.Table(columns=list(rows[0]), data=[list(row.values()) for row in rows])
            for name, rows in tracked.tables.items()
            if rows
        }
        histogram = {"pass_rates": wandb.Histogram(tracked.pass_rates)} if tracked.pass_rates else {}
        run.log({**tracked.numbers, **histogram, **tables})


def _log_mlflow(tracked: TrackedRun) -> None:
    mlflow = importlib.import_module("mlflow")
    mlflow.set_experiment(tracked.project)
    with mlflow.start_run(run_name=tracked.name):
        mlflow.log_dict(dict(tracked.settings), "config.json")
        mlflow.log_metrics(dict(tracked.numbers))
        mlflow.log_dict({"pass_rates": list(tracked.pass_rates)}, "pass_rates.json")
        for name, rows in tracked.tables.items():
            mlflow.log_dict({"rows": [dict(row) for row in rows]}, f"{name}.json")


def _log_trackio(tracked: TrackedRun) -> None:
    trackio, pandas = importlib.import_module("trackio"), importlib.import_module("pandas")
    trackio.init(project=tracked.project, name=tracked.name, config=dict(tracked.settings))
    tables = {
        name: trackio.Table(dataframe=pandas.DataFrame([dict(row) for row in rows]))
        for name, rows in tracked.tables.items()
        if rows
    }
    trackio.log({**tracked.numbers, **tables})
    trackio.finish()


TRACKERS: Mapping[str, Callable[[TrackedRun], None]] = {
    "wandb": _log_wandb,
    "mlflow": _log_mlflow,
    "trackio": _log_trackio,
}
