"""Build the page of what a run left in its lake: no script, nothing loaded from elsewhere, every text escaped."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from assay.reports._markup import document, histogram_strip, paragraph, section, share_bar, table, tiles

ReportData = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]
MEASURED = ("source", "scored", "kept", "correct", "wrong", "truncated", "error", "mean")


def render_page(told: ReportData, charts: Mapping[str, str]) -> str:
    """Render the page. `told` is what `pipelines.analysis.report.collected` gives.

    `charts` are SVG texts: difficulty, widths, training.

    What is not there yet, a stage that is not done or a training that never ran, has no section.
    """
    body = [
        _head(told),
        tiles(told["tiles"]),
        section("Stages", _stages(told["stages"])),
        section("Difficulty", _pair(charts, "difficulty", "widths"), _sources(told["difficulty"], told["bins"])),
        section(
            "Dropped, and why",
            table(("stage", "reason", "rows", "example"), [tuple(row.values()) for row in told["dropped"]]),
        ),
        section("Disputed", _disputed(told["disputed"])),
        section("Clusters", _clusters(told["clusters"])),
        section("The curriculum's head", _curriculum(told["curriculum"])),
        section("Training", charts.get("training", ""), paragraph(told["training"]) if told["training"] else ""),
        section("What was paid", _costs(told["costs"])),
        section("What the lake holds", _tables(told["tables"])),
        section("Policy, verifiers, versions", _versions(told)),
        section("Lineage: the runs behind this page", _runs(told["runs"])),
    ]
    return document(f"{told['config']}: curation report", [each for each in body if each])


def _head(told: ReportData) -> str:
    return f"<h1>{escape(told['config'])}</h1>" + paragraph(
        f"policy {told['policy']} · lake {told['lake']} · written {told['written']}"
    )


def _pair(charts: Mapping[str, str], *names: str) -> str:
    found = [f"<div>{charts[name]}</div>" for name in names if name in charts]
    return f'<div class="pair">{"".join(found)}</div>' if found else ""


def _stages(stages: Rows) -> str:
    rows = [
        (each["stage"], each["state"], each["in"], each["out"], _went_on(each), each["seconds"], each["key"])
        for each in stages
    ]
    return table(("stage", "state", "rows in", "rows out", "went on", "seconds", "key"), rows)


def _went_on(stage: Mapping[str, Any]) -> Any:
    """What share of the rows; nothing of a stage that is not done."""
    return share_bar(stage["out"], stage["in"]) if stage["out"] is not None else None


def _sources(sources: Rows, bins: Sequence[str]) -> str:
    rows = [
        (*(each[name] for name in MEASURED), histogram_strip([each["histogram"][name] for name in bins], bins))
        for each in sources
    ]
    return table(
        ("source", "scored", "selected", "right", "wrong", "cut", "error", "mean solved", "never … always solved"), rows
    )


def _disputed(told: ReportData) -> str:
    """Problems that only the lenient reading solves: counted, and some shown."""
    if not told["problems"]:
        return ""
    rows = [
        (each["problem_id"], each["gold"], each["answer"], f"{each['n_correct_lenient']}/{each['n']}", each["reason"])
        for each in told["examples"]
    ]
    says = f"{told['problems']} problems are solved in no attempt strictly and in some leniently. They are not hard: look at their golds."
    return paragraph(says) + table(("problem", "gold", "an answer", "leniently right", "how it was judged"), rows)


def _clusters(told: ReportData) -> str:
    rows = [
        (
            each["cluster"],
            each["size"],
            each["kept"],
            share_bar(each["kept"], each["size"]),
            each["mean"],
            " ".join(each["keywords"]),
            each["typical"],
        )
        for each in told["rows"]
    ]
    if not rows:
        return ""
    reached = f"{told['covered']} of {told['clusters']} clusters hold a selected problem; they hold {told['share']:.0%} of the scored problems."
    more = f" The {len(rows)} largest are shown." if told["clusters"] > len(rows) else ""
    return paragraph(reached + more) + table(
        ("cluster", "problems", "selected", "share", "mean solved", "keywords", "nearest to the centre"), rows
    )


def _curriculum(told: ReportData) -> str:
    rows = [
        (each["position"], each["source"], _attempts(each), each["mean"], _interval(each), each["prompt"])
        for each in told["rows"]
    ]
    more = paragraph(f"The first {len(rows)} of {told['lessons']} lessons.") if told["lessons"] > len(rows) else ""
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
            each["policy_name"],
            each["engine"],
            "training" if each["from_training"] else "scoring",
            each["rollouts"],
            each["tokens"],
        )
        for each in costs
    ]
    return table(("policy", "engine", "for", "attempts", "generated tokens"), rows)


def _tables(tables: Rows) -> str:
    rows = [(each["table"], each["made_by"], each["rows"], each["bytes"] / 1024) for each in tables]
    return table(("table", "written by", "rows", "KiB"), rows)


def _versions(told: ReportData) -> str:
    asked = [
        ("policy", told["policy"]),
        ("revision", told["revision"]),
        ("grading", told["grading"]),
        *told["sampler"].items(),
    ]
    code = [
        *((f"verifier {each['verifier']}", each["version"]) for each in told["verifiers"]),
        *told["versions"].items(),
    ]
    columns = (table(("how the policy was asked", ""), asked), table(("what judged and ran", "version"), code))
    return '<div class="pair">' + "".join(f"<div>{column}</div>" for column in columns) + "</div>"


def _runs(runs: Rows) -> str:
    head = ("command", "stages", "began (UTC)", "outcome", "tokens", "attempts", "seconds", "run")
    return table(
        head,
        [
            tuple(
                each[name]
                for name in ("command", "stages", "started", "outcome", "tokens", "samples", "seconds", "run")
            )
            for each in runs
        ],
    )
