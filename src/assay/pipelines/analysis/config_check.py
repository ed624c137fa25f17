"""A look at a config before its budget is spent.

Some rows of every source are read, every named part is built, one prompt is rendered, and gold answers are judged; no
model is asked.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from assay.core import parts
from assay.core.config import Config, SourceConfig
from assay.core.errors import ConfigError
from assay.core.types import Drop, GradingCase, Label, Problem, Verdict
from assay.filters.unverifiable import gold_rollouts
from assay.maths.text.golds import FREE_TEXT, find_oddities
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.sources import build_source, check_outside_verifiers
from assay.pipelines.stages.ingest import check_label

ROWS = 20  # rows of each source that are always read
MOST_ROWS, MOST_S = 1_000, 2.0  # reading goes on to so many rows, for at most so many seconds
PROMPT_SHOWN = 4_000  # characters
FEW_WORDS, PER_WORD = (
    12,
    4,
)  # that many different words as golds, each of so many rows in the mean, are rather a category
WORDS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class SourceLook:
    """What the first rows of one source are."""

    name: str
    rows: int
    whole: bool  # whether these are all of its rows
    problems: list[tuple[Problem, Label]]
    dropped: Counter[str] = field(default_factory=Counter)
    noticed: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)  # by reason


@dataclass(frozen=True, slots=True)
class GoldTrial:
    """One problem's prompt, its gold answer, and the verdicts on that answer written in usual forms."""

    source: str
    prompt: str
    gold: str
    verifier: str
    verdicts: list[Verdict]
    texts: list[str]

    @property
    def accepted(self) -> bool:
        """Whether one form was correct; labels that no sentence passes (tests of a program) count as accepted."""
        return not self.verdicts or any(verdict.outcome == "correct" for verdict in self.verdicts)


def check_parts(config: Config) -> None:
    """Import what reading the config has not: verifiers from outside and trackers.

    Raises:
        ConfigError: a module, function or package is missing, or raises when it is imported.
    """
    from assay.training.trainer.checks import check_reports

    for name in {str(source.settings.get("verifier", "math")) for source in config.source}:
        own, _ = parts.split_correct_at(name, config.grade.settings.get(name, {}))
        parts.build_part("verifier", name, own)
    check_outside_verifiers(config)
    check_reports(config.train.report_to)
    check_reports(config.track.report_to, key="track.report_to")


def look_at_sources(context: RunContext) -> Iterator[SourceLook]:
    """Read the first rows of each source.

    Raises:
        ConfigError: a source has no row, none of them is a problem, or a field is missing in all of them.
    """
    for source in context.config.source:
        look = _read_rows(context, source)
        _check_rows(look, source)
        yield look


def _read_rows(context: RunContext, source: SourceConfig) -> SourceLook:
    part, ends = build_source(context, source), time.monotonic() + MOST_S
    getattr(part, "check", bool)()
    look = SourceLook(str(source.settings.get("name") or source.type), 0, False, [])
    rows, whole = 0, True
    for rows, parsed in enumerate(islice(part.read(), MOST_ROWS), 1):
        row = check_label(context, parsed, rows)
        if isinstance(row, Drop):
            look.dropped[row.reason] += 1
            look.examples.setdefault(row.reason, f"{row.file}:{row.line}: {row.detail}" if row.file else row.detail)
        else:
            look.problems.append(row)
            for reason, detail in find_oddities(*row):
                look.noticed[reason] += 1
                look.examples.setdefault(reason, detail)
        if rows >= ROWS and time.monotonic() > ends:
            whole = False
            break
    whole = whole and rows < MOST_ROWS
    return SourceLook(look.name, rows, whole, look.problems, look.dropped, look.noticed, look.examples)


def _check_rows(look: SourceLook, source: SourceConfig) -> None:
    places = source.settings.get("paths") or source.settings.get("path") or source.type
    if not look.rows:
        raise ConfigError(f"source {look.name!r} is empty: {places!r} holds no rows")
    if not look.problems:
        (reason, count), *_ = look.dropped.most_common(1)
        all_rows = f"all {look.rows} rows" if look.whole else f"each of the first {look.rows} rows"
        raise ConfigError(
            f"source {look.name!r}: {all_rows} would be dropped, {count} as {reason}, such as {look.examples[reason]}"
        )
    if look.whole and (absent := _find_absent_field(look, source)):
        raise ConfigError(
            f"source {look.name!r}: metadata_fields names {absent!r}, which none of its {look.rows} rows has"
        )


def _find_absent_field(look: SourceLook, source: SourceConfig) -> str:
    names = source.settings.get("metadata_fields") or ()
    present = {name for problem, _ in look.problems for name in json.loads(problem.metadata)}
    return next((name for name in names if name not in present), "")


def try_gold(context: RunContext, look: SourceLook) -> GoldTrial:
    """Judge the gold answer of a source's first problem in usual forms; no model is asked.

    Raises:
        ConfigError: a verifier from outside cannot judge any form.
    """
    problem, label = look.problems[0]
    prompt = "\n".join(f"{turn.role}: {turn.content}" for turn in context.config.policy.sampler.render(problem))
    rollouts = gold_rollouts(label)
    verdicts = context.judge.judge([GradingCase(problem, label, rollout) for rollout in rollouts])
    errors = [verdict for verdict in verdicts if verdict.outcome == "verifier_error"]
    if verdicts and len(errors) == len(verdicts) and parts.is_outside(label.verifier):
        raise ConfigError(
            f"verifier {label.verifier!r} fails on the gold answer {label.answer[:80]!r} of source {look.name!r}: "
            f"{errors[0].reason}"
        )
    return GoldTrial(
        look.name, prompt[:PROMPT_SHOWN], label.answer, label.verifier, verdicts, [rollout.text for rollout in rollouts]
    )


def list_forebodings(config: Config, looks: list[SourceLook]) -> list[str]:
    """Warn, a sentence per cause, of a config that would end with nothing to train on."""
    many = len({problem.id for look in looks for problem, _ in look.problems})
    warnings = ["select.budget = 0 keeps no problems"] if config.select.budget == 0 else []
    if all(look.whole for look in looks) and config.split.held_out >= many:
        warnings.append(f"split.held_out = {config.split.held_out} leaves none of {many} problems to train on")
    return warnings + [line for look in looks if (line := find_category(look))]


def find_category(look: SourceLook) -> str:
    """Say that gold answers look like a category, such as a topic; "" where they do not.

    For the verifiers of mathematics: few different words, none with a digit, each the gold answer of several problems.
    """
    golds = [label.answer for _, label in look.problems if label.verifier in FREE_TEXT]
    words = Counter(gold for gold in golds if gold.replace(" ", "").isalpha() and len(gold) > 1)
    if not golds or words.total() < len(golds) or len(words) > FEW_WORDS or len(golds) < PER_WORD * len(words):
        return ""
    examples = ", ".join(repr(word) for word, _ in words.most_common(WORDS_SHOWN))
    return (
        f"{look.name}: the gold answers of {len(golds)} problems are {len(words)} different words, such as {examples}; "
        "is `answer` the right field? It may hold a category"
    )


def as_data(
    context: RunContext, looks: list[SourceLook], golds: list[GoldTrial], warnings: list[str]
) -> dict[str, Any]:
    """Put what a check found into plain data."""
    policy = context.policy
    return {
        "whole": True,
        "policy": policy.name,
        "revision": policy.revision,
        "sampler": context.config.policy.sampler.id,
        "lake": context.lake.place,
        "warnings": warnings,
        "sources": [_source_data(look, gold) for look, gold in zip(looks, golds, strict=True)],
    }


def _source_data(look: SourceLook, gold: GoldTrial) -> dict[str, Any]:
    verdicts = [
        {"text": text, "outcome": verdict.outcome, "reason": verdict.reason}
        for text, verdict in zip(gold.texts, gold.verdicts, strict=True)
    ]
    return {
        "source": look.name,
        "rows": look.rows,
        "all_rows": look.whole,
        "problems": len(look.problems),
        "dropped": dict(look.dropped),
        "noticed": dict(look.noticed),
        "examples": look.examples,
        "prompt": gold.prompt,
        "gold": gold.gold,
        "verifier": gold.verifier,
        "accepted": gold.accepted,
        "verdicts": verdicts,
    }
