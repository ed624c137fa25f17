"""Topics in turn, level by level."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, Pool
from assay.curricula._order import group_rows, interleave, single_phase, sort_easiest_first


@dataclass(frozen=True)
class InterleavedEasyToHard:
    """Cut the pool into levels of equal size from easy to hard, and let groups take turns inside each level.

    Inside a level, each group goes from easy to hard. One level is the interleaved curriculum of arXiv:2408.07888, sec.
    3 (turns, each group from easy to hard); as many levels as problems is `easy_to_hard`. In between it is CORGI's
    order (arXiv:2310.09518, sec. 3), whose levels are Bloom's and come as labels; ours come from the posterior mean.
    Its gain cannot be told from that of easy to hard alone: run both.
    """

    by: str = "cluster"  # or a column, such as "source"
    levels: Annotated[int, Field(ge=1)] = 3  # more levels = nearer to easy_to_hard
    epochs: Annotated[int, Field(ge=1)] = 1

    @property
    def needs(self) -> tuple[str, ...]:
        """What defines the groups, and the mean."""
        return (self.by, "mean")

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return one phase; nothing is random."""
        levels = np.array_split(sort_easiest_first(pool), min(self.levels, max(len(pool), 1)))
        order = [row for level in levels for row in interleave(group_rows(pool, self.by, level))]
        return single_phase(pool, order, self.epochs)
