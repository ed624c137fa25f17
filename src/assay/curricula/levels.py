"""Levels that follow the policy: each source opens its next level once the highest open one is solved."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, GroupResult, Pool
from assay.curricula._order import finite_column, single_phase
from assay.curricula.online.deck import Deck
from assay.curricula.online.state import CurriculumState, Ints


@dataclass(frozen=True)
class Levels:
    """Draw each group's source evenly, then one of its `window` highest open levels; solved levels open the next.

    Every source starts with its `open` lowest values of the column `by`. The rollouts at its highest open level are
    counted; once `groups` groups are, the next level opens if the share of right ones is at least `threshold`, and the
    count begins anew either way. Truncated rollouts count as wrong. The highest level that the pool has stays open.
    Inside a level problems come in shuffled order without repeats, then anew. The levels of a source that are open, the
    counts and the decks are saved, so a training that goes on after a kill gives the same steps.

    No score is needed. `reasoning_gym` with `levels = n` makes problems at n levels; any column of numbers will do,
    such as the `level` of MATH.

    Source: RLVE, arXiv:2511.07317, sec. 3 and its released code (threshold .9, window 4, 8 prompts between two looks).
    There a problem is generated when it is drawn; here it is one of the pool's, so that it has a label, a hash and
    stored rollouts, and the highest level of the pool is the end.
    """

    by: str = "level"
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.9  # share of right rollouts; 0 = every look opens a level
    window: Annotated[int, Field(ge=1)] = 4  # levels that are drawn from, the highest open ones
    groups: Annotated[int, Field(ge=1)] = 8  # at the highest open level, between two looks
    open: Annotated[int, Field(ge=1)] = 1  # levels of each source at the start

    @property
    def needs(self) -> tuple[str, ...]:
        """The column of levels, and the source."""
        return (self.by, "source")

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return all problems from the lowest level to the highest, shuffled inside a level."""
        shuffled = rng.permutation(len(pool))
        level = finite_column(pool, self.by)[shuffled]
        return single_phase(pool, shuffled[np.argsort(level, kind="stable")], 1)

    def begin(self, pool: Pool, *, seed: int) -> "LevelsState":
        """Return the state in which each source has its lowest levels open."""
        return LevelsState(self, pool, seed)


class LevelsState(CurriculumState):
    """Open levels of each source, the counts at its highest open one, and how far each level's deck is dealt."""

    state_fields: ClassVar[tuple[str, ...]] = ("opened", "right", "judged", "seen", "dealt")

    def __init__(self, settings: Levels, pool: Pool, seed: int) -> None:
        super().__init__(settings, pool, seed)
        self.settings = settings
        level, source = finite_column(pool, settings.by), pool.column("source").astype(str)
        self.source_of_row = np.unique(source, return_inverse=True)[1].reshape(-1)  # (n,)
        self.level_of_row = np.zeros(len(pool), dtype=np.int64)  # (n,) counted from 0 within the source
        self.decks: list[list[Deck]] = []  # by source and level
        for number in range(int(self.source_of_row.max(initial=-1)) + 1):
            own = np.flatnonzero(self.source_of_row == number)
            _, self.level_of_row[own] = np.unique(level[own], return_inverse=True)
            parts = [own[self.level_of_row[own] == k] for k in range(int(self.level_of_row[own].max()) + 1)]
            self.decks.append([Deck(rows, seed, number, k) for k, rows in enumerate(parts)])
        self.top = np.array([len(decks) for decks in self.decks], dtype=np.int64)  # (k,) levels that each source has
        self.opened: Ints = np.minimum(settings.open, self.top)  # (k,)
        self.right, self.judged, self.seen = (np.zeros(len(self.decks), dtype=np.int64) for _ in range(3))  # (k,) each

    @property
    def dealt(self) -> Ints:
        """Problems dealt per source and level, one after the other."""
        return np.array([deck.dealt for decks in self.decks for deck in decks], dtype=np.int64)

    @dealt.setter
    def dealt(self, counts: Ints) -> None:
        for deck, count in zip((deck for decks in self.decks for deck in decks), counts.tolist(), strict=True):
            deck.dealt = count

    def choose(self, groups: int, rng: np.random.Generator) -> list[int]:
        """Return one row per group, of an open level."""
        rows = []
        for number in rng.integers(len(self.decks), size=groups).tolist():
            highest = int(self.opened[number])
            rows.append(self.decks[number][rng.integers(max(0, highest - self.settings.window), highest)].deal())
        return rows

    def learn(self, rows: Ints, groups: Sequence[GroupResult]) -> None:
        """Count the groups at the highest open levels, and open the next where these are solved."""
        for row, group in zip(rows.tolist(), groups, strict=True):
            number, counts = self.source_of_row[row], group.counts
            if self.level_of_row[row] == self.opened[number] - 1:
                self.right[number] += counts.correct
                self.judged[number] += counts.correct + counts.wrong + counts.truncated
                self.seen[number] += 1
        due = self.seen >= self.settings.groups
        solved = due & (self.judged > 0) & (self.right >= self.settings.threshold * self.judged)
        self.opened = np.minimum(self.opened + solved, self.top)
        for tally in (self.right, self.judged, self.seen):
            tally[due] = 0
