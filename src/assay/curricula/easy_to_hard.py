"""Easiest first, the classic curriculum."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, Pool
from assay.curricula._order import single_phase, sort_easiest_first


@dataclass(frozen=True)
class EasyToHard:
    """Order problems by falling posterior mean of the pass rate; equal means come by id.

    Easy is meant for the policy that was scored, not for people. One phase of `epochs` walks; an empty pool has none.

    Source: Bengio et al. (2009), Curriculum Learning, sec. 3; the order "curriculum" of arXiv:2408.07888, whose null
    result (no order wins across models and data) is the expectation to test against.
    """

    needs: ClassVar[tuple[str, ...]] = ("mean",)

    epochs: Annotated[int, Field(ge=1)] = 1

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return one phase; nothing is random."""
        return single_phase(pool, sort_easiest_first(pool), self.epochs)
