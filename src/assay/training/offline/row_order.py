"""Which stored rows each step reads: every row once per epoch, in an order that the seed and the epoch decide."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from assay.core.identity import derive_seed


def steps_of(rows: int, epochs: float, rows_per_step: int) -> int:
    """Return the steps that read `epochs` x `rows` rows, rounded up; the last one goes on into the next epoch.

    >>> steps_of(10, 1.0, 4), steps_of(10, 2.0, 4), steps_of(10, 0.1, 4)
    (3, 5, 1)
    """
    return max(1, math.ceil(epochs * rows / rows_per_step - 1e-9))


@dataclass(frozen=True, slots=True)
class RowOrder:
    """A torch sampler of row places: `rows_per_step` for each of `steps` steps, also in a resumed run."""

    rows: int
    steps: int
    rows_per_step: int
    seed: int
    shuffle: bool = True

    def places(self, step: int) -> tuple[int, ...]:
        """Return the places of one step's rows; steps count from 0.

        >>> order = RowOrder(3, steps=3, rows_per_step=2, seed=0, shuffle=False)
        >>> [order.places(step) for step in range(3)]
        [(0, 1), (2, 0), (1, 2)]
        """
        first = step * self.rows_per_step
        return tuple(self._place(position) for position in range(first, first + self.rows_per_step))

    def _place(self, position: int) -> int:
        epoch, place = divmod(position, self.rows)
        return _permutation(self.seed, epoch, self.rows)[place] if self.shuffle else place

    def __iter__(self) -> Iterator[int]:
        for step in range(self.steps):
            yield from self.places(step)

    def __len__(self) -> int:
        return self.steps * self.rows_per_step


@lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, rows: int) -> list[int]:
    order: list[int] = np.random.default_rng(derive_seed("rows", seed, epoch)).permutation(rows).tolist()
    return order
