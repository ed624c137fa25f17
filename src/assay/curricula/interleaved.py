"""Topics in turn."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, Pool
from assay.curricula._order import grouped, interleave, one_lesson


@dataclass(frozen=True)
class Interleaved:
    """Groups take turns and neighbours differ in group whenever that is possible; inside a group the order is random.

    A plain round robin ends in a block of the largest group; here it is spread over the whole order. One group is `shuffled`.

    Source: interleaved learning, arXiv:2408.07888, sec. 3.
    """

    by: str = "cluster"  # or a column, such as "source"
    passes: Annotated[int, Field(ge=1)] = 1

    @property
    def needs(self) -> tuple[str, ...]:
        """What names the groups."""
        return (self.by,)

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """One lesson, the groups in turn."""
        return one_lesson(pool, interleave(grouped(pool, self.by, rng.permutation(len(pool)))), self.passes)
