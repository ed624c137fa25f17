"""The autopsy as one call: read, count, compare, re-grade, replay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.maths.text.instruction_wrappers import strip_instructions
from assay.pipelines.analysis.autopsy.columns import KNOWN_COLUMNS, LogColumns
from assay.pipelines.analysis.autopsy.grades import disputed_examples, grade_findings, regrade
from assay.pipelines.analysis.autopsy.groups import LogFacts, group_attempts, timeline
from assay.pipelines.analysis.autopsy.pool import MIN_SIGNAL, count_reasons, rate_problems
from assay.pipelines.analysis.autopsy.prompts import (
    Prompts,
    look_at_prompts,
    prompt_findings,
    read_benchmarks,
    read_pairs,
)
from assay.pipelines.analysis.autopsy.read import LogSummary, question_key, read_log
from assay.pipelines.analysis.autopsy.replay import choice_findings
from assay.pipelines.analysis.autopsy.signal import cut_findings, signal_findings
from assay.pipelines.analysis.autopsy.table import Finding, to_rows
from assay.pipelines.analysis.autopsy.trend import trend_findings
from assay.pipelines.analysis.config_draft import draft_config
from assay.stores.rollout_log import RolloutLog

SHOWN = 8  # copies and repeats that are shown


@dataclass(frozen=True, slots=True)
class AutopsyOptions:
    """How a log is read and judged."""

    columns: LogColumns = KNOWN_COLUMNS
    right: float | None = None  # the least reward that is right; None = as the log's rewards suggest
    verifier: str = "math"
    regrade: int = 4_000  # answers at most that are graded again; 0 = none
    benchmarks: tuple[Path, ...] = ()
    pool: Path | None = None  # a file of the training problems with gold answers, for logs that have none
    min_signal: float = MIN_SIGNAL
    group_size: int = 0  # of the training to come; 0 = the log's
    seed: int = 0


DEFAULTS = AutopsyOptions()


@dataclass(frozen=True, slots=True)
class Autopsy:
    """What came of it."""

    name: str
    summary: LogSummary
    facts: LogFacts
    totals: dict[str, int]  # attempts, problems, groups, steps, weight
    findings: list[Finding]
    timeline: list[dict[str, Any]]
    copies: list[dict[str, str]]  # examples
    repeats: list[dict[str, str]]
    disputed: list[dict[str, Any]]
    problems: list[dict[str, Any]]  # one row per problem
    reasons: dict[str, int]  # problems that stay, and those that leave by reason
    notes: list[str]  # what was assumed, and what the log does not say

    def share(self, topic: str, finding: str) -> float | None:
        """Return a finding's share; None where it cannot be said or there is none."""
        return next((row.share for row in self.findings if (row.topic, row.finding) == (topic, finding)), None)

    def to_json(self) -> dict[str, Any]:
        """Return all but the rows per problem as JSON can hold it."""
        return {
            "log": self.name,
            **self.totals,
            "unit": self.facts.unit,
            "group_size": self.facts.group_size,
            "right_from": self.facts.threshold,
            "columns": self.summary.columns,
            "unread": dict(self.summary.unread),
            "findings": to_rows(self.findings),
            "timeline": self.timeline,
            "pool": self.reasons,
            "disputed": self.disputed,
            "copies": self.copies,
            "benchmark_questions": self.repeats,
            "notes": self.notes,
        }


def dissect(places: Sequence[Path], options: AutopsyOptions = DEFAULTS) -> Autopsy:
    """Look at a rollout log: no model, no config, no lake.

    Args:
        places: its files, or folders of them.
        options: how it is read and judged.

    Raises:
        ConfigError: no such file, one that cannot be read, or no row is an attempt.
    """
    benchmarks = read_benchmarks(options.benchmarks)
    golds = _read_golds(options.pool) if options.pool else {}
    with RolloutLog() as log:
        summary = read_log(log, places, options.columns, golds=golds, sample=options.regrade, seed=options.seed)
        facts = group_attempts(log, summary, right=options.right)
        prompts = look_at_prompts(log, benchmarks)
        graded = regrade(summary.sample, facts, verifier=options.verifier)
        findings = [
            *signal_findings(log, facts),
            *cut_findings(log, facts),
            *prompt_findings(log, prompts),
            *grade_findings(graded, log.attempts, verifier=options.verifier),
            *trend_findings(log, facts, summary, graded),
            *choice_findings(log, facts),
        ]
        rows = rate_problems(log, facts, prompts, graded, min_signal=options.min_signal, group_size=options.group_size)
        return Autopsy(
            name=", ".join(place.name or str(place) for place in places),
            summary=summary,
            facts=facts,
            totals=_count(log, summary, facts),
            findings=findings,
            timeline=timeline(log),
            copies=_show_copies(prompts),
            repeats=_show_repeats(prompts),
            disputed=disputed_examples(graded),
            problems=rows,
            reasons=count_reasons(rows),
            notes=_notes(summary, facts, prompts),
        )


def _read_golds(path: Path) -> dict[str, str]:
    """Return gold answers by question, of a file whose fields are guessed."""
    settings = {"paths": str(path.absolute()), **draft_config(path).guess.settings}
    return {question_key(problem.text): label.answer for problem, label in read_pairs(settings)}


def _count(log: RolloutLog, summary: LogSummary, facts: LogFacts) -> dict[str, int]:
    groups = log.rows("SELECT count(*) AS groups, sum(weight)::BIGINT AS weight FROM groups")[0]
    return {
        "attempts": log.attempts,
        "problems": summary.problems,
        "groups": int(groups["groups"]),
        "steps": facts.times,
        facts.unit: int(groups["weight"]),
    }


def _show_copies(prompts: Prompts) -> list[dict[str, str]]:
    copies_by_kind = [("exact", prompts.copy_of), ("near", prompts.near_of)]
    return [
        {
            "kind": kind,
            "copy": strip_instructions(prompts.questions[copy]),
            "stays": strip_instructions(prompts.questions[original]),
        }
        for kind, copies in copies_by_kind
        for copy, original in sorted(copies.items())[: SHOWN // 2]
    ]


def _show_repeats(prompts: Prompts) -> list[dict[str, str]]:
    return [
        {"question": strip_instructions(prompts.questions[row]), "match": match}
        for row, match in sorted(prompts.repeats.items())[:SHOWN]
    ]


def _notes(summary: LogSummary, facts: LogFacts, prompts: Prompts) -> list[str]:
    """Say what was assumed about the log."""
    right = (
        f"right is what the column {summary.columns['correct']} says"
        if facts.own_correctness
        else f"right is a reward of at least {facts.threshold:g}"
    )
    notes = [f"{right}; a group is what was answered to one question in one {_unit_of_time(facts)}"]
    if facts.unit == "characters":
        notes.append("the log has no token counts: characters of the answers are used instead")
    if facts.steps == "file":
        notes.append(
            "the log has no steps: time is the order of its files, and answers to one question in one file are one "
            "group"
        )
    if facts.steps == "file name":
        notes.append("the steps are the numbers in the files' names")
    if summary.unread:
        notes.append("rows left out: " + ", ".join(f"{count:,} with {why}" for why, count in summary.unread.items()))
    golds = f"{summary.golds:,} of {summary.problems:,} problems have a gold answer"
    return [*notes, golds if summary.golds else "the log has no gold answers", *_read_columns(summary.columns)]


def _unit_of_time(facts: LogFacts) -> str:
    return "file" if facts.steps == "file" else "step"


def _read_columns(columns: Mapping[str, str]) -> list[str]:
    return ["columns: " + ", ".join(f"{field_name} in {name}" for field_name, name in columns.items())]
