"""Coverage: every problem of the pool has a chosen one near it."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from assay.core.types import Pool, Selection
from assay.selectors._outcome import Ints, account, vectors, within

AHEAD = 4096  # rows kept up to date


@dataclass(frozen=True)
class KCenter:
    """The problem farthest from all chosen ones is added until the budget is spent, equal ones by id.

    It starts at the problem nearest to the pool's mean, so chance plays no part. The largest distance left is at most twice
    the best possible. It chases outliers: in arXiv:2409.11378 it does worse than random. At most O(n d budget)
    time, far less where rows are near to early choices; O(n) memory. Dropped: `not_chosen`.

    Source: Gonzalez (1985), Clustering to Minimize the Maximum Intercluster Distance; k-Center greedy, arXiv:1708.00489,
    algorithm 1.
    """

    needs: ClassVar[tuple[str, ...]] = ("vectors",)

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """min(budget, n) problems."""
        return account(pool, farthest_first(vectors(pool), within(budget, len(pool))))


def farthest_first(rows: NDArray[np.float32], budget: int) -> Ints:
    """Row numbers, (budget,), in the order in which they were added; rows (n, d) are unit vectors.

    A row comes only nearer to the chosen ones, so its old distance is an upper bound. Only the farthest AHEAD rows are brought up to
    date, in one product, and the walk goes on among them while one of them is farther than every old distance outside; a row near to
    some early choice is never compared with later ones. Distances are those of the plain greedy; only equal ones, to the
    rounding of a float32 product, may come in another order.
    """
    near = np.full(
        len(rows), -np.inf, dtype=np.float32
    )  # (n,) cosine to the closest chosen row it was compared with: too low, never too high
    seen = np.zeros(len(rows), dtype=np.int64)  # (n,) how many of the chosen rows that was
    chosen = np.empty(budget, dtype=np.int64)
    if budget:
        chosen[0] = np.argmax(np.round(rows @ rows.mean(axis=0), 6))
        np.maximum(near, rows @ rows[chosen[0]], out=near)
        near[chosen[0]] = np.inf  # for good: twins of a chosen row may still come, the row itself may not
        seen[:] = 1
    done = min(1, budget)
    while done < budget:
        part = np.argpartition(near, AHEAD) if len(rows) > AHEAD else np.arange(len(rows))
        ahead, bound = np.sort(part[:AHEAD]), near[part[AHEAD]] if len(rows) > AHEAD else np.inf
        _update(rows, near, seen, ahead, chosen[:done])
        done = _walk(rows, near, seen, ahead[near[ahead] <= bound], bound, chosen, done)
    return chosen


def _update(rows: NDArray[np.float32], near: NDArray[np.float32], seen: Ints, ahead: Ints, chosen: Ints) -> None:
    """Compares these rows with the chosen ones that they have not met, all rows of one age in one product."""
    ages = seen[ahead]
    for age in np.unique(ages[ages < len(chosen)]):
        group = ahead[ages == age]
        near[group] = np.maximum(near[group], (rows[group] @ rows[chosen[age:]].T).max(axis=1))
    seen[ahead] = len(chosen)


def _walk(
    rows: NDArray[np.float32], near: NDArray[np.float32], seen: Ints, ahead: Ints, bound: float, chosen: Ints, done: int
) -> int:
    """Adds the farthest of these rows while it is at least as far as the bound; returns how many are chosen now."""
    some, cosine = rows[ahead], near[ahead]
    while (
        done < len(chosen)
        and len(ahead)
        and cosine[place := int(np.argmin(cosine))] <= bound
        and cosine[place] < np.inf
    ):
        chosen[done] = ahead[place]
        np.maximum(cosine, some @ some[place], out=cosine)
        cosine[place] = np.inf
        done += 1
    near[ahead], seen[ahead] = cosine, done
    return done
