"""Lessons behind gates: the next begins only when this one is mastered."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, GroupResult, Phase, Pool
from assay.curricula._course import CurriculumState, Deck, Ints
from assay.curricula._order import arms
from assay.maths.rl.evaluation import lower_bound


@dataclass(frozen=True)
class Staged:
    """A lesson is walked, again and again, until the lower bound of its share of right answers passes the threshold; then the next begins.

    Lessons are `bins` parts of equal size of a number, easiest or least first ("mean": the posterior mean), or with bins = 0 the values of a
    column ("level"), the one of lowest id first. The bound is Student's over the rates of the lesson's last `window` groups, since rollouts of
    one group share their problem; its error of (1 - level) / 2 is spread over the windows that the lesson has begun (6 / (pi k)^2 of it in the k-th),
    since it is looked at after every step. Cut rollouts count as failures. The last lesson has no gate. A gate that does not open after `patience`
    groups is passed all the same, and patience = 0 waits for ever: training then ends inside the lesson.

    Without training's answers, `arrange` walks the lessons one after the other.

    Source: stages that carry the weights on, Curr-ReFT, arXiv:2503.07065, and h1, arXiv:2510.07312 (lengths 1 to H). Their stages end after a
    fixed count of samples; the gate by a lower bound is ours.
    """

    by: str = "mean"
    bins: Annotated[int, Field(ge=0)] = 3  # 0 = each value of the column is a lesson
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.7  # 0 = every gate is open, 1 = none opens
    level: Annotated[float, Field(gt=0, lt=1)] = 0.9
    window: Annotated[int, Field(ge=1)] = 32  # groups
    patience: Annotated[int, Field(ge=0)] = 0  # groups in one lesson; 0 = no end
    passes: Annotated[int, Field(ge=1)] = 1

    @property
    def needs(self) -> tuple[str, ...]:
        """What names the lessons."""
        return (self.by,)

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """One lesson a part, shuffled inside; with several passes all lessons are walked again."""
        parts = [tuple(pool.ids[row] for row in rng.permutation(rows)) for rows in arms(pool, self.by, self.bins)]
        return Curriculum(tuple(Phase(ids) for _ in range(self.passes) for ids in parts))

    def begin(self, pool: Pool, *, seed: int) -> "Gated":
        """The first lesson's first problem."""
        return Gated(self, pool, seed)


class Gated(CurriculumState):
    """The lesson, what its deck has dealt, and its last groups."""

    held = ("lesson", "dealt", "seen", "right", "wrong")

    def __init__(self, settings: Staged, pool: Pool, seed: int) -> None:
        super().__init__(settings, pool, seed)
        self.settings, self.parts = settings, arms(pool, settings.by, settings.bins)
        self.own = np.empty(len(pool), dtype=np.int64)  # (n,) lesson of each row
        for lesson, rows in enumerate(self.parts):
            self.own[rows] = lesson
        self.decks = [Deck(rows, seed, lesson) for lesson, rows in enumerate(self.parts)]
        self.lesson, self.seen = 0, 0
        self.right: Ints = np.empty(0, dtype=np.int64)  # the window's counts, one a group
        self.wrong: Ints = np.empty(0, dtype=np.int64)

    @property
    def dealt(self) -> int:
        """Problems that this lesson has given; 0 where the pool is empty."""
        return self.decks[self.lesson].dealt if self.decks else 0

    @dealt.setter
    def dealt(self, count: int) -> None:
        if self.decks:
            self.decks[self.lesson].dealt = count

    @property
    def bound(self) -> float:
        """The lower bound of the lesson's mean rate over problems; 0 before its second group with an attempt."""
        tried = self.right + self.wrong
        looks = -(-self.seen // self.settings.window)  # windows begun: looks inside one share most of their groups
        error = (
            (1 - self.settings.level) / 2 * 6 / (np.pi * max(looks, 1)) ** 2
        )  # over all looks together (1 - level) / 2
        return lower_bound(self.right[tried > 0] / tried[tried > 0], error=float(error))

    def choose(self, groups: int, rng: np.random.Generator) -> list[int]:
        """The next of this lesson."""
        return [self.decks[self.lesson].deal() for _ in range(groups)]

    def learn(self, rows: Ints, groups: Sequence[GroupResult]) -> None:
        """Counts the groups of this lesson, and passes the gate where it is open."""
        told = [group.counts for row, group in zip(rows, groups, strict=True) if self.own[row] == self.lesson]
        self.seen += len(told)
        self.right = np.concatenate([self.right, [each.correct for each in told]]).astype(np.int64)[
            -self.settings.window :
        ]
        self.wrong = np.concatenate([self.wrong, [each.wrong + each.truncated for each in told]]).astype(np.int64)[
            -self.settings.window :
        ]
        tired = 0 < self.settings.patience <= self.seen
        if self.lesson < len(self.parts) - 1 and self.seen and (self.bound >= self.settings.threshold or tired):
            self._enter(self.lesson + 1)

    def _enter(self, lesson: int) -> None:
        self.lesson, self.seen = lesson, 0
        self.right = self.wrong = np.empty(0, dtype=np.int64)
