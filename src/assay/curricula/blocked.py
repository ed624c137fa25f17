"""One topic after another."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, Pool
from assay.curricula._order import easiest_first, grouped, one_lesson


@dataclass(frozen=True)
class Blocked:
    """All problems of one group come before those of the next; the order of groups is random.

    Inside a block problems are shuffled, or run from easy to hard. One group is `shuffled` or `easy_to_hard`.

    Source: blocked and blocked curriculum of arXiv:2408.07888, sec. 3; the blocked order of CORGI, arXiv:2310.09518, sec. 3,
    against which interleaving won.
    """

    by: str = "cluster"  # or a column, such as "source"
    within: Literal["shuffled", "easy_to_hard"] = "shuffled"
    passes: Annotated[int, Field(ge=1)] = 1

    @property
    def needs(self) -> tuple[str, ...]:
        """What names the groups, and difficulty where it counts."""
        return (self.by,) if self.within == "shuffled" else (self.by, "mean")

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """One lesson, the groups stacked."""
        parts = grouped(pool, self.by, rng.permutation(len(pool)) if self.within == "shuffled" else easiest_first(pool))
        return one_lesson(pool, [int(row) for turn in rng.permutation(len(parts)) for row in parts[turn]], self.passes)
