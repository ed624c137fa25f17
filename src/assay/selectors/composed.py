"""Selectors in a row: filters, scores and diversity, each choosing among what the one before left."""

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
from assay.selectors._outcome import clusters, groups, within


@dataclass(frozen=True)
class Step:
    """One selector of the chain."""

    selector: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    times: Annotated[float, Field(ge=1)] | None = (
        None  # keeps this many times the budget; None = all that it does not refuse
    )
    within: str = ""  # a column that names groups, or "cluster": each gives its share in proportion to what it can give

    @property
    def part(self) -> Selector:
        """The selector, built."""
        made: Selector = build_part("selector", self.selector, self.settings)
        return made


DEFAULT = (Step("informative"), Step("frontier", {"spread": "none"}, times=3.0), Step("kmeans_random"))


@dataclass(frozen=True)
class Composed:
    """Each step chooses among the rows that the step before kept; the last one is given the budget, the others `times` as much.

    A step with `within` is run in each group by itself, under largest-remainder quotas: `frontier` within clusters is one. A problem's
    weight is the product of its weights. Dropped: each step's own reasons; what a step before the last cut for want of its
    budget is `cut_by_NAME`, so `not_chosen` is always the last step's word.

    Source: filter, score, then diversify, as in Deita (arXiv:2312.15685) and kMQ (arXiv:2409.11378); the chain is ours.
    """

    steps: tuple[Step, ...] = DEFAULT

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("steps: a chain of 0 selectors chooses nothing")
        if self.steps[-1].times is not None:
            raise ValueError(f"steps: the last one keeps the budget, not {self.steps[-1].times} times it")
        for step in self.steps:
            _ = step.part

    @property
    def needs(self) -> tuple[str, ...]:
        """What any step needs."""
        named = [name for step in self.steps for name in (*step.part.needs, *([step.within] if step.within else []))]
        return tuple(dict.fromkeys(named))

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """min(budget, problems that no step refuses)."""
        spent, left = within(budget, len(pool)), pool
        weights, dropped = dict.fromkeys(pool.ids, 1.0), dict[str, tuple[str, ...]]()
        for number, step in enumerate(self.steps, 1):
            last = number == len(self.steps)
            most = (
                spent
                if last
                else len(left)
                if step.times is None
                else within(int(np.ceil(step.times * spent)), len(left))
            )
            made = _grouped(step, left, most, rng) if step.within else step.part.select(left, most, rng)
            for reason, ids in made.dropped.items():
                name = (
                    f"cut_by_{re.sub(r'[^0-9a-z_]+', '_', step.selector.lower())}"
                    if reason == "not_chosen" and not last
                    else reason
                )
                dropped[name] = dropped.get(name, ()) + ids
            weights = {id_: weights[id_] * weight for id_, weight in zip(made.ids, made.weights, strict=True)}
            left = _rows(left, np.flatnonzero(np.isin(left.ids, made.ids)))
        return Selection(
            left.ids,
            tuple(weights[id_] for id_ in left.ids),
            {name: tuple(sorted(ids)) for name, ids in sorted(dropped.items())},
        )


def _grouped(step: Step, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
    """One selection out of one a group; a group's capacity is what the selector would keep of it if it might keep all."""
    parts = clusters(pool) if step.within == "cluster" else groups(pool.column(step.within))
    pools = [_rows(pool, rows) for rows in parts]
    room = [len(step.part.select(each, len(each), np.random.default_rng(0)).ids) for each in pools]
    made = [
        step.part.select(each, int(share), rng) for each, share in zip(pools, quotas(room, budget, room), strict=True)
    ]
    weight = {id_: value for each in made for id_, value in zip(each.ids, each.weights, strict=True)}
    dropped: dict[str, tuple[str, ...]] = {}
    for each in made:
        for reason, ids in each.dropped.items():
            dropped[reason] = dropped.get(reason, ()) + ids
    kept = tuple(sorted(weight))
    return Selection(kept, tuple(weight[id_] for id_ in kept), dropped)


def _rows(pool: Pool, rows: np.ndarray) -> Pool:
    """These rows of the pool."""
    return replace(
        pool,
        ids=tuple(pool.ids[row] for row in rows),
        columns={name: values[rows] for name, values in pool.columns.items()},
        vectors=None if pool.vectors is None else pool.vectors[rows],
        cluster=None if pool.cluster is None else pool.cluster[rows],
    )
