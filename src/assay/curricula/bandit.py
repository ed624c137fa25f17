"""Arms of problems, drawn by how much the policy learns from each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, GroupResult, Pool
from assay.curricula._course import CurriculumState, Deck, Ints
from assay.curricula._order import arms, one_lesson
from assay.maths.rl.boltzmann import boltzmann


@dataclass(frozen=True)
class Bandit:
    """Each group's arm is drawn with chance softmax(Q / temperature); Q of an arm moves by alpha towards the mean |advantage| of its groups.

    Arms are `bins` parts of equal size of a number ("mean": the posterior mean at the start, so levels of difficulty), or with bins = 0
    the column's own values ("cluster", "source"). Inside an arm problems come in shuffled order without repeats; an arm that runs out is
    shuffled anew (refill) or leaves, and training ends when all have left. When no arm teaches anything, all Q fall to 0 and the draw
    is even.

    With binary rewards and advantages divided by their deviation, |advantage| expects 2 sqrt(p (1 - p)), most at one half; at G = 8 less
    (p = .1: .39 instead of .60, with the deviation over G - 1 that TRL takes), so values of different group sizes do not compare.

    Source: SEC, arXiv:2505.14970, sec. 3: TD(0), Boltzmann draws. The released code gives arms that are absent from a step a reward of 0,
    so they decay; here they are left alone, and `decay_absent` is its way. It also refills all arms together, ours one by one.
    """

    by: str = "mean"
    bins: Annotated[int, Field(ge=0)] = 5  # 0 = each value of the column is an arm
    alpha: Annotated[float, Field(gt=0, le=1)] = 0.5  # 1 = only the last step counts
    temperature: Annotated[float, Field(gt=0)] = 0.4  # higher = more even
    decay_absent: bool = False
    refill: bool = True

    @property
    def needs(self) -> tuple[str, ...]:
        """What names the arms."""
        return (self.by,)

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """What the draw would be if no arm taught anything: all problems, shuffled."""
        arms(pool, self.by, self.bins)  # refuses what `begin` would refuse
        return one_lesson(pool, rng.permutation(len(pool)), 1)

    def begin(self, pool: Pool, *, seed: int) -> "Draws":
        """Q = 0 for every arm."""
        return Draws(self, pool, seed)


class Draws(CurriculumState):
    """Q of each arm, and how far each arm's deck has been dealt."""

    held = ("value", "dealt")

    def __init__(self, settings: Bandit, pool: Pool, seed: int) -> None:
        super().__init__(settings, pool, seed)
        self.settings = settings
        parts = arms(pool, settings.by, settings.bins)
        self.own = np.empty(len(pool), dtype=np.int64)  # (n,) arm of each row
        for arm, rows in enumerate(parts):
            self.own[rows] = arm
        self.decks = [Deck(rows, seed, arm) for arm, rows in enumerate(parts)]
        self.value = np.zeros(len(parts))  # (k,)

    @property
    def dealt(self) -> Ints:
        """Problems that each arm has given, (k,)."""
        return np.array([deck.dealt for deck in self.decks], dtype=np.int64)

    @dealt.setter
    def dealt(self, counts: Ints) -> None:
        for deck, count in zip(self.decks, counts, strict=True):
            deck.dealt = int(count)

    @property
    def chances(self) -> dict[int, float]:
        """The chance of each arm that still has problems."""
        open_ = [arm for arm, deck in enumerate(self.decks) if self.settings.refill or deck.dealt < len(deck)]
        return (
            dict(zip(open_, boltzmann(self.value[open_], self.settings.temperature).tolist(), strict=True))
            if open_
            else {}
        )

    def choose(self, groups: int, rng: np.random.Generator) -> list[int]:
        """One draw a group, arms with replacement."""
        chosen: list[int] = []
        while len(chosen) < groups and (chances := self.chances):
            drawn = rng.choice(list(chances), size=groups - len(chosen), p=list(chances.values()))
            for arm in drawn:
                deck = self.decks[arm]
                if not self.settings.refill and deck.dealt >= len(deck):
                    break  # it ran out within this step: the rest is drawn from the others
                chosen.append(deck.deal())
        return chosen

    def learn(self, rows: Ints, groups: Sequence[GroupResult]) -> None:
        """One TD(0) step for each arm that was seen."""
        gain = np.array([group.advantage for group in groups], dtype=np.float64)
        seen = np.bincount(self.own[rows], minlength=len(self.value))  # (k,)
        reward = np.bincount(self.own[rows], weights=gain, minlength=len(self.value)) / np.maximum(seen, 1)  # (k,)
        moves = np.ones(len(self.value), dtype=bool) if self.settings.decay_absent else seen > 0
        self.value = np.where(moves, (1 - self.settings.alpha) * self.value + self.settings.alpha * reward, self.value)
