"""`k_center`: coverage: every problem of the pool is near a chosen one."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assay.core.types import Pool, Selection
from assay.selectors._pool_rows import Ints, build_selection, clip_budget, draw_candidates, unit_vectors

CANDIDATES = 4096  # rows whose distances are kept exact


@dataclass(frozen=True)
class KCenter:
    """Add the problem farthest from all chosen ones until the budget is used, equal distances by id.

    It starts at the problem nearest to the pool's mean, so nothing is random. The largest remaining distance is at most
    twice the best possible. It favours outliers: in arXiv:2409.11378 it does worse than random. It takes at most O(n d
    budget) time, far less if rows are near to early choices, and O(n) memory.

    In pools of more than `candidates` problems it chooses among so many random ones (or four per problem of the
    budget), whose vectors alone are read. The bound then holds among these, and rare outliers may be missed.

    Dropped: `not_chosen`.

    Source: Gonzalez (1985), Clustering to Minimize the Maximum Intercluster Distance; k-Center greedy,
    arXiv:1708.00489, algorithm 1.
    """

    candidates: Annotated[int, Field(ge=0)] = 200_000  # problems that are compared in larger pools; 0 = all
    needs: ClassVar[tuple[str, ...]] = ("vectors",)

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """Keep min(budget, n) problems; `rng` is used in pools of more than `candidates` only."""
        size = clip_budget(budget, len(pool))
        compared, rows = draw_candidates(pool, size, self.candidates, rng)
        return build_selection(pool, rows[farthest_first(unit_vectors(compared), size)])


def farthest_first(vectors: NDArray[np.float32], budget: int, *, candidates: int = CANDIDATES) -> Ints:
    """Choose rows greedily, each time the one farthest from all chosen rows.

    A row's distance to the chosen rows only shrinks, so an old distance is an upper bound. Only the `candidates` rows
    that seem farthest are brought up to date, in one matrix product, and rows are chosen among them while one is
    farther than every old distance outside. A row near an early choice is never compared with later ones. The distances
    are those of the plain greedy algorithm; only rows whose distances agree to the rounding of a float32 product may
    come in another order.

    Args:
        vectors: (n, d) unit rows.
        budget: rows to choose, at most n.
        candidates: rows whose distances are kept exact; changes the speed only.

    Returns:
        (budget,) row numbers in the order in which they were chosen.
    """
    nearest = np.full(
        len(vectors), -np.inf, dtype=np.float32
    )  # (n,) lower bound of the cosine to the nearest chosen row
    n_compared = np.zeros(len(vectors), dtype=np.int64)  # (n,) how many of the chosen rows each row was compared with
    chosen_rows = np.empty(budget, dtype=np.int64)
    if budget:
        chosen_rows[0] = np.argmax(np.round(vectors @ vectors.mean(axis=0), 6))
        np.maximum(nearest, vectors @ vectors[chosen_rows[0]], out=nearest)
        nearest[chosen_rows[0]] = np.inf  # excludes the row itself for good, but not rows equal to it
        n_compared[:] = 1
    count = min(1, budget)
    while count < budget:
        is_partial = len(vectors) > candidates
        order = np.argpartition(nearest, candidates) if is_partial else np.arange(len(vectors))
        ahead, bound = np.sort(order[:candidates]), nearest[order[candidates]] if is_partial else np.inf
        _compare(vectors, nearest, n_compared, ahead, chosen_rows[:count])
        count = _choose_among(vectors, nearest, n_compared, ahead[nearest[ahead] <= bound], bound, chosen_rows, count)
    return chosen_rows


def _compare(
    vectors: NDArray[np.float32], nearest: NDArray[np.float32], n_compared: Ints, rows: Ints, chosen_rows: Ints
) -> None:
    """Compare rows with the chosen ones that they were not compared with yet, equally old rows in one product."""
    counts = n_compared[rows]
    for count in np.unique(counts[counts < len(chosen_rows)]):
        group = rows[counts == count]
        nearest[group] = np.maximum(nearest[group], (vectors[group] @ vectors[chosen_rows[count:]].T).max(axis=1))
    n_compared[rows] = len(chosen_rows)


def _choose_among(
    vectors: NDArray[np.float32],
    nearest: NDArray[np.float32],
    n_compared: Ints,
    rows: Ints,
    bound: float,
    chosen_rows: Ints,
    count: int,
) -> int:
    """Choose the farthest of these rows while it is as far as the bound; return the new number of chosen rows."""
    subset, cosine = vectors[rows], nearest[rows]
    while (
        count < len(chosen_rows)
        and len(rows)
        and cosine[place := int(np.argmin(cosine))] <= bound
        and cosine[place] < np.inf
    ):
        chosen_rows[count] = rows[place]
        np.maximum(cosine, subset @ subset[place], out=cosine)
        cosine[place] = np.inf
        count += 1
    nearest[rows], n_compared[rows] = cosine, count
    return count
