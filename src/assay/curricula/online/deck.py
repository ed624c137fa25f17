"""Decks: rows in shuffled order, each once per round."""

from typing import Any, ClassVar

import numpy as np

from assay.core.types import Pool
from assay.curricula.online.state import CurriculumState, Ints


class Deck:
    """Deal row numbers in shuffled order without repeats; each new round is shuffled anew, by a seed of its own.

    Args:
        rows: The row numbers.
        *seed: Of the shuffles, together with the round's number.
    """

    def __init__(self, rows: Ints, *seed: int) -> None:
        self.rows, self.seed, self.dealt = rows, seed, 0
        self._round, self._order = -1, rows

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def left(self) -> int:
        """Rows of this round that were not dealt yet; 0 in an empty deck."""
        return len(self.rows) - self.dealt % len(self.rows) if len(self.rows) else 0

    def deal(self) -> int:
        """Return the next row; a deck without rows cannot deal."""
        number, place = divmod(self.dealt, len(self.rows))
        if number != self._round:
            self._round, self._order = number, np.random.default_rng((*self.seed, number)).permutation(self.rows)
        self.dealt += 1
        return int(self._order[place])


class DeckState(CurriculumState):
    """An online curriculum that deals all problems of its pool from one deck."""

    state_fields: ClassVar[tuple[str, ...]] = ("dealt",)

    def __init__(self, settings: Any, pool: Pool, seed: int) -> None:
        super().__init__(settings, pool, seed)
        self.deck = Deck(np.arange(len(pool)), seed)

    @property
    def dealt(self) -> int:
        """Problems dealt so far."""
        return self.deck.dealt

    @dealt.setter
    def dealt(self, count: int) -> None:
        self.deck.dealt = count

    def choose(self, groups: int, rng: np.random.Generator) -> list[int]:
        """Return the next rows of the deck."""
        return [self.deck.deal() for _ in range(groups)]
