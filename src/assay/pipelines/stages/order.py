"""Stage 7: put the selection into the order in which training will see it."""

import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from assay.core.config import OrderConfig
from assay.core.errors import ConfigError
from assay.core.identity import content_id, content_ids, derive_seed
from assay.core.parts import build_part
from assay.core.ports import AdaptiveCurriculum
from assay.core.setting_names import first_names
from assay.core.types import Curriculum, Phase
from assay.pipelines.context.results import Remaining, StageKey, StageResult
from assay.pipelines.context.run import RunContext
from assay.pipelines.context.stage import Stage
from assay.pipelines.data.pool import column_evidence, list_version, queries_of, scored_pool
from assay.stores.tables import schema


class Order(Stage):
    """Put the selection into the order of the config's curriculum."""

    name = "order"
    rows_query = "SELECT * FROM curriculum WHERE curriculum_id = ? ORDER BY lesson, position"

    @cached_property
    def kept(self) -> list[str]:
        """The selected problems, ascending."""
        return read_selected_ids(self.context, self.inputs.rows_of("select"))

    @cached_property
    def curriculum(self) -> Any:
        """The config's curriculum, built."""
        return build_part("curriculum", self.context.config.order.curriculum, self.context.config.order.settings)

    def compute_key(self) -> StageKey:
        """Hash the selection, the curriculum's settings, and the keys of stages whose columns only it needs."""
        config = self.context.config.order
        how = (
            config.curriculum,
            first_names("order", config.curriculum, config.settings),
            config.seed,
            *column_evidence(self.context, self.inputs, self.curriculum),
            *list_version(self.curriculum),
        )
        return StageKey.of(content_id("arrange", self.inputs.rows_of("select"), *how))

    def remaining(self) -> Remaining:
        """Count the selected problems."""
        return Remaining(problems=len(self.kept), rows_in=len(self.kept))

    def run(self) -> StageResult:
        """Order the selected problems; those that lack what the curriculum needs come last, in id order."""
        began, context, config = time.monotonic(), self.context, self.context.config.order
        needs = self.curriculum.needs
        pool, lacking = scored_pool(context, self.inputs, needs, self.kept, queries_of(self.curriculum))
        if lacking:
            context.reporter.warn(
                f"{len(lacking)} selected problems have no value for what {config.curriculum!r} needs "
                f"({', '.join(needs)}); "
                "they come last, in id order"
            )
        rng = np.random.default_rng(derive_seed("arrange", config.seed))
        try:
            curriculum: Curriculum = self.curriculum.arrange(pool, rng)
        except (ValueError, LookupError) as error:
            raise ConfigError(f"curriculum {config.curriculum!r}: {error}") from error
        phases = [*curriculum.phases, *([Phase(lacking)] if lacking else [])]
        rows = _rows(self.key.rows, phases, context.run)
        detail, seconds = {"lessons": len(phases)}, time.monotonic() - began
        return context.finish(
            StageResult(self.name, self.key, len(self.kept), len(rows), detail, seconds), {"curriculum": rows}
        )

    @classmethod
    def preflight(cls, context: RunContext) -> None:
        """Find quotas of an order that is fixed."""
        config = context.config.order
        part = build_part("curriculum", config.curriculum, config.settings)
        if config.quotas and not isinstance(part, AdaptiveCurriculum):
            raise ConfigError(
                f"order.quotas needs an online curriculum, and {config.curriculum!r} is a fixed order: "
                'use one that chooses during training (such as "bins"), or curriculum = "target" with its ratios'
            )


def curriculum_needs(part: Any, config: OrderConfig) -> tuple[str, ...]:
    """Return the columns that a curriculum needs, with those of its quotas."""
    return tuple(dict.fromkeys([*part.needs, *(["source"] if config.quotas else [])]))


def read_selected_ids(context: RunContext, selection: str) -> list[str]:
    """Read the ids that a selection kept, ascending."""
    query = "SELECT problem_id FROM selections WHERE selection_id = ? AND kept ORDER BY problem_id"
    return list(context.lake.query(query, [selection])["problem_id"].to_pylist())


def _rows(key: str, phases: Sequence[Phase], run: str) -> pa.Table:
    """Return the phases as rows of `curriculum`, in their order."""
    return pa.concat_tables(
        [
            schema("curriculum").empty_table(),
            *(_lesson(key, *numbered_phase, run) for numbered_phase in enumerate(phases)),
        ]
    )


def _lesson(key: str, number: int, phase: Phase, run: str) -> pa.Table:
    many = len(phase.ids)
    values = {
        "id": pa.array(content_ids("lesson", key, number, last=range(many)), pa.string()),
        "position": np.arange(many),
        "problem_id": pa.array(phase.ids, pa.string()),
        **{
            name: pa.repeat(pa.scalar(value), many)
            for name, value in (("curriculum_id", key), ("lesson", number), ("passes", phase.epochs), ("run", run))
        },
    }
    return pa.table({name: values[name] for name in schema("curriculum").names}, schema=schema("curriculum"))


def stored_curriculum(context: RunContext, key: str, selection: str = "") -> Curriculum:
    """Read the curriculum that the lake holds under a key.

    Args:
        context: the run.
        key: of the curriculum.
        selection: key of the selection that it orders, whose weights its phases then carry; "" = they carry none.
    """
    query = "SELECT problem_id, weight FROM selections WHERE selection_id = ? AND kept AND weight <> 1"
    weights = {row["problem_id"]: row["weight"] for row in context.lake.iterate_rows(query, [selection])}
    rows = context.lake.rows(
        "SELECT lesson, passes, problem_id FROM curriculum WHERE curriculum_id = ? ORDER BY lesson, position", [key]
    )
    phases: dict[int, tuple[int, list[str]]] = {}
    for row in rows:
        phases.setdefault(row["lesson"], (row["passes"], []))[1].append(row["problem_id"])
    return Curriculum(
        tuple(
            Phase(tuple(ids), passes, tuple(weights.get(id_, 1.0) for id_ in ids) if weights else ())
            for passes, ids in phases.values()
        )
    )
