"""Stage 2: filters in the config's order, each seeing what the one before kept; a drop keeps its reason.

A corrected label is a new one, and the old label stays in the lake.
"""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from assay.core.errors import ConfigError
from assay.core.identity import content_id
from assay.core.notes import Note
from assay.core.setting_names import first_clean_settings
from assay.core.types import Drop, Label, Problem
from assay.pipelines.context.results import Remaining, StageKey, StageResult
from assay.pipelines.context.run import RunContext
from assay.pipelines.context.stage import Stage
from assay.pipelines.data.drops import drop_row, note_row
from assay.pipelines.data.pool import list_version
from assay.pipelines.data.problems import members
from assay.pipelines.sampling.filter_context import build_filters, filter_context, filter_dependencies
from assay.pipelines.stages.ingest import noticed

COUNT = "SELECT count(DISTINCT problem_id) AS n FROM pool_members WHERE pool IN (SELECT unnest(?::VARCHAR[]))"
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
        fitted = config.embed.encoder == "tfidf" and any("encoder" in part.needs for _, part in parts)
        problems = self.members[0] if fitted else {}
        borrowed = [filter_dependencies(context, part, problems) for _, part in parts]
        edited = [version for _, part in parts for version in list_version(part)]  # of filters from outside
        how = (config.clean.filters, first_clean_settings(config.clean.settings), versions, borrowed, *edited)
        return StageKey.of(content_id("clean", str(pool), *how))

    @cached_property
    def members(self) -> tuple[dict[str, Problem], dict[str, list[Label]]]:
        """The pool's problems and their labels, read once."""
        return members(self.context, self.inputs)

    def remaining(self) -> Remaining:
        """Count the pool's problems."""
        rows = self.context.lake.rows(COUNT, [list(self.inputs.of("ingest").key.parts)])
        return Remaining(problems=rows[0]["n"], rows_in=rows[0]["n"])

    def run(self) -> StageResult:
        """Apply the filters one after the other; each sees what the one before kept."""
        began, context, key = time.monotonic(), self.context, self.key.rows
        problems, labels = self.members
        state = _Kept(dict(problems), dict(labels))
        for name, part in build_filters(context.config):
            context.heed()
            golds = {id_: state.labels[id_] for id_ in state.problems}
            borrowed = filter_context(context, part, problems)
            for finding in part.sift(list(state.problems.values()), golds, borrowed):
                _check(name, finding, state.problems)
                state.take(finding)
        corrected = [label for id_, label in sorted(state.corrected.items()) if id_ in state.problems]
        notes = [note for note in state.notes if note.problem_id in state.problems]
        detail: dict[str, Any] = {
            "dropped": dict(Counter(drop.reason for drop in state.drops)),
            **({"corrected": len(corrected)} if corrected else {}),
        }
        if notes:
            detail["noticed"] = noticed(notes)
            reasons = ", ".join(f"{reason} {count}" for reason, count in detail["noticed"].items())
            context.reporter.say(f"clean: noticed {reasons} of problems that stay")
        rows = {
            "labels": [asdict(label) for label in corrected],
            "pool_members": [_member(key, label) for label in corrected],
            "drops": [drop_row(drop, key) for drop in state.drops],
            "notes": [note_row(note, key) for note in notes],
        }
        seconds = time.monotonic() - began
        return context.finish(
            StageResult(self.name, self.key, len(problems), len(state.problems), detail, seconds), rows
        )

    @classmethod
    def preflight(cls, context: RunContext) -> None:
        """Find a filter's missing model, encoder or benchmark before anything is written."""
        for _, part in build_filters(context.config):
            filter_dependencies(context, part, None)


@dataclass(slots=True)
class _Kept:
    """What is left of a pool while filters go over it, and what they found."""

    problems: dict[str, Problem]
    labels: dict[str, list[Label]]
    drops: list[Drop] = field(default_factory=list)
    corrected: dict[str, Label] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def take(self, finding: Drop | Label | Note) -> None:
        """Apply one finding of a filter: a drop, a corrected label or a note."""
        if isinstance(finding, Drop):
            self.problems.pop(finding.problem_id)
            self.drops.append(finding)
        elif isinstance(finding, Note):
            self.notes.append(finding)
        else:
            self.labels[finding.problem_id] = [finding]
            self.corrected[finding.problem_id] = finding


def _member(key: str, label: Label) -> dict[str, str]:
    id_ = content_id("member", key, label.problem_id, label.id)
    return {"id": id_, "pool": key, "problem_id": label.problem_id, "label_id": label.id}


def _check(name: str, finding: Drop | Label | Note, left: Mapping[str, Problem]) -> None:
    if finding.problem_id not in left:
        did = {Drop: "dropped", Note: "noted"}.get(type(finding), "relabelled")
        raise ConfigError(
            f"filter {name!r} {did} {finding.problem_id!r}, "
            f"which is not among the {len(left)} problems that it was given"
        )
