"""One topic after another."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, Pool
from assay.curricula._order import group_rows, single_phase, sort_easiest_first


@dataclass(frozen=True)
class Blocked:
    """Put all problems of one group before those of the next; the order of groups is random.

    Inside a block problems are shuffled, or run from easy to hard. A pool of one group is ordered as by `shuffled` or
    `easy_to_hard`.

    Source: blocked and blocked curriculum of arXiv:2408.07888, sec. 3; the blocked order of CORGI, arXiv:2310.09518,
    sec. 3, against which interleaving won.
    """

    by: str = "cluster"  # or a column, such as "source"
    within: Literal["shuffled", "easy_to_hard"] = "shuffled"
    epochs: Annotated[int, Field(ge=1)] = 1

    @property
    def needs(self) -> tuple[str, ...]:
        """What defines the groups, and the mean where blocks run from easy to hard."""
        return (self.by,) if self.within == "shuffled" else (self.by, "mean")

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return one phase, block after block."""
        rows = rng.permutation(len(pool)) if self.within == "shuffled" else sort_easiest_first(pool)
        groups = group_rows(pool, self.by, rows)
        order = [int(row) for index in rng.permutation(len(groups)) for row in groups[index]]
        return single_phase(pool, order, self.epochs)
