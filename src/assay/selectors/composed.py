"""`composed`: several selectors in a row, each choosing among the problems that the previous one kept.

Use it to filter, then rank, then diversify.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from assay.core.parts import build_part
from assay.core.ports import Selector
from assay.core.types import Pool, Selection
from assay.maths.allocation.quotas import quotas
from assay.selectors._pool_rows import Ints, clip_budget, cluster_rows, group_rows


@dataclass(frozen=True)
class SelectorStep:
    """One selector of the chain, with its settings."""

    selector: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    times: Annotated[float, Field(ge=1)] | None = None  # budgets to keep; None = all that the selector does not refuse
    within: str = ""  # a column of groups, or "cluster": run in each group, whose quota is proportional to its yield

    @property
    def part(self) -> Selector:
        """The selector, built from its settings."""
        selector: Selector = build_part("selector", self.selector, self.settings)
        return selector


DEFAULT = (
    SelectorStep("informative"),
    SelectorStep("frontier", {"cluster_quota": "none"}, times=3.0),
    SelectorStep("kmeans_random"),
)


@dataclass(frozen=True)
class Composed:
    """Run the steps in order, each on the problems that the previous one kept.

    The last step gets the budget, the earlier ones `times` as much. A step with `within` runs inside each group
    separately, under largest-remainder quotas; `frontier` within clusters is an example. A problem's weight is the
    product of its weights over the steps.

    Dropped: each step's own reasons. What a step before the last leaves out because of its budget is `cut_by_NAME`, so
    `not_chosen` always comes from the last step.

    Source: filter, score, then diversify, as in Deita (arXiv:2312.15685) and kMQ (arXiv:2409.11378); chaining arbitrary
    selectors is ours.
    """

    steps: tuple[SelectorStep, ...] = DEFAULT

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("steps: at least one selector is needed")
        if self.steps[-1].times is not None:
            raise ValueError(
                "steps: the last step must have times = 1, since it keeps the budget itself, found "
                f"{self.steps[-1].times}"
            )
        for step in self.steps:
            _ = step.part

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns that any step needs."""
        columns = [name for step in self.steps for name in (*step.part.needs, *([step.within] if step.within else []))]
        return tuple(dict.fromkeys(columns))

    @property
    def queries(self) -> dict[str, str]:
        """Columns that steps define themselves, by name (`core.hooks.PoolHooks`)."""
        return {name: query for step in self.steps for name, query in getattr(step.part, "queries", {}).items()}

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """Keep min(budget, problems that no step refuses) problems."""
        final_budget, remaining = clip_budget(budget, len(pool)), pool
        weights, dropped_ids = dict.fromkeys(pool.ids, 1.0), dict[str, tuple[str, ...]]()
        for number, step in enumerate(self.steps, 1):
            is_last = number == len(self.steps)
            step_budget = final_budget if is_last else _intermediate_budget(step, final_budget, len(remaining))
            selection = _select_step(step, remaining, step_budget, rng)
            for reason, ids in selection.dropped.items():
                name = reason if is_last else _reason_of_step(reason, step)
                dropped_ids[name] = dropped_ids.get(name, ()) + ids
            weights = {id_: weights[id_] * weight for id_, weight in zip(selection.ids, selection.weights, strict=True)}
            remaining = _subset(remaining, np.flatnonzero(np.isin(remaining.ids, selection.ids)))
        return Selection(
            remaining.ids,
            tuple(weights[id_] for id_ in remaining.ids),
            {reason: tuple(sorted(ids)) for reason, ids in sorted(dropped_ids.items())},
        )


def _intermediate_budget(step: SelectorStep, final_budget: int, remaining: int) -> int:
    return remaining if step.times is None else clip_budget(int(np.ceil(step.times * final_budget)), remaining)


def _reason_of_step(reason: str, step: SelectorStep) -> str:
    """Name the step in the reason of what it left out because of its budget."""
    return f"cut_by_{re.sub(r'[^0-9a-z_]+', '_', step.selector.lower())}" if reason == "not_chosen" else reason


def _select_step(step: SelectorStep, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
    return _select_within_groups(step, pool, budget, rng) if step.within else step.part.select(pool, budget, rng)


def _select_within_groups(step: SelectorStep, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
    """Select in each group separately and join the results.

    A group's capacity is the number of problems that the selector keeps of it under an unlimited budget.
    """
    groups = cluster_rows(pool) if step.within == "cluster" else group_rows(pool.column(step.within))
    subsets = [_subset(pool, rows) for rows in groups]
    capacities = [len(step.part.select(subset, len(subset), np.random.default_rng(0)).ids) for subset in subsets]
    selections = [
        step.part.select(subset, int(quota), rng)
        for subset, quota in zip(subsets, quotas(capacities, budget, capacities), strict=True)
    ]
    weights = {
        id_: weight for selection in selections for id_, weight in zip(selection.ids, selection.weights, strict=True)
    }
    dropped_ids: dict[str, tuple[str, ...]] = {}
    for selection in selections:
        for reason, ids in selection.dropped.items():
            dropped_ids[reason] = dropped_ids.get(reason, ()) + ids
    kept_ids = tuple(sorted(weights))
    return Selection(kept_ids, tuple(weights[id_] for id_ in kept_ids), dropped_ids)


def _subset(pool: Pool, rows: Ints) -> Pool:
    return replace(
        pool,
        ids=tuple(pool.ids[row] for row in rows),
        columns={name: values[rows] for name, values in pool.columns.items()},
        vectors=None if pool.vectors is None else pool.vectors[rows],
        cluster=None if pool.cluster is None else pool.cluster[rows],
    )
