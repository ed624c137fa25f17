"""An order in which the pass rate of a step's problems is spread around a target that moves from easy to hard."""

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assay.core.types import Curriculum, Pool
from assay.curricula._order import finite_column, single_phase
from assay.curricula.online.quotas import step_quotas

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Rate = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Target:
    """Fill each step with problems drawn by a Gaussian over pass rate around a mean that moves linearly over the order.

    A problem's chance to be drawn for a step is proportional to exp(-(p - mean)^2 / (2 spread^2)) among those of its
    source that are left, so that a step has neighbours of the target as well, and nothing comes twice. The mean goes
    from `start` to `end`. Every step of `groups` problems holds each source by `ratios`, in whole problems that add up
    exactly over the steps; without ratios a source has its share of the pool. A source that runs out is replaced by the
    others, and the last step may be short.

    An offline order: it can be exported, and is what another trainer walks with its shuffling off.

    Source: Nemotron 3 Nano, arXiv:2512.20848, sec. 3.2.2 (a Gaussian over pass rate per domain whose mean falls, fixed
    ratios of domains in a batch). It drops what is always solved before, which is the selection's work here
    (`informative`, `band`); its start, end and spread are not published.
    """

    start: Rate = 0.8  # pass rate that the first steps are spread around
    end: Rate = 0.2
    spread: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.15  # deviation; large = shuffled, small = sorted
    groups: Annotated[int, Field(ge=1)] = 16  # problems per step, as `train.problems_per_step`
    ratios: dict[str, Annotated[float, Field(ge=0)]] = field(default_factory=dict)  # by source; {} = as in the pool

    needs = ("mean", "source")

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return every problem once."""
        rate = finite_column(pool, "mean")
        source = pool.column("source").astype(str)
        names = sorted(set(source.tolist()))
        rows_left = {name: np.flatnonzero(source == name) for name in names}
        shares = np.array(
            [self.ratios.get(name, 0.0) if self.ratios else len(rows_left[name]) for name in names], dtype=float
        )
        if self.ratios and (unknown_names := sorted(set(self.ratios) - set(names))) and len(pool):
            raise LookupError(
                f"`ratios` names source {unknown_names[0]!r}, which has no problem in the pool; its sources: "
                f"{', '.join(names)}"
            )
        order: list[int] = []
        group_counts = np.zeros(len(names), dtype=np.int64)
        while len(order) < len(pool):
            mean = self.start + (self.end - self.start) * len(order) / max(1, len(pool) - 1)
            rows: list[int] = []
            size = min(self.groups, len(pool) - len(order))
            counts = step_quotas(shares, group_counts, size, np.array([len(rows_left[name]) for name in names]))
            for name, count in zip(names, counts.tolist(), strict=True):
                drawn_rows = self._draw(rate[rows_left[name]], mean, count, rng)
                rows += rows_left[name][drawn_rows].tolist()
                rows_left[name] = np.delete(rows_left[name], drawn_rows)
            group_counts += counts
            order += rng.permutation(np.array(rows, dtype=np.int64)).tolist()
        return single_phase(pool, order, 1)

    def _draw(self, rate: Floats, mean: float, count: int, rng: np.random.Generator) -> Ints:
        """Return places drawn without replacement, in proportion to weights: highest log weight plus Gumbel noise."""
        key = -((rate - mean) ** 2) / (2 * self.spread**2) + rng.gumbel(size=len(rate))
        return np.argsort(-key, kind="stable")[:count]
