"""The baseline order: none."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, Phase, Pool


@dataclass(frozen=True)
class Shuffled:
    """Shuffle the pool, every order equally likely; each pass is shuffled anew and is a phase of its own.

    An empty pool has no phases.
    """

    needs: ClassVar[tuple[str, ...]] = ()

    epochs: Annotated[int, Field(ge=1)] = 1

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return `epochs` phases, each a permutation of the pool."""
        orders = [rng.permutation(len(pool)) for _ in range(self.epochs if len(pool) else 0)]
        return Curriculum(tuple(Phase(tuple(pool.ids[row] for row in order)) for order in orders))
