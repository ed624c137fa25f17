"""`deita`: the best problems first, skipping those too similar to one already kept."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assay.core.types import Pool, Selection
from assay.maths.rl.group_signal import expected_signal
from assay.selectors._pool_rows import (
    Floats,
    Ints,
    build_selection,
    clip_budget,
    numeric_column,
    rank_by_score,
    unit_vectors,
)

BLOCK = 512  # problems compared with the kept ones in one matrix product


@dataclass(frozen=True)
class Deita:
    """Go through problems by falling score and keep each that is at least `distance` from every kept one.

    distance = 0 is a plain ranking; 2 keeps the best problem and only exact opposites of it. Fewer problems than the
    budget may be kept. by = "signal" scores by the expected group signal of `frontier`; any other column is a score,
    higher = better. Equal scores are taken by id.

    Dropped: `too_near` (closer than `distance` to a kept one), `not_chosen` (ranked behind the last kept one).

    Source: Deita, arXiv:2312.15685, whose score is quality x complexity; .9 is the L2 threshold of its released code.
    """

    by: str = "signal"
    distance: Annotated[float, Field(ge=0, le=2)] = 0.9  # Euclidean, between unit vectors: 0 = equal, 2 = opposite
    group_size: Annotated[int, Field(ge=2)] = 8  # G of the training run; read by "signal" only

    @property
    def needs(self) -> tuple[str, ...]:
        """Vectors, and the columns of the score."""
        return ("vectors", "beta_a", "beta_b") if self.by == "signal" else ("vectors", self.by)

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """Keep min(budget, problems far enough apart) problems; `rng` is not used."""
        ranking = rank_by_score(self._score(pool), np.arange(len(pool)))
        max_cosine = 1 - self.distance**2 / 2
        kept_rows, near_rows = keep_distant(unit_vectors(pool), ranking, clip_budget(budget, len(pool)), max_cosine)
        reasons = np.full(len(pool), "not_chosen", dtype="<U12")
        reasons[near_rows] = "too_near"
        return build_selection(pool, kept_rows, reasons=reasons)

    def _score(self, pool: Pool) -> Floats:
        if self.by != "signal":
            return numeric_column(pool, self.by)
        return expected_signal(numeric_column(pool, "beta_a"), numeric_column(pool, "beta_b"), self.group_size)


def keep_distant(
    vectors: NDArray[np.float32], ranking: Ints, budget: int, max_cosine: float, *, block_size: int = BLOCK
) -> tuple[Ints, Ints]:
    """Keep rows in the order of a ranking, refusing each whose cosine to a kept row is above `max_cosine`.

    Takes O(n d kept) time in blocks and O(n) memory.

    Args:
        vectors: (n, d) unit rows.
        ranking: (n,) row numbers, best first.
        budget: the number of rows to keep.
        max_cosine: the largest cosine allowed between two kept rows; 1 refuses nothing, not even equal rows.
        block_size: rows compared in one matrix product; changes the speed only.

    Returns:
        The kept rows and the refused rows, each in ranking order. Rows behind the last kept one are in neither.
    """
    kept_rows, near_rows = np.empty(0, np.int64), list[int]()
    limit = max_cosine + 1e-6 if max_cosine < 1 else np.inf
    for start in range(0, len(ranking), block_size):
        block = ranking[start : start + block_size]
        nearest = (vectors[block] @ vectors[kept_rows].T).max(
            axis=1, initial=-np.inf
        )  # (b,) cosine to the nearest kept row
        within_block = vectors[block] @ vectors[block].T  # (b, b)
        new = list[int]()
        for place in range(len(block)):
            if len(kept_rows) + len(new) == budget:
                return np.concatenate([kept_rows, block[new]]), np.array(near_rows, dtype=np.int64)
            if nearest[place] > limit:
                near_rows.append(int(block[place]))
                continue
            new.append(place)
            np.maximum(nearest, within_block[place], out=nearest)
        kept_rows = np.concatenate([kept_rows, block[new]])
    return kept_rows, np.array(near_rows, dtype=np.int64)
