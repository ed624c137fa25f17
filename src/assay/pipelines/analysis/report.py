"""A config's lake as an HTML page: the summary, and interval widths, clusters, training, costs, versions and lineage.

`collected` gathers the values, `rendered` draws them, and `write` does both and writes the page.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError
from assay.maths.text.keywords import keywords
from assay.pipelines.analysis import disputed
from assay.pipelines.analysis.choosing_value import describe_value, summarize_value
from assay.pipelines.analysis.summary import BINS, PAID, SUMS, difficulty, dropped, histogram, lessons
from assay.pipelines.context.results import StageResult, StageResults
from assay.pipelines.context.run import RunContext, versions
from assay.pipelines.context.stage import Stage
from assay.pipelines.data.problems import side_verifiers
from assay.pipelines.runner.stages import survey
from assay.pipelines.stages import load_stage, stage_names
from assay.reports import plots
from assay.reports.html import render_page
from assay.stores.references import made_by

NOTHING = StageResults()
SHOWN, HEAD = 24, 20  # clusters and lessons that the page shows
READ, POINTS = 50, 400  # problems per cluster whose words are read; points of a curve
CURVES = {"reward": "reward", "eval_pass_at_1": "held-out pass@1"}
BEST = "(SELECT * FROM current_scores WHERE scoring_id = $1)"
KEPT = "(SELECT problem_id FROM selections WHERE selection_id = $2 AND kept)"
COUNTS = f"""
SELECT n_correct AS solved, n_wrong + n_truncated AS unsolved, count(*) AS problems, count(k.problem_id) AS kept
FROM {BEST} s LEFT JOIN {KEPT} k USING (problem_id)
WHERE NOT coalesce(s.disputed AND s.n_correct = 0, false) GROUP BY ALL
"""
WIDTHS = f"""
SELECT least(9, floor((high - low) * 10))::INT AS tenth, count(*) AS problems, count(k.problem_id) AS kept
FROM {BEST} s LEFT JOIN {KEPT} k USING (problem_id) GROUP BY ALL
"""
CLUSTERS = f"""
SELECT cluster, count(*) AS size, count(k.problem_id) AS kept, avg(s.value) AS mean
FROM (SELECT * FROM clusters WHERE clustering_id = $3) c JOIN {BEST} s USING (problem_id)
LEFT JOIN {KEPT} k USING (problem_id)
GROUP BY cluster ORDER BY size DESC, cluster
"""
NEAREST = """
SELECT cluster, p.messages[-1].content AS text FROM clusters c JOIN problems p ON p.id = c.problem_id
WHERE clustering_id = ? AND cluster IN (SELECT unnest(?::BIGINT[]))
QUALIFY row_number() OVER (PARTITION BY cluster ORDER BY similarity DESC, problem_id) <= ?
ORDER BY cluster, similarity DESC, problem_id
"""
CURVE = "SELECT step, value FROM train_metrics WHERE training = ? AND name = ? AND value IS NOT NULL ORDER BY step"
RUNS = """
SELECT s.run, any_value(b.command) AS command, string_agg(DISTINCT s.stage, ', ' ORDER BY s.stage) AS stages,
       strftime(make_timestamp((any_value(b.time) * 1000000)::BIGINT), '%Y-%m-%d %H:%M') AS started,
       any_value(e.outcome) AS outcome, any_value(e.tokens) AS tokens, any_value(e.samples) AS samples,
       any_value(e.seconds) AS seconds
FROM stages s LEFT JOIN (SELECT * FROM runs WHERE event = 'start') b USING (run)
LEFT JOIN (SELECT * FROM runs WHERE event = 'end') e USING (run)
WHERE s.key IN (SELECT unnest(?::VARCHAR[])) GROUP BY s.run ORDER BY any_value(b.time)
"""


def write(context: RunContext, out: Path | None = None, results: StageResults = NOTHING) -> Path:
    """Write the page of this config, whole or not at all.

    Args:
        context: the run.
        out: where; None = `reports/NAME.html` in the lake's folder.
        results: as of `collected`.

    Returns:
        Where the page lies.

    Raises:
        ConfigError: the lake is a bucket and no place is given, or the place cannot be written.
    """
    if out is None and context.lake.storage.remote:
        raise ConfigError(f"{context.lake.place} is a bucket, whose folder holds no pages: name a file with --out")
    place = out or context.lake.root / "reports" / f"{context.config.name.replace('/', '-')}.html"
    text = rendered(collected(context, results))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        aside = place.with_name(f".{place.name}.tmp")
        aside.write_text(text, encoding="utf-8")
        aside.replace(place)
    except OSError as error:
        raise ConfigError(f"the page cannot be written to {place}: {error.strerror}") from error
    return place


def rendered(report: Mapping[str, Any]) -> str:
    """Render the page.

    Args:
        report: the values of `collected`.
    """
    charts = {}
    if report["histogram"]:
        charts["difficulty"] = difficulty_chart(report)
        tenths = [f".{tenth}–.{tenth + 1}" if tenth < 9 else ".9–1" for tenth in range(10)]
        stacks = {"selected": report["widths"]["kept"], "others": report["widths"]["others"]}
        charts["widths"] = plots.draw_bars("How sure that is", tenths, stacks, x="width of the interval", y="problems")
    if any(report["curves"].values()):
        charts["training"] = plots.draw_lines("What the steps brought", report["curves"], x="step", y="share")
    return render_page(report, charts)


def difficulty_chart(report: Mapping[str, Any]) -> str:
    """Draw the difficulty histogram as SVG; `reports.plots.encode_data_uri` makes an address of it.

    Args:
        report: the values of `collected`.
    """
    return plots.draw_difficulty(
        report["bins"], report["histogram"]["problems"], report["histogram"]["kept"], report["policy"]
    )


def collected(context: RunContext, results: StageResults = NOTHING) -> dict[str, Any]:
    """Collect everything that the page shows, as plain values; the lake is read, and no stage is run.

    Args:
        context: the run.
        results: what the run's stages have come to, those included that a limit left partly done.
    """
    surveyed = survey(context)
    results = results.plus(*surveyed.results)
    stages = [_stage_row(name, surveyed.results.get(name), surveyed.following) for name in stage_names()]
    scored = (
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
        "difficulty": difficulty(context, results) if scored else [],
        "histogram": _count_bins(context, scored) if scored else {},
        "widths": _count_widths(context, scored) if scored else {},
        "clusters": _cluster_rows(context, scored, results.rows_of("embed"))
        if scored and "embed" in results
        else {"rows": []},
        "dropped": dropped(context, results),
        "grading": context.mode,
        "disputed": disputed.summarize_disputed(context, results) if scored else disputed.NONE,
        "value": _describe_value(context, results),
        "curriculum": _first_lessons(context, results),
        "costs": context.lake.rows(PAID),
        "tables": _table_rows(context),
        "verifiers": [
            {"verifier": name, "version": context.judge.version(name)}
            for name in side_verifiers(context, results, "train")
        ]
        if "split" in results
        else [],
        "versions": versions(),
        **_training_curves(context, results),
    }
    report["runs"] = _read_runs(context, [*results.ledger_lines, report.pop("trained")])
    return {**report, "tiles": _make_tiles(report)}


def _stage_row(name: str, done: StageResult | None, following: Stage | None) -> dict[str, Any]:
    """Describe a stage: done, next (with what is left), or later."""
    row: dict[str, Any] = {"stage": name, "state": "later", "in": None, "out": None, "seconds": None, "key": ""}
    if done is not None:
        counts = {"in": done.rows_in, "out": done.rows_out, "seconds": done.seconds}
        return row | {"state": "done", **counts, "key": done.key.ledger}
    if following is None or following.name != name:
        return row
    left = following.remaining()
    state = "next: " + ", ".join(f"{count} {unit}" for unit, count in left.by_unit.items())
    return row | {"state": state, "in": left.rows_in, "key": following.key.ledger}


def _count_bins(context: RunContext, scored: list[str]) -> dict[str, list[int]]:
    rows = context.lake.rows(COUNTS, scored)
    counted = {
        name: histogram([(row["solved"], row["unsolved"], row[name]) for row in rows]) for name in ("problems", "kept")
    }
    return {name: [bins[share] for share in BINS] for name, bins in counted.items()}


def _count_widths(context: RunContext, scored: list[str]) -> dict[str, list[int]]:
    tenths = {row["tenth"]: row for row in context.lake.rows(WIDTHS, scored) if row["tenth"] is not None}
    selected = [tenths[tenth]["kept"] if tenth in tenths else 0 for tenth in range(10)]
    return {
        "kept": selected,
        "others": [tenths[tenth]["problems"] - selected[tenth] if tenth in tenths else 0 for tenth in range(10)],
    }


def _cluster_rows(context: RunContext, scored: list[str], clustering: str) -> dict[str, Any]:
    rows = context.lake.rows(CLUSTERS, [*scored, clustering])
    shown = rows[:SHOWN]
    near: dict[int, list[str]] = {row["cluster"]: [] for row in shown}
    for row in context.lake.rows(NEAREST, [clustering, list(near), READ]):
        near[row["cluster"]].append(row["text"])
    words = keywords(near)
    total, reached = sum(row["size"] for row in rows), [row for row in rows if row["kept"]]
    described = [
        {**row, "keywords": words[row["cluster"]], "typical": next(iter(near[row["cluster"]]), "")} for row in shown
    ]
    return {
        "rows": described,
        "clusters": len(rows),
        "covered": len(reached),
        "share": sum(row["size"] for row in reached) / max(total, 1),
    }


def _describe_value(context: RunContext, results: StageResults) -> dict[str, Any]:
    """Forecast whether choosing problems would pay; empty where there is too little to say."""
    estimate = summarize_value(context, results)
    return {**estimate, "answer": describe_value(estimate)} if estimate else {}


def _first_lessons(context: RunContext, results: StageResults) -> dict[str, Any]:
    rows = lessons(context, results) if "order" in results else []
    return {"rows": rows[:HEAD], "lessons": len(rows)}


def _training_curves(context: RunContext, results: StageResults) -> dict[str, Any]:
    """Return the curves of this config's training, thinned to POINTS each, and a line that describes it."""
    if "order" not in results or not context.lake.rows("SELECT 1 FROM train_metrics LIMIT 1"):
        return {"curves": {}, "training": "", "trained": ""}
    training = load_stage("train")(context, results)
    key = training.key.rows
    curves = {
        name: _thin_points([(row["step"], row["value"]) for row in context.lake.rows(CURVE, [key, metric])])
        for metric, name in CURVES.items()
    }
    done = training.finished()
    summary = (
        f"{context.config.train.objective}, {context.config.train.steps} steps, {done.seconds:.0f} s"
        if done
        else "not finished"
    )
    return {
        "curves": {name: points for name, points in curves.items() if points},
        "training": summary if any(curves.values()) else "",
        "trained": key,
    }


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


def _thin_points(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    step = -(-len(points) // POINTS) or 1
    return points[::step]


def _read_runs(context: RunContext, lines: list[str]) -> list[dict[str, Any]]:
    """Return the runs that wrote these lines of the ledger."""
    return context.lake.rows(RUNS, [lines])


def _make_tiles(report: Mapping[str, Any]) -> list[tuple[str, Any]]:
    stages = {stage["stage"]: stage for stage in report["stages"]}
    tokens = sum(cost["tokens"] for cost in report["costs"])
    attempts = sum(source[name] for source in report["difficulty"] for name in SUMS)
    return [
        ("problems after ingest", stages["ingest"]["out"]),
        ("left by cleaning", stages["clean"]["out"]),
        ("scored", stages["score"]["out"]),
        ("attempts behind the scores", attempts),
        ("selected", stages["select"]["out"]),
        ("tokens in this lake", tokens),
    ]
