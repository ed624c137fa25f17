"""Where a config stands: its stages, drops and difficulty, what the lake holds, and the runs and versions behind it."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from assay.pipelines.analysis import disputed
from assay.pipelines.analysis.choosing_value import describe_value, summarize_value
from assay.pipelines.analysis.summary import BINS, count_by_share, list_drops
from assay.pipelines.context.results import StageResult, StageResults
from assay.pipelines.context.run import RunContext, list_versions
from assay.pipelines.context.stage import Stage
from assay.pipelines.data.problems import side_verifiers
from assay.pipelines.runner.stages import survey_stages
from assay.pipelines.stages import load_stage, stage_names
from assay.reports import plots
from assay.stores.references import made_by

NOTHING = StageResults()
BEST = "(SELECT * FROM current_scores WHERE scoring_id = $1)"
KEPT = "(SELECT problem_id FROM selections WHERE selection_id = $2 AND kept)"
COUNTS = f"""
SELECT n_correct AS solved, n_wrong + n_truncated AS unsolved, count(*) AS problems, count(k.problem_id) AS kept
FROM {BEST} s LEFT JOIN {KEPT} k USING (problem_id)
WHERE NOT coalesce(s.disputed AND s.n_correct = 0, false) GROUP BY ALL
"""
RUNS = """
SELECT s.run, any_value(b.command) AS command, string_agg(DISTINCT s.stage, ', ' ORDER BY s.stage) AS stages,
       strftime(make_timestamp((any_value(b.time) * 1000000)::BIGINT), '%Y-%m-%d %H:%M') AS started,
       any_value(e.outcome) AS outcome, any_value(e.tokens) AS tokens, any_value(e.samples) AS samples,
       any_value(e.seconds) AS seconds
FROM stages s LEFT JOIN (SELECT * FROM runs WHERE event = 'start') b USING (run)
LEFT JOIN (SELECT * FROM runs WHERE event = 'end') e USING (run)
WHERE s.key IN (SELECT unnest(?::VARCHAR[])) GROUP BY s.run ORDER BY any_value(b.time)
"""


def difficulty_chart(report: Mapping[str, Any]) -> str:
    """Draw the difficulty histogram as SVG; `reports.plots.encode_data_uri` makes an address of it.

    Args:
        report: the values of `collect_values`.
    """
    return plots.draw_difficulty(
        report["bins"], report["histogram"]["problems"], report["histogram"]["kept"], report["policy"]
    )


def collect_values(context: RunContext, results: StageResults = NOTHING) -> dict[str, Any]:
    """Collect these values; the lake is read, and no stage is run.

    Args:
        context: the run.
        results: what the run's stages have come to, those included that a limit left partly done.
    """
    surveyed = survey_stages(context)
    results = results.plus(*surveyed.results)
    stages = [_stage_row(name, surveyed.results.get(name), surveyed.following) for name in stage_names()]
    scorings = (
        [results.rows_of("score"), results.rows_of("select") if "select" in results else ""]
        if "score" in results
        else []
    )
    report: dict[str, Any] = {
        "config": context.config.name,
        "lake": context.lake.place,
        "written": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "policy": context.policy.name,
        "revision": context.policy.revision,
        "sampler": {
            name: value
            for name, value in asdict(context.config.policy.sampler).items()
            if value not in ("", (), {}, None)
        },
        "stages": stages,
        "bins": BINS,
        "histogram": _count_bins(context, scorings) if scorings else {},
        "dropped": list_drops(context, results),
        "grading": context.mode,
        "disputed": disputed.summarize_disputed(context, results) if scorings else disputed.NONE,
        "value": _describe_value(context, results),
        "tables": _table_rows(context),
        "verifiers": [
            {"verifier": name, "version": context.judge.version(name)}
            for name in side_verifiers(context, results, "train")
        ]
        if "split" in results
        else [],
        "versions": list_versions(),
        "runs": context.lake.rows(RUNS, [[*results.ledger_lines, *_training_lines(context, results)]]),
    }
    return report


def _stage_row(name: str, result: StageResult | None, following: Stage | None) -> dict[str, Any]:
    """Describe a stage: done, next (with what is left), or later."""
    row: dict[str, Any] = {"stage": name, "state": "later", "in": None, "out": None, "seconds": None, "key": ""}
    if result is not None:
        counts = {"in": result.rows_in, "out": result.rows_out, "seconds": result.seconds}
        return row | {"state": "done", **counts, "key": result.key.ledger}
    if following is None or following.name != name:
        return row
    remaining = following.remaining()
    state = "next: " + ", ".join(f"{count} {unit}" for unit, count in remaining.by_unit.items())
    return row | {"state": state, "in": remaining.rows_in, "key": following.key.ledger}


def _count_bins(context: RunContext, scorings: list[str]) -> dict[str, list[int]]:
    rows = context.lake.rows(COUNTS, scorings)
    counts = {
        name: count_by_share([(row["solved"], row["unsolved"], row[name]) for row in rows])
        for name in ("problems", "kept")
    }
    return {name: [bins[share] for share in BINS] for name, bins in counts.items()}


def _describe_value(context: RunContext, results: StageResults) -> dict[str, Any]:
    """Forecast whether choosing problems would pay; empty where there is too little to say."""
    estimate = summarize_value(context, results)
    return {**estimate, "answer": describe_value(estimate)} if estimate else {}


def _table_rows(context: RunContext) -> list[dict[str, Any]]:
    """List rows, bytes and the writing stages of each table of the lake that has rows.

    What two writers added at once counts twice.
    """
    files = [file for entry in context.lake.entries() for file in entry.files]
    return [
        {
            "table": name,
            "made_by": ", ".join(made_by(name)),
            "rows": sum(file.rows for file in files if file.table == name),
            "bytes": sum(file.bytes for file in files if file.table == name),
        }
        for name in sorted({file.table for file in files})
    ]


def _training_lines(context: RunContext, results: StageResults) -> list[str]:
    """Return the ledger's key of the config's own training; none before there is a curriculum and a training."""
    if "order" not in results or not context.lake.rows("SELECT 1 FROM train_metrics LIMIT 1"):
        return []
    return [load_stage("train")(context, results).key.rows]
