"""Stage 2: filters in the plan's order, each seeing what the one before kept; every drop keeps its reason, every old label stays in the store."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from assay.core.errors import ConfigError
from assay.core.identity import content_id
from assay.core.notes import Note
from assay.core.types import Drop, Label, Problem
from assay.pipelines.context.results import Remaining, StageKey, StageResult
from assay.pipelines.context.run import RunContext, StagePlan
from assay.pipelines.data.drops import drop_row, note_row
from assay.pipelines.data.problems import members
from assay.pipelines.sampling.filter_context import depends, filter_context, filters
from assay.pipelines.stages.ingest import noticed

COUNT = "SELECT count(DISTINCT problem_id) AS n FROM members WHERE pool IN (SELECT unnest(?::VARCHAR[]))"
VERIFIERS = "SELECT DISTINCT l.verifier FROM labels l JOIN members m ON m.label_id = l.id WHERE m.pool IN (SELECT unnest(?::VARCHAR[])) ORDER BY ALL"


def work(context: RunContext) -> StagePlan:
    """The plan's filters over the members of its pool. The key hashes all that their results depend on: policy, encoder, benchmarks, verifiers."""
    pool, config = context.key_of("ingest", "clean"), context.config.clean
    versions = [
        (row["verifier"], context.judge.version(row["verifier"]))
        for row in context.lake.rows(VERIFIERS, [list(pool.parts)])
    ]
    parts = filters(context.config)
    fitted = context.config.embed.encoder == "tfidf" and any("encoder" in part.needs for _, part in parts)
    problems = members(context)[0] if fitted else {}
    borrowed = [depends(context, part, problems) for _, part in parts]
    key = content_id("clean", str(pool), config.filters, config.settings, versions, borrowed)
    count = context.lake.rows(COUNT, [list(pool.parts)])
    return StagePlan(
        "clean", StageKey.of(key), count[0]["n"], Remaining(problems=count[0]["n"]), lambda: _sift_all(context, key)
    )


def preflight(context: RunContext) -> None:
    """Finds a filter's missing model, encoder or benchmark before anything is written.

    Raises:
        ConfigError: one is not there.
    """
    for _, part in filters(context.config):
        depends(context, part, None)


def _sift_all(context: RunContext, key: str) -> StageResult:
    began = time.monotonic()
    problems, labels = members(context)
    left, golds, drops, made = dict(problems), dict[str, list[Label]](labels), list[Drop](), dict[str, Label]()
    notes = list[Note]()
    for name, part in filters(context.config):
        context.heed()
        for each in part.sift(
            list(left.values()), {id_: golds[id_] for id_ in left}, filter_context(context, part, problems)
        ):
            _check(name, each, left)
            if isinstance(each, Drop):
                left.pop(each.problem_id)
                drops.append(each)
            elif isinstance(each, Note):
                notes.append(each)
            else:
                golds[each.problem_id] = [each]
                made[each.problem_id] = each
    corrected = [label for id_, label in sorted(made.items()) if id_ in left]
    detail: dict[str, Any] = {
        "dropped": dict(Counter(drop.reason for drop in drops)),
        **({"corrected": len(corrected)} if corrected else {}),
    }
    notes = [note for note in notes if note.problem_id in left]
    if notes:
        detail["noticed"] = noticed(notes)
        context.reporter.say(
            f"clean: noticed {', '.join(f'{reason} {count}' for reason, count in detail['noticed'].items())} of problems that stay"
        )
    outcome = StageResult("clean", StageKey.of(key), len(problems), len(left), detail, time.monotonic() - began)
    rows = [
        {
            "id": content_id("member", key, each.problem_id, each.id),
            "pool": key,
            "problem_id": each.problem_id,
            "label_id": each.id,
        }
        for each in corrected
    ]
    return context.finish(
        outcome,
        {
            "labels": [asdict(each) for each in corrected],
            "members": rows,
            "drops": [drop_row(drop, key) for drop in drops],
        }
        | {"notes": [note_row(note, key) for note in notes]},
    )


def _check(name: str, each: Drop | Label | Note, left: Mapping[str, Problem]) -> None:
    if each.problem_id not in left:
        did = {Drop: "dropped", Note: "noted"}.get(type(each), "relabelled")
        raise ConfigError(
            f"filter {name!r} {did} {each.problem_id!r}, which is not among the {len(left)} problems that it was given"
        )
