"""Build the page of a run: no script, nothing loaded from elsewhere, every text escaped."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from assay.reports._markup import document, histogram_strip, paragraph, section, share_bar, table, tiles

ReportData = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]
MEASURED = ("source", "scored", "kept", "correct", "wrong", "truncated", "error", "mean")


def render_page(report: ReportData, charts: Mapping[str, str]) -> str:
    """Render the page. What does not exist yet, such as a training that never ran, has no section.

    Args:
        report: the values that `pipelines.analysis.report` collects.
        charts: SVG texts under the names difficulty, widths and training; each may be missing.
    """
    body = [
        _head(report),
        tiles(report["tiles"]),
        section("Stages", _stages(report["stages"])),
        section("Difficulty", _pair(charts, "difficulty", "widths"), _sources(report["difficulty"], report["bins"])),
        section(
            "Dropped, and why",
            table(("stage", "reason", "rows", "example"), [tuple(row.values()) for row in report["dropped"]]),
        ),
        section("Disputed", _disputed(report["disputed"])),
        section("Clusters", _clusters(report["clusters"])),
        section("Would choosing problems pay", _value(report["value"])),
        section("The curriculum's head", _curriculum(report["curriculum"])),
        section("Training", charts.get("training", ""), paragraph(report["training"]) if report["training"] else ""),
        section("What was paid", _costs(report["costs"])),
        section("What the lake holds", _tables(report["tables"])),
        section("Policy, verifiers, versions", _versions(report)),
        section("Lineage: the runs behind this page", _runs(report["runs"])),
    ]
    return document(f"{report['config']}: curation report", [piece for piece in body if piece])


def _head(report: ReportData) -> str:
    return f"<h1>{escape(report['config'])}</h1>" + paragraph(
        f"policy {report['policy']} · lake {report['lake']} · written {report['written']}"
    )


def _pair(charts: Mapping[str, str], *names: str) -> str:
    columns = [f"<div>{charts[name]}</div>" for name in names if name in charts]
    return f'<div class="pair">{"".join(columns)}</div>' if columns else ""


def _stages(stages: Rows) -> str:
    rows = [
        (
            stage["stage"],
            stage["state"],
            stage["in"],
            stage["out"],
            _share_passed_on(stage),
            stage["seconds"],
            stage["key"],
        )
        for stage in stages
    ]
    return table(("stage", "state", "rows in", "rows out", "went on", "seconds", "key"), rows)


def _share_passed_on(stage: Mapping[str, Any]) -> Any:
    """Return the share of rows that a stage passed on; None for a stage that is not done."""
    return share_bar(stage["out"], stage["in"]) if stage["out"] is not None else None


def _sources(sources: Rows, bins: Sequence[str]) -> str:
    rows = [
        (*(source[name] for name in MEASURED), histogram_strip([source["histogram"][name] for name in bins], bins))
        for source in sources
    ]
    return table(
        ("source", "scored", "selected", "right", "wrong", "cut", "error", "mean solved", "never … always solved"), rows
    )


def _disputed(disputed: ReportData) -> str:
    """Count the problems that only the lenient reading solves, and show some."""
    if not disputed["problems"]:
        return ""
    rows = [
        (
            problem["problem_id"],
            problem["gold"],
            problem["answer"],
            f"{problem['n_correct_lenient']}/{problem['n']}",
            problem["reason"],
        )
        for problem in disputed["examples"]
    ]
    summary = (
        f"{disputed['problems']} problems are solved in no attempt strictly and in some leniently. "
        "They are not hard: look at their golds."
    )
    return paragraph(summary) + table(("problem", "gold", "an answer", "leniently right", "how it was judged"), rows)


def _clusters(clusters: ReportData) -> str:
    rows = [
        (
            cluster["cluster"],
            cluster["size"],
            cluster["kept"],
            share_bar(cluster["kept"], cluster["size"]),
            cluster["mean"],
            " ".join(cluster["keywords"]),
            cluster["typical"],
        )
        for cluster in clusters["rows"]
    ]
    if not rows:
        return ""
    summary = (
        f"{clusters['covered']} of {clusters['clusters']} clusters hold a selected problem; "
        f"they hold {clusters['share']:.0%} of the scored problems."
    )
    more = f" The {len(rows)} largest are shown." if clusters["clusters"] > len(rows) else ""
    return paragraph(summary + more) + table(
        ("cluster", "problems", "selected", "share", "mean solved", "keywords", "nearest to the centre"), rows
    )


def _value(value: ReportData) -> str:
    """Tell what a mixed group would cost under each way of choosing."""
    if not value:
        return ""
    about = (
        f"Forecast from attempts at {value['attempted']} of {value['problems']} problems, for {value['steps']} steps of "
        f"{value['groups']} groups of {value['group_size']}: generated tokens per mixed group, median [80%]. "
        "`curate analyze value` simulates more."
    )
    rows = [
        (
            row["way"],
            row["uses"],
            _span(row["first_tenth"], ",.0f"),
            _span(row["whole"], ",.0f"),
            _span(row["gain"], ".2f"),
        )
        for row in value["rows"]
    ]
    head = ("way", "trainings that share its cost", "first tenth", "whole run", "times cheaper than uniform")
    return paragraph(value["answer"]) + table(head, rows) + paragraph(about)


def _span(interval: Sequence[float], form: str) -> str:
    low, middle, high = (f"{end:{form}}" for end in interval)
    return f"{middle} [{low}, {high}]"


def _curriculum(curriculum: ReportData) -> str:
    rows = [
        (lesson["position"], lesson["source"], _attempts(lesson), lesson["mean"], _interval(lesson), lesson["prompt"])
        for lesson in curriculum["rows"]
    ]
    more = (
        paragraph(f"The first {len(rows)} of {curriculum['lessons']} lessons.")
        if curriculum["lessons"] > len(rows)
        else ""
    )
    return more + table(("place", "source", "solved", "mean", "interval", "problem"), rows)


def _attempts(lesson: Mapping[str, Any]) -> str:
    if lesson["mean"] is None:
        return "unscored"
    return f"{lesson['correct']}/{lesson['correct'] + lesson['wrong'] + lesson['truncated']}"


def _interval(lesson: Mapping[str, Any]) -> str:
    return "–" if lesson["low"] is None or lesson["high"] is None else f"[{lesson['low']:.2f}, {lesson['high']:.2f}]"


def _costs(costs: Rows) -> str:
    rows = [
        (
            cost["policy_name"],
            cost["engine"],
            "training" if cost["from_training"] else "scoring",
            cost["rollouts"],
            cost["tokens"],
        )
        for cost in costs
    ]
    return table(("policy", "engine", "for", "attempts", "generated tokens"), rows)


def _tables(tables: Rows) -> str:
    rows = [
        (table_row["table"], table_row["made_by"], table_row["rows"], table_row["bytes"] / 1024) for table_row in tables
    ]
    return table(("table", "written by", "rows", "KiB"), rows)


def _versions(report: ReportData) -> str:
    policy = [
        ("policy", report["policy"]),
        ("revision", report["revision"]),
        ("grading", report["grading"]),
        *report["sampler"].items(),
    ]
    code = [
        *((f"verifier {verifier['verifier']}", verifier["version"]) for verifier in report["verifiers"]),
        *report["versions"].items(),
    ]
    columns = (table(("how the policy was asked", ""), policy), table(("what judged and ran", "version"), code))
    return '<div class="pair">' + "".join(f"<div>{column}</div>" for column in columns) + "</div>"


def _runs(runs: Rows) -> str:
    head = ("command", "stages", "began (UTC)", "outcome", "tokens", "attempts", "seconds", "run")
    fields = ("command", "stages", "started", "outcome", "tokens", "samples", "seconds", "run")
    return table(head, [tuple(run[name] for name in fields) for run in runs])
