"""Topics in turn."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, Pool
from assay.curricula._order import group_rows, interleave, single_phase


@dataclass(frozen=True)
class Interleaved:
    """Let groups take turns, so that neighbours differ in group whenever that is possible.

    Inside a group the order is random. A plain round robin ends in a block of the largest group; here it is spread over
    the whole order. A pool of one group is ordered as by `shuffled`.

    Source: interleaved learning, arXiv:2408.07888, sec. 3.
    """

    by: str = "cluster"  # or a column, such as "source"
    epochs: Annotated[int, Field(ge=1)] = 1

    @property
    def needs(self) -> tuple[str, ...]:
        """What defines the groups."""
        return (self.by,)

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return one phase, the groups in turn."""
        return single_phase(pool, interleave(group_rows(pool, self.by, rng.permutation(len(pool)))), self.epochs)
