"""The best first, unless one like it is already there."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assay.core.types import Pool, Selection
from assay.maths.rl.group_signal import expected_signal
from assay.selectors._outcome import Floats, Ints, account, best, numbers, vectors, within

BLOCK = 512  # problems compared with the kept ones in one product


@dataclass(frozen=True)
class Deita:
    """Problems are walked by falling score, and one is kept if no kept problem lies nearer than `distance`, until the budget is spent.

    distance = 0 is a plain ranking; 2 keeps the best problem and what is exactly opposite. It can keep fewer than the budget.
    by = "signal" is the expected group signal of `frontier`; any other column counts as a score, higher = better. Equal scores
    are taken by id. Dropped: `too_near` (walked and refused), `not_chosen` (behind the last kept one).

    Source: Deita, arXiv:2312.15685, whose score is quality x complexity; .9 is the released L2 threshold.
    """

    by: str = "signal"
    distance: Annotated[float, Field(ge=0, le=2)] = 0.9  # Euclidean, between unit vectors: 0 = twins, 2 = opposite
    group_size: Annotated[int, Field(ge=2)] = 8  # G of the training run; read by "signal" only

    @property
    def needs(self) -> tuple[str, ...]:
        """Vectors, and what the score is made of."""
        return ("vectors", "post_a", "post_b") if self.by == "signal" else ("vectors", self.by)

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """min(budget, problems that are far enough apart); chance plays no part."""
        ranked = best(self._score(pool), np.arange(len(pool)))
        kept, refused = walked(vectors(pool), ranked, within(budget, len(pool)), 1 - self.distance**2 / 2)
        reasons = np.full(len(pool), "not_chosen", dtype="<U12")
        reasons[refused] = "too_near"
        return account(pool, kept, reasons=reasons)

    def _score(self, pool: Pool) -> Floats:
        if self.by != "signal":
            return numbers(pool, self.by)
        return expected_signal(numbers(pool, "post_a"), numbers(pool, "post_b"), self.group_size)


def walked(rows: NDArray[np.float32], ranked: Ints, budget: int, closest: float) -> tuple[Ints, Ints]:
    """Row numbers kept and refused, each in the order of the walk; a row is refused where a kept one has a cosine above `closest`.

    Shapes: rows (n, d) unit, ranked (n,). O(n d kept) time in blocks, O(n) memory.
    """
    kept, refused = np.empty(0, np.int64), list[int]()
    limit = closest + 1e-6 if closest < 1 else np.inf  # distance 0: even twins are kept
    for start in range(0, len(ranked), BLOCK):
        block = ranked[start : start + BLOCK]
        near = (rows[block] @ rows[kept].T).max(axis=1, initial=-np.inf)  # (b,)
        among = rows[block] @ rows[block].T  # (b, b)
        fresh = list[int]()
        for place in range(len(block)):
            if len(kept) + len(fresh) == budget:
                return np.concatenate([kept, block[fresh]]), np.array(refused, dtype=np.int64)
            if near[place] > limit:
                refused.append(int(block[place]))
                continue
            fresh.append(place)
            np.maximum(near, among[place], out=near)
        kept = np.concatenate([kept, block[fresh]])
    return kept, np.array(refused, dtype=np.int64)
