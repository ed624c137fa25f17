"""Copies among the questions of a log, and questions of benchmarks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assay.core.parts import build_part
from assay.core.ports import FilterContext
from assay.core.types import Drop, Label, Problem
from assay.filters.contaminated import Contaminated
from assay.filters.exact import Exact
from assay.filters.near import Near
from assay.pipelines.analysis.autopsy.table import Finding
from assay.pipelines.analysis.config_draft import draft_config
from assay.stores.rollout_log import RolloutLog

BUNDLED = {
    "svamp (300 of its 1,000, bundled)": {"paths": "package:svamp_300.jsonl", "prompt": "question", "answer": "answer"}
}
MOST_COMPARED = 200_000  # problems that are compared with each other: near copies need the shingles of all at once
CHUNK = 20_000  # problems that are compared with benchmarks at a time


@dataclass(slots=True)
class Prompts:
    """The questions of a log, by number, with what is wrong with them."""

    questions: list[str]
    golds: list[str | None]
    copy_of: dict[int, int] = field(default_factory=dict)  # exact copy -> the problem that stays
    near_of: dict[int, int] = field(default_factory=dict)
    repeats: dict[int, str] = field(default_factory=dict)  # problem -> benchmark, its problem, kind of match
    benchmarks: dict[str, int] = field(default_factory=dict)  # name -> problems
    compared: bool = True  # False: too many problems to look for near copies


def read_benchmarks(paths: Sequence[Path]) -> dict[str, list[Problem]]:
    """Return the bundled sample and the problems of further files, whose fields are guessed as `curate init` does.

    Raises:
        ConfigError: a file of which no row is a question with its answer.
    """
    tables = dict(BUNDLED)
    tables |= {path.stem: {"paths": str(path.absolute()), **draft_config(path).guess.settings} for path in paths}
    return {name: [problem for problem, _ in read_pairs(settings)] for name, settings in tables.items()}


def read_pairs(settings: Mapping[str, object]) -> list[tuple[Problem, Label]]:
    """Return the problems and labels of a file, without its bad rows."""
    source = build_part("source", "files", dict(settings))
    return [row for row in source.read() if not isinstance(row, Drop)]


def look_at_prompts(log: RolloutLog, benchmarks: Mapping[str, Sequence[Problem]]) -> Prompts:
    """Find exact and near copies among the questions of a log, and questions of benchmarks by their words."""
    rows = log.query("SELECT question, gold FROM questions ORDER BY problem")
    prompts = Prompts(rows["question"].to_pylist(), rows["gold"].to_pylist())
    prompts.benchmarks = {name: len(problems) for name, problems in benchmarks.items()}
    prompts.compared = len(prompts.questions) <= MOST_COMPARED
    if prompts.compared:
        _find_copies(prompts)
    part = Contaminated()
    for start in range(0, len(prompts.questions), CHUNK):
        chunk = [Problem.of(question) for question in prompts.questions[start : start + CHUNK]]
        repeats = part.find_repeats(chunk, {name: list(problems) for name, problems in benchmarks.items() if problems})
        prompts.repeats |= {start + row: detail for row, detail in repeats.items()}
    return prompts


def prompt_findings(log: RolloutLog, prompts: Prompts) -> list[Finding]:
    """Return the shares of the tokens that went into copies and into problems of benchmarks."""
    weight = log.columns("SELECT sum(weight) AS weight FROM groups GROUP BY problem ORDER BY problem")["weight"]
    names = ", ".join(f"{name}: {count} problems" for name, count in prompts.benchmarks.items())
    lines: list[tuple[str, Collection[int], str]] = [
        ("exact copies", prompts.copy_of, "the same text but for instructions, blanks and typesetting"),
        ("near copies", prompts.near_of, "almost the same words, the same numbers and the same gold"),
        ("questions of a benchmark", prompts.repeats, f"by their words, against {names}"),
    ]
    total = max(float(weight.sum()), 1.0)
    findings = [
        Finding(
            "prompts",
            name,
            float(weight[sorted(problems)].sum()) / total,  # a fact of this log: nothing was sampled
            count=len(problems),
            of=len(weight),
            unit="problems",
            note=note,
        )
        for name, problems, note in lines
    ]
    if prompts.compared:
        return findings
    why = f"not looked for among more than {MOST_COMPARED:,} problems"
    return [*(Finding("prompts", name, None, note=why) for name, _, _ in lines[:2]), *findings[2:]]


def _find_copies(prompts: Prompts) -> None:
    """Fill in copies; of equal questions the one with the smallest id stays."""
    problems = [Problem.of(question) for question in prompts.questions]
    row_of = {problem.id: row for row, problem in enumerate(problems)}
    labels = {
        problem.id: [Label.of(problem.id, gold, verifier="math")]
        for problem, gold in zip(problems, prompts.golds, strict=True)
        if gold
    }
    context = FilterContext()
    for drop in Exact().sift(problems, labels, context):
        prompts.copy_of[row_of[drop.problem_id]] = row_of[drop.detail.rpartition(" ")[2]]
    remaining = [problem for row, problem in enumerate(problems) if row not in prompts.copy_of]
    for drop in Near().sift(remaining, labels, context):
        if isinstance(drop, Drop):
            prompts.near_of[row_of[drop.problem_id]] = row_of[drop.detail.rpartition(" ")[2]]
