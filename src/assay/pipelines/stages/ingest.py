"""Stage 1: sources -> problems, labels, members; malformed rows -> drops with their place."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any

import pyarrow as pa

from assay.core.config import SourceConfig
from assay.core.identity import canonical_json, content_id
from assay.core.notes import Note
from assay.core.parts import build_part
from assay.core.ports import Source, SourceRow
from assay.core.types import Drop
from assay.maths.text.golds import find_oddities
from assay.pipelines.context.results import Remaining, StageKey, StageResult, StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.context.stage import Stage
from assay.pipelines.data.drops import drop_row, note_row
from assay.pipelines.data.problems import to_row
from assay.stores.lake import Lake

CHUNK = 10_000  # rows a commit: memory stays flat however large a source is


class Ingest(Stage):
    """Read every source that this lake has not read as it is now; each has its own line in the ledger."""

    name = "ingest"
    rows_query = (
        "SELECT * FROM problems WHERE id IN "
        "(SELECT problem_id FROM members WHERE pool IN (SELECT unnest(?::VARCHAR[]))) ORDER BY id"
    )

    @cached_property
    def sources(self) -> list[tuple[SourceConfig, Source]]:
        """The config's sources, built.

        Raises:
            ConfigError: a setting that a source refuses.
        """
        return [(config, build_part("source", config.part, config.settings)) for config in self.context.config.source]

    def compute_key(self) -> StageKey:
        """One part per source, in the config's order."""
        return StageKey(tuple(source_key(config, source) for config, source in self.sources))

    @cached_property
    def results(self) -> list[StageResult | None]:
        """What the ledger holds of each source; one that it does not hold is checked without reading it.

        Raises:
            ConfigError: a missing file, or a setting that cannot work.
        """
        found = [self.context.finished(self.name, StageKey.of(part)) for part in self.key.parts]
        for (_, source), result in zip(self.sources, found, strict=True):
            if result is None:
                getattr(source, "check", bool)()
        return found

    def finished(self) -> StageResult | None:
        """The results of all sources as one; None where a source is still to be read."""
        read = [result for result in self.results if result is not None]
        return self._combined(read) if len(read) == len(self.sources) else None

    def remaining(self) -> Remaining:
        """Count the sources that were never read as they are now."""
        return Remaining(sources=self.results.count(None), rows_in=len(self.sources))

    def run(self) -> StageResult:
        """Read them, a commit per `CHUNK` rows."""
        return self._combined(
            [
                result or _read_one(self.context, source, part, config.settings.get("name") or config.part)
                for (config, source), part, result in zip(self.sources, self.key.parts, self.results, strict=True)
            ]
        )

    def _combined(self, results: Sequence[StageResult]) -> StageResult:
        dropped: Counter[str] = Counter()
        noticed: Counter[str] = Counter()
        for result in results:
            dropped.update(result.detail["dropped"])
            noticed.update(result.detail.get("noticed", {}))
        return StageResult(
            self.name,
            self.key,
            sum(result.rows_in for result in results),
            sum(result.rows_out for result in results),
            {"dropped": dict(dropped), **({"noticed": dict(noticed)} if noticed else {})},
            sum(result.seconds for result in results if not result.reused),
            reused=all(result.reused for result in results),
        )

    @classmethod
    def preflight(cls, context: RunContext) -> None:
        """Build every source, and check those that the lake has not read."""
        _ = cls(context, StageResults()).results

    @classmethod
    def read_rows(cls, lake: Lake, key: StageKey) -> pa.Table:
        """The problems of all sources."""
        return lake.query(cls.rows_query, [list(key.parts)])


def source_key(config: SourceConfig, source: Source) -> str:
    """Hash of a source's settings and of the bytes behind them."""
    return content_id("ingest", config.part, config.settings, source.fingerprint())


def _read_one(context: RunContext, source: Source, key: str, name: str) -> StageResult:
    began, found, seen = time.monotonic(), iter(source.read()), set[str]()
    rows_in = rows_out = 0
    dropped: Counter[str] = Counter()
    noted: Counter[str] = Counter()
    examples: dict[str, str] = {}
    while chunk := list(islice(found, CHUNK)):
        rows = _rows(
            [check_label(context, each, number) for number, each in enumerate(chunk, rows_in + 1)], key, seen, rows_in
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
    return context.finish(StageResult("ingest", StageKey.of(key), rows_in, rows_out, detail, time.monotonic() - began))


def check_label(context: RunContext, found: SourceRow, number: int) -> SourceRow:
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
            for reason, told in find_oddities(problem, label)
        ]
        rows["members"].append({"id": member, "pool": key, "problem_id": problem.id, "label_id": label.id})
    return rows


def noticed(notes: Iterable[Note]) -> dict[str, int]:
    """How many notes there are of each reason, the commonest first."""
    return dict(Counter(note.reason for note in notes).most_common())
