"""Phases behind gates: the next begins only when this one is mastered."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.core.types import Counts, Curriculum, GroupResult, Phase, Pool
from assay.curricula._order import split_rows
from assay.curricula.online.deck import Deck
from assay.curricula.online.state import CurriculumState, Ints
from assay.maths.rl.evaluation import lower_bound


@dataclass(frozen=True)
class Staged:
    """Repeat a phase until the lower bound of its success rate passes the threshold; then begin the next.

    Phases are `bins` parts of equal size of a number, easiest or least first ("mean": the posterior mean), or with bins
    = 0 the values of a column ("level"), the one of lowest id first. The bound is Student's over the rates of the
    phase's last `window` groups, since rollouts of one group share their problem; its error of (1 - level) / 2 is
    spread over the windows that the phase has begun (6 / (pi k)^2 of it in the k-th), since it is checked after every
    step. Truncated rollouts count as failures. The last phase has no gate. A gate that does not open within `patience`
    groups is passed all the same, and patience = 0 waits for ever: training then ends inside the phase.

    Without training's results, `arrange` puts the phases one after the other.

    Source: stages that carry the weights on, Curr-ReFT, arXiv:2503.07065, and h1, arXiv:2510.07312 (lengths 1 to H).
    Their stages end after a fixed count of samples; the gate by a lower bound is ours.
    """

    by: str = "mean"
    bins: Annotated[int, Field(ge=0)] = 3  # 0 = each value of the column is a phase
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.7  # 0 = every gate is open, 1 = none opens
    level: Annotated[float, Field(gt=0, lt=1)] = 0.9
    window: Annotated[int, Field(ge=1)] = 32  # groups
    patience: Annotated[int, Field(ge=0)] = 0  # groups in one phase; 0 = no limit
    epochs: Annotated[int, Field(ge=1)] = 1
    was: ClassVar[dict[str, str]] = {"epochs": "passes"}  # names under which states hash settings

    @property
    def needs(self) -> tuple[str, ...]:
        """The column that defines the phases."""
        return (self.by,)

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return one phase per part, shuffled inside; with several epochs the whole sequence is repeated."""
        parts = [tuple(pool.ids[row] for row in rng.permutation(rows)) for rows in split_rows(pool, self.by, self.bins)]
        return Curriculum(tuple(Phase(ids) for _ in range(self.epochs) for ids in parts))

    def begin(self, pool: Pool, *, seed: int) -> "StagedState":
        """Return the state before the first phase's first problem."""
        return StagedState(self, pool, seed)


class StagedState(CurriculumState):
    """The current phase (named `lesson` in saved states), how far its deck is dealt, and its last groups."""

    state_fields = ("lesson", "dealt", "seen", "right", "wrong")

    def __init__(self, settings: Staged, pool: Pool, seed: int) -> None:
        super().__init__(settings, pool, seed)
        self.settings, self.parts = settings, split_rows(pool, settings.by, settings.bins)
        self.phase_of_row = np.empty(len(pool), dtype=np.int64)  # (n,)
        for phase, rows in enumerate(self.parts):
            self.phase_of_row[rows] = phase
        self.decks = [Deck(rows, seed, phase) for phase, rows in enumerate(self.parts)]
        self.lesson, self.seen = 0, 0
        self.right: Ints = np.empty(0, dtype=np.int64)  # the window's counts, one per group
        self.wrong: Ints = np.empty(0, dtype=np.int64)

    @property
    def dealt(self) -> int:
        """Problems that this phase has dealt; 0 where the pool is empty."""
        return self.decks[self.lesson].dealt if self.decks else 0

    @dealt.setter
    def dealt(self, count: int) -> None:
        if self.decks:
            self.decks[self.lesson].dealt = count

    @property
    def bound(self) -> float:
        """The lower bound of the phase's mean rate over problems; 0 before its second group with an attempt."""
        attempts = self.right + self.wrong
        windows = max(-(-self.seen // self.settings.window), 1)  # begun: checks inside one share most of their groups
        error = (1 - self.settings.level) / 2 * 6 / (np.pi * windows) ** 2  # over all windows (1 - level) / 2
        return lower_bound(self.right[attempts > 0] / attempts[attempts > 0], error=float(error))

    def choose(self, groups: int, rng: np.random.Generator) -> list[int]:
        """Return the next rows of this phase."""
        return [self.decks[self.lesson].deal() for _ in range(groups)]

    def learn(self, rows: Ints, groups: Sequence[GroupResult]) -> None:
        """Count the groups of this phase, and begin the next where the gate is open."""
        counts = [
            group.counts for row, group in zip(rows, groups, strict=True) if self.phase_of_row[row] == self.lesson
        ]
        self.seen += len(counts)
        self._extend_window(counts)
        impatient = 0 < self.settings.patience <= self.seen
        if self.lesson < len(self.parts) - 1 and self.seen and (self.bound >= self.settings.threshold or impatient):
            self._begin_phase(self.lesson + 1)

    def _extend_window(self, counts: Sequence[Counts]) -> None:
        right = np.concatenate([self.right, [group.correct for group in counts]]).astype(np.int64)
        wrong = np.concatenate([self.wrong, [group.wrong + group.truncated for group in counts]]).astype(np.int64)
        self.right, self.wrong = right[-self.settings.window :], wrong[-self.settings.window :]

    def _begin_phase(self, phase: int) -> None:
        self.lesson, self.seen = phase, 0
        self.right = self.wrong = np.empty(0, dtype=np.int64)
