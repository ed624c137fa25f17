"""Stage 1: sources -> problems, labels, members; malformed rows -> drops with their place."""

import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from functools import lru_cache
from itertools import islice
from typing import Any

from assay.core.config import SourceConfig
from assay.core.identity import canonical_json, content_id
from assay.core.notes import Note
from assay.core.parts import build_part
from assay.core.ports import Source, SourceRow
from assay.core.types import Drop
from assay.maths.text.golds import oddities
from assay.pipelines.context.run import Remaining, RunContext, StagePlan, StageResult
from assay.pipelines.data.drops import drop_row, note_row
from assay.pipelines.data.problems import to_row

CHUNK = 10_000  # rows a commit: memory stays flat however large a source is


def work(context: RunContext) -> StagePlan:
    """Every source of the plan that this lake has not read in its present state.

    Raises:
        ConfigError: a missing file, or a setting that a source refuses.
    """
    sources = [(config, build_part("source", config.part, config.settings)) for config in context.config.source]
    keys = [source_key(config, source) for config, source in sources]
    left = [each for each, key in zip(sources, keys, strict=True) if not context.finished("ingest", key)]
    for _, source in left:
        getattr(source, "check", bool)()
    return StagePlan(
        "ingest", "+".join(keys), len(sources), Remaining(sources=len(left)), lambda: _read_all(context, sources, keys)
    )


def source_key(config: SourceConfig, source: Source) -> str:
    """Hash of a source's settings and of the bytes behind them."""
    return content_id("ingest", config.part, config.settings, source.fingerprint())


def _read_all(context: RunContext, sources: list[tuple[SourceConfig, Source]], keys: list[str]) -> StageResult:
    outcomes = [
        context.finished("ingest", key) or _read_one(context, source, key, config.settings.get("name") or config.part)
        for (config, source), key in zip(sources, keys, strict=True)
    ]
    dropped: Counter[str] = Counter()
    noted: Counter[str] = Counter()
    for outcome in outcomes:
        dropped.update(outcome.detail["dropped"])
        noted.update(outcome.detail.get("noticed", {}))
    return StageResult(
        "ingest",
        "+".join(keys),
        sum(each.rows_in for each in outcomes),
        sum(each.rows_out for each in outcomes),
        {"dropped": dict(dropped), **({"noticed": dict(noted)} if noted else {})},
        sum(each.seconds for each in outcomes if not each.reused),
        reused=all(each.reused for each in outcomes),
    )


def _read_one(context: RunContext, source: Source, key: str, name: str) -> StageResult:
    began, found, seen = time.monotonic(), iter(source.read()), set[str]()
    rows_in = rows_out = 0
    dropped: Counter[str] = Counter()
    noted: Counter[str] = Counter()
    examples: dict[str, str] = {}
    while chunk := list(islice(found, CHUNK)):
        rows = _rows(
            [checked(context, each, number) for number, each in enumerate(chunk, rows_in + 1)], key, seen, rows_in
        )
        rows_in += len(chunk)
        rows_out += len(rows["members"])
        dropped.update(row["reason"] for row in rows["drops"])
        noted.update(row["reason"] for row in rows["notes"])
        examples = {row["reason"]: row["detail"] for row in reversed(rows["notes"])} | examples
        context.append(rows)
        context.heed()
    context.reporter.say(f"{name}: {rows_out} problems, {sum(dropped.values())} rows dropped")
    for reason, count in noted.most_common():
        context.reporter.warn(f"{name}: {reason} in {count} of {rows_out} problems, such as {examples[reason]}")
    detail = {"dropped": dict(dropped), **({"noticed": dict(noted)} if noted else {})}
    return context.finish(StageResult("ingest", key, rows_in, rows_out, detail, time.monotonic() - began))


def checked(context: RunContext, found: SourceRow, number: int) -> SourceRow:
    """What a source found, or a drop where its verifier refuses the label's shape by name."""
    if isinstance(found, Drop) or found[1].verifier.startswith("python:"):
        return found
    problem, label = found
    fault = getattr(
        _verifier(label.verifier, canonical_json(context.config.grade.settings.get(label.verifier, {}))),
        "label_fault",
        None,
    )
    if fault is None or not (why := fault(label)):
        return found
    return Drop(
        "ingest", "unknown_label_format", problem.id, f"{label.verifier}: {why}"[:500], problem.source, "", number
    )


@lru_cache(maxsize=32)
def _verifier(name: str, settings: str) -> Any:
    return build_part("verifier", name, json.loads(settings))


def _rows(chunk: list[SourceRow], key: str, seen: set[str], before: int) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {"problems": [], "labels": [], "members": [], "drops": [], "notes": []}
    for number, each in enumerate(chunk, before + 1):
        if isinstance(each, Drop):
            rows["drops"].append(drop_row(each, key))
            continue
        problem, label = each
        member = content_id("member", key, problem.id, label.id)
        if member in seen:
            again = Drop(
                "ingest",
                "duplicate",
                problem.id,
                "byte for byte an earlier row's messages and answer",
                problem.source,
                "",
                number,
            )
            rows["drops"].append(drop_row(again, key))
            continue
        seen.add(member)
        rows["problems"].append(to_row(problem))
        rows["labels"].append(asdict(label))
        rows["notes"] += [
            note_row(Note("ingest", reason, problem.id, told, problem.source), key)
            for reason, told in oddities(problem, label)
        ]
        rows["members"].append({"id": member, "pool": key, "problem_id": problem.id, "label_id": label.id})
    return rows


def noticed(notes: Iterable[Note]) -> dict[str, int]:
    """How many notes there are of each reason, the commonest first."""
    return dict(Counter(note.reason for note in notes).most_common())
