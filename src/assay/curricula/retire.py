"""Problems that are solved leave, and come back once they are due for another test."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, GroupResult, Pool
from assay.curricula._order import single_phase
from assay.curricula.online.deck import DeckState
from assay.curricula.online.state import Ints, pass_share


@dataclass(frozen=True)
class Retire:
    """Sample all problems in shuffled order, without those whose last group had a pass rate of `retire_pass_rate` or more.

    A retired problem is sampled again after `retest_steps` steps, and the pass rate of that group decides again;
    retest_steps = 0 retires for good. If every problem is retired, those that were retired first come first.

    Source: ScaleRL's no-positive-resampling, arXiv:2510.13786: prompts of pass rate .9 or more leave all later epochs
    for good. The test after some steps is ours, since a policy that changes may lose a problem again.
    """

    # Share of right answers from which a problem is retired; 1 = only what was solved every time.
    retire_pass_rate: Annotated[float, Field(gt=0, le=1)] = 0.9
    retest_steps: Annotated[int, Field(ge=0)] = 200  # steps; 0 = never
    # names under which states hash settings
    was: ClassVar[dict[str, str]] = {"retire_pass_rate": "above", "retest_steps": "retest"}

    needs = ()

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return all problems, shuffled."""
        return single_phase(pool, rng.permutation(len(pool)), 1)

    def begin(self, pool: Pool, *, seed: int) -> "RetireState":
        """Return the state in which nothing is retired."""
        return RetireState(self, pool, seed)


class RetireState(DeckState):
    """One deck, and the step at which each problem was retired."""

    state_fields: ClassVar[tuple[str, ...]] = (*DeckState.state_fields, "retired", "step")

    def __init__(self, settings: Retire, pool: Pool, seed: int) -> None:
        super().__init__(settings, pool, seed)
        self.settings, self.step = settings, 0
        self.retired = np.full(len(pool), -1, dtype=np.int64)  # (n,) step; -1 = not retired

    def choose(self, groups: int, rng: np.random.Generator) -> list[int]:
        """Return the next rows of the deck that are not retired; the longest retired where fewer are left."""
        active = int((~self._is_retired()).sum())
        if not active:
            return np.resize(np.argsort(self.retired, kind="stable"), groups).tolist()
        out = self._is_retired()
        rows: list[int] = []
        while len(rows) < groups:
            row = self.deck.deal()
            if not out[row]:
                rows.append(row)
        return rows

    def learn(self, rows: Ints, groups: Sequence[GroupResult]) -> None:
        """Retire what was solved, take back what was not, and advance by one step."""
        self.step += 1
        for row, group in zip(rows.tolist(), groups, strict=True):
            share = pass_share(group)
            if share is not None:
                self.retired[row] = self.step if share >= self.settings.retire_pass_rate else -1

    def _is_retired(self) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
        due = (
            (self.step - self.retired >= self.settings.retest_steps)
            if self.settings.retest_steps
            else np.zeros(len(self.ids), bool)
        )
        return np.asarray((self.retired >= 0) & ~due)
