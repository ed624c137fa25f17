"""Stage 1: read sources into problems, labels and members of a pool; malformed rows become drops with their place."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any

import pyarrow as pa

from assay.core.collection import rare_collection
from assay.core.config import SourceConfig
from assay.core.identity import canonical_json, content_id, row_ids
from assay.core.notes import Note
from assay.core.parts import build_part, is_outside
from assay.core.ports import Source, SourceRow
from assay.core.setting_names import first_names
from assay.core.types import Drop, Label, Problem
from assay.maths.text.golds import find_oddities
from assay.pipelines.context.results import Remaining, StageKey, StageResult, StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.context.stage import Stage
from assay.pipelines.data.drops import drop_row, note_row
from assay.pipelines.data.pictures import picture_table
from assay.pipelines.data.problem_batches import problem_table
from assay.pipelines.data.sources import build_source, check_outside_verifiers
from assay.pipelines.sampling.attempt_rows import make_columns
from assay.stores.lake import Lake
from assay.stores.tables import schema

CHUNK = 10_000  # rows per commit, so that memory does not grow with a source
CHUNK_BYTES = 64 << 20  # bytes of pictures behind which a commit ends earlier


class Ingest(Stage):
    """Read every source that is new or has changed since it was read; each has its own line in the ledger."""

    name = "ingest"
    rows_query = (
        "SELECT * FROM problems WHERE id IN "
        "(SELECT problem_id FROM pool_members WHERE pool IN (SELECT unnest(?::VARCHAR[]))) ORDER BY id"
    )

    @cached_property
    def sources(self) -> list[tuple[SourceConfig, Source]]:
        """The sources that the config names, and their settings.

        Raises:
            ConfigError: a setting that a source refuses.
        """
        return [(config, build_source(self.context, config)) for config in self.context.config.source]

    def compute_key(self) -> StageKey:
        """Make a key with one part per source, in the config's order."""
        return StageKey(tuple(source_key(config, source) for config, source in self.sources))

    @cached_property
    def results(self) -> list[StageResult | None]:
        """What the ledger holds of each source; one that it does not hold is checked without reading it.

        Raises:
            ConfigError: a missing file, or a setting that cannot work.
        """
        results = [self.context.finished(self.name, StageKey.of(part)) for part in self.key.parts]
        for (_, source), result in zip(self.sources, results, strict=True):
            if result is None:
                getattr(source, "check", bool)()
        return results

    def finished(self) -> StageResult | None:
        """Combine the results of all sources; None where a source is still to be read."""
        read = [result for result in self.results if result is not None]
        return self._combine(read) if len(read) == len(self.sources) else None

    def remaining(self) -> Remaining:
        """Count the sources that were never read as they are now."""
        return Remaining(sources=self.results.count(None), rows_in=len(self.sources))

    @rare_collection()
    def run(self) -> StageResult:
        """Read the sources, with one commit per `CHUNK` rows."""
        return self._combine(
            [
                result or _read_one(self.context, source, part, config.settings.get("name") or config.type)
                for (config, source), part, result in zip(self.sources, self.key.parts, self.results, strict=True)
            ]
        )

    def _combine(self, results: Sequence[StageResult]) -> StageResult:
        drop_counts: Counter[str] = Counter()
        note_counts: Counter[str] = Counter()
        for result in results:
            drop_counts.update(result.detail["dropped"])
            note_counts.update(result.detail.get("noticed", {}))
        return StageResult(
            self.name,
            self.key,
            sum(result.rows_in for result in results),
            sum(result.rows_out for result in results),
            {"dropped": dict(drop_counts), **({"noticed": dict(note_counts)} if note_counts else {})},
            sum(result.seconds for result in results if not result.reused),
            reused=all(result.reused for result in results),
        )

    @classmethod
    def preflight(cls, context: RunContext) -> None:
        """Build every source and verifier from outside, and check the sources that the lake has not read."""
        check_outside_verifiers(context.config)
        _ = cls(context, StageResults()).results

    @classmethod
    def read_rows(cls, lake: Lake, key: StageKey) -> pa.Table:
        """Read the problems of all sources."""
        return lake.query(cls.rows_query, [list(key.parts)])


def source_key(config: SourceConfig, source: Source) -> str:
    """Hash a source's settings and the bytes behind them."""
    return content_id("ingest", config.type, first_names("source", config.type, config.settings), source.fingerprint())


def _read_one(context: RunContext, source: Source, key: str, name: str) -> StageResult:
    began, source_rows, digests = time.monotonic(), iter(source.read()), set[bytes]()
    rows_in = rows_out = 0
    drop_counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    examples: dict[str, str] = {}
    while chunk := _next_chunk(source_rows):
        checked_rows = [check_label(context, row, number) for number, row in enumerate(chunk, rows_in + 1)]
        tables, drops, notes = _tables(checked_rows, key, digests, rows_in, context.run)
        rows_in += len(chunk)
        rows_out += len(tables["pool_members"])
        drop_counts.update(drop.reason for drop in drops)
        reasons.update(note.reason for note in notes)
        examples = {note.reason: note.detail for note in reversed(notes)} | examples
        further = {"drops": [drop_row(drop, key) for drop in drops], "notes": [note_row(note, key) for note in notes]}
        context.append({**tables, **further})
        context.heed()
    context.reporter.say(f"{name}: {rows_out} problems, {sum(drop_counts.values())} rows dropped")
    for reason, count in reasons.most_common():
        context.reporter.warn(f"{name}: {reason} in {count} of {rows_out} problems, such as {examples[reason]}")
    detail = {"dropped": dict(drop_counts), **({"noticed": dict(reasons)} if reasons else {})}
    return context.finish(StageResult("ingest", StageKey.of(key), rows_in, rows_out, detail, time.monotonic() - began))


def _next_chunk(rows: Iterator[SourceRow]) -> list[SourceRow]:
    """Take the rows of one commit from a source: so many, or so many bytes of pictures."""
    chunk: list[SourceRow] = []
    size = 0
    for row in rows:
        chunk.append(row)
        if not isinstance(row, Drop) and row[0].pictures:
            size += sum(len(picture.data) for picture in row[0].pictures)
        if len(chunk) >= CHUNK or size >= CHUNK_BYTES:
            break
    return chunk


def check_label(context: RunContext, source_row: SourceRow, number: int) -> SourceRow:
    """Return a source's row, or a drop where the label's verifier does not know the format of its answer.

    Args:
        context: the run, with the settings of verifiers.
        source_row: a problem with its label, or a drop.
        number: of the row in its source, from 1.
    """
    if isinstance(source_row, Drop) or is_outside(source_row[1].verifier):
        return source_row
    problem, label = source_row
    settings = context.config.grade.settings.get(label.verifier)
    fault = getattr(_verifier(label.verifier, canonical_json(settings) if settings else "{}"), "label_fault", None)
    if fault is None or not (why := fault(label)):
        return source_row
    return Drop(
        "ingest", "unknown_label_format", problem.id, f"{label.verifier}: {why}"[:500], problem.source, "", number
    )


@lru_cache(maxsize=32)
def _verifier(name: str, settings: str) -> Any:
    return build_part("verifier", name, json.loads(settings))


def _tables(
    chunk: list[SourceRow], key: str, digests: set[bytes], before: int, run: str
) -> tuple[dict[str, pa.Table], list[Drop], list[Note]]:
    """Return the rows of one chunk by their table, and its drops and notes.

    Args:
        chunk: problems with labels, and drops.
        key: of the source's pool.
        digests: members that earlier chunks held, to which those of this chunk are added.
        before: rows of earlier chunks.
        run: id of the run.
    """
    problems: list[Problem] = []
    labels: list[Label] = []
    ids: list[str] = []
    drops: list[Drop] = []
    notes: list[Note] = []
    pairs = ((row[0].id, row[1].id) for row in chunk if not isinstance(row, Drop))
    members = iter(row_ids("member", key, rows=pairs))
    for number, row in enumerate(chunk, before + 1):
        if isinstance(row, Drop):
            drops.append(row)
            continue
        problem, label = row
        member = next(members)
        if (digest := bytes.fromhex(member)) in digests:
            description = "byte for byte an earlier row's messages and answer"
            drops.append(Drop("ingest", "duplicate", problem.id, description, problem.source, "", number))
            continue
        digests.add(digest)
        problems.append(problem)
        labels.append(label)
        ids.append(member)
        notes += [
            Note("ingest", reason, problem.id, detail, problem.source)
            for reason, detail in find_oddities(problem, label)
        ]
    member_columns = [ids, [key] * len(ids), [label.problem_id for label in labels], [label.id for label in labels]]
    tables = {
        "problems": problem_table(problems, run),
        "labels": make_columns("labels", labels, run),
        "pool_members": pa.table([*member_columns, [run] * len(ids)], schema=schema("pool_members")),
        "pictures": picture_table(problems, run),
    }
    return tables, drops, notes


def count_notes(notes: Iterable[Note]) -> dict[str, int]:
    """Count notes by their reason, the commonest first."""
    return dict(Counter(note.reason for note in notes).most_common())
