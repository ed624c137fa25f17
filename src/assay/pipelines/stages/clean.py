"""Stage 2: filters in the config's order, each seeing what the one before kept; a drop keeps its reason.

A corrected label is a new one, and the old label stays in the lake.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

import pyarrow as pa

from assay.core.collection import rare_collection
from assay.core.identity import content_id
from assay.core.parts import is_outside
from assay.core.ports import Encoder, Filter, FilterContext
from assay.core.setting_names import first_table
from assay.core.types import Label, Problem
from assay.pipelines.context.first_attempts import show_tracebacks
from assay.pipelines.context.results import Remaining, StageKey, StageResult
from assay.pipelines.context.run import RunContext
from assay.pipelines.context.stage import Stage
from assay.pipelines.data.drops import note_row
from assay.pipelines.data.embeddings import build_encoder
from assay.pipelines.data.pool import list_version
from assay.pipelines.data.sifting import Sifted, StreamedPool
from assay.pipelines.sampling.filter_context import build_filters, filter_context, filter_dependencies
from assay.pipelines.stages.ingest import count_notes
from assay.stores.tables import schema

COUNT = "SELECT count(DISTINCT problem_id) AS n FROM pool_members WHERE pool IN (SELECT unnest(?::VARCHAR[]))"
TEXTS = (
    "SELECT DISTINCT array_to_string(list_transform(p.messages, lambda m: m.content), chr(10)) AS text FROM problems p "
    "WHERE p.id IN (SELECT problem_id FROM pool_members WHERE pool IN (SELECT unnest(?::VARCHAR[]))) ORDER BY text"
)
VERIFIERS = (
    "SELECT DISTINCT l.verifier FROM labels l JOIN pool_members m ON m.label_id = l.id "
    "WHERE m.pool IN (SELECT unnest(?::VARCHAR[])) ORDER BY ALL"
)


class Clean(Stage):
    """Apply the config's filters to the members of its pool."""

    name = "clean"
    rows_query = "SELECT * FROM drops WHERE key = ? ORDER BY reason, problem_id"

    def compute_key(self) -> StageKey:
        """Hash all that the filters' results depend on: pool, settings, policy, encoder, benchmarks, verifiers."""
        context, pool, config = self.context, self.inputs.of("ingest").key, self.context.config
        versions = [
            (row["verifier"], context.judge.version(row["verifier"]))
            for row in context.lake.rows(VERIFIERS, [list(pool.parts)])
        ]
        parts = build_filters(config)
        borrowed = [filter_dependencies(context, part, lambda: self.encoder) for _, part in parts]
        edited = [version for name, part in parts if is_outside(name) for version in list_version(part)]
        how = (config.clean.filters, first_table("clean.settings", config.clean.settings), versions, borrowed, *edited)
        return StageKey.of(content_id("clean", str(pool), *how))

    @cached_property
    def encoder(self) -> Encoder:
        """The config's encoder; "tfidf" is fitted to the texts of all members of the pool, in a stream."""
        return build_encoder(self.context, self._texts, ordered=True)

    def _texts(self) -> Iterator[str]:
        for batch in self.context.lake.stream(TEXTS, [list(self.inputs.of("ingest").key.parts)]):
            yield from batch["text"].to_pylist()

    def remaining(self) -> Remaining:
        """Count the pool's problems."""
        rows = self.context.lake.rows(COUNT, [list(self.inputs.of("ingest").key.parts)])
        return Remaining(problems=rows[0]["n"], rows_in=rows[0]["n"])

    @rare_collection()
    def run(self) -> StageResult:
        """Apply the filters one after the other; each sees what the one before kept."""
        began, context, key = time.monotonic(), self.context, self.key.rows
        sifted = Sifted(key, context.run)
        pool = StreamedPool(context, self.inputs.of("ingest").key.parts, sifted, self._borrow)
        pool.sift(build_filters(context.config))
        show_tracebacks(context)
        dropped_ids, rows_in = sifted.gone, self.remaining().rows_in or 0
        corrected = [label for id_, label in sorted(sifted.corrected.items()) if id_ not in dropped_ids]
        notes = [note for note in sifted.notes if note.problem_id not in dropped_ids]
        detail: dict[str, Any] = {
            "dropped": dict(sifted.reasons),
            **({"corrected": len(corrected)} if corrected else {}),
        }
        if notes:
            detail["noticed"] = count_notes(notes)
            reasons = ", ".join(f"{reason} {count}" for reason, count in detail["noticed"].items())
            context.reporter.say(f"clean: noticed {reasons} on problems that stay")
        rows = {
            "labels": [asdict(label) for label in corrected],
            "pool_members": [_member(key, label) for label in corrected],
            "drops": pa.concat_tables([schema("drops").empty_table(), *sifted.drops]),
            "notes": [note_row(note, key) for note in notes],
        }
        seconds = time.monotonic() - began
        return context.finish(
            StageResult(self.name, self.key, rows_in, rows_in - len(dropped_ids), detail, seconds), rows
        )

    def _borrow(self, part: Filter, problems: Sequence[Problem]) -> FilterContext:
        """Build what a filter needs of the run for some problems."""
        encoder = self.encoder if "encoder" in part.needs else None
        return filter_context(self.context, part, {problem.id: problem for problem in problems}, encoder=encoder)

    @classmethod
    def preflight(cls, context: RunContext) -> None:
        """Find a filter's missing model, encoder or benchmark before anything is written."""
        for _, part in build_filters(context.config):
            filter_dependencies(context, part, None)


def _member(key: str, label: Label) -> dict[str, str]:
    id_ = content_id("member", key, label.problem_id, label.id)
    return {"id": id_, "pool": key, "problem_id": label.problem_id, "label_id": label.id}
