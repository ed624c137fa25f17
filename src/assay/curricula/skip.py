"""Problems whose groups keep being all right or all wrong are skipped with growing chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, GroupResult, Pool
from assay.curricula._order import single_phase
from assay.curricula.online.deck import DeckState
from assay.curricula.online.state import Ints, pass_share

MIN_KEEP, MAX_KEEP, MOVE = 0.05, 0.95, 0.01  # of the chances to keep, as in the released code
EASY_PART = 1 / 3  # of the target is for groups that are all right


@dataclass(frozen=True)
class Skip:
    """Deal problems in shuffled order, and skip one whose last z groups were all alike with chance 1 - keep^z.

    `keep` is kept apart for solved and for unsolved problems, begins at `keep`, and moves by .01 a step between .05 and
    .95: down where the step's share of such groups is at or above its target, up where it is below. The targets are a
    third of `target` for all right and two thirds for all wrong. A mixed group sets z to 0. Nothing is skipped, and no
    chance moves, in the first round over the pool: this needs several.

    Source: GRESO, arXiv:2506.02177, sec. 4, and its released code (p_easy and p_hard .5, target .25, between .05 and
    .95, moved after the first epoch). A streak here is of one kind: right after wrong begins a new one. Its refilling
    of steps is `dynamic`'s, and not part of this.
    """

    keep: Annotated[float, Field(ge=0.05, le=0.95)] = 0.5  # at the start
    target: Annotated[float, Field(ge=0, le=1)] = 0.25  # share of groups that are all right or all wrong

    needs = ()

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return all problems, shuffled."""
        return single_phase(pool, rng.permutation(len(pool)), 1)

    def begin(self, pool: Pool, *, seed: int) -> "SkipState":
        """Return the state in which no problem was attempted."""
        return SkipState(self, pool, seed)


class SkipState(DeckState):
    """One deck, how many groups in a row were alike per problem and which way, and both chances to keep."""

    state_fields: ClassVar[tuple[str, ...]] = (*DeckState.state_fields, "streak", "solved", "keep_easy", "keep_hard")

    def __init__(self, settings: Skip, pool: Pool, seed: int) -> None:
        super().__init__(settings, pool, seed)
        self.settings = settings
        self.keep_easy = self.keep_hard = settings.keep
        self.streak = np.zeros(len(pool), dtype=np.int64)  # (n,) last groups that were all alike
        self.solved = np.zeros(len(pool), dtype=bool)  # (n,) whether these were all right

    def choose(self, groups: int, rng: np.random.Generator) -> list[int]:
        """Return the next rows of the deck that are not skipped."""
        rows: list[int] = []
        while len(rows) < groups:
            row = self.deck.deal()
            keep = self.keep_easy if self.solved[row] else self.keep_hard
            if rng.random() < keep ** int(self.streak[row]):
                rows.append(row)
        return rows

    def learn(self, rows: Ints, groups: Sequence[GroupResult]) -> None:
        """Count streaks on, and move the chances to keep towards their targets."""
        row_shares = [
            (row, share)
            for row, group in zip(rows.tolist(), groups, strict=True)
            if (share := pass_share(group)) is not None
        ]
        for row, share in row_shares:
            if 0 < share < 1:
                self.streak[row] = 0
            else:
                self.streak[row] = (
                    self.streak[row] + 1 if self.solved[row] == (share == 1) or not self.streak[row] else 1
                )
                self.solved[row] = share == 1
        if row_shares and self.dealt > len(self.ids):
            easy = sum(share == 1 for _, share in row_shares) / len(row_shares)
            hard = sum(share == 0 for _, share in row_shares) / len(row_shares)
            self.keep_easy = _moved(self.keep_easy, easy >= self.settings.target * EASY_PART)
            self.keep_hard = _moved(self.keep_hard, hard >= self.settings.target * (1 - EASY_PART))


def _moved(keep: float, too_many: bool) -> float:
    return max(keep - MOVE, MIN_KEEP) if too_many else min(keep + MOVE, MAX_KEEP)
