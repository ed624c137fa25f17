"""Hardest first: the reverse, as a control."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, Pool
from assay.curricula._order import single_phase, sort_easiest_first


@dataclass(frozen=True)
class HardToEasy:
    """Order problems by rising posterior mean of the pass rate, the exact reverse of `easy_to_hard`.

    If an order helps, this one should hurt; where both help, what helped was not the order. One phase of `epochs`
    epochs.

    Source: the anti-curriculum of Wu, Dyer and Neyshabur (2020), When Do Curricula Work?, arXiv:2012.03107, sec. 3.
    """

    needs: ClassVar[tuple[str, ...]] = ("mean",)

    epochs: Annotated[int, Field(ge=1)] = 1

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return one phase; nothing is random."""
        return single_phase(pool, sort_easiest_first(pool)[::-1], self.epochs)
