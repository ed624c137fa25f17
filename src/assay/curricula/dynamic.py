"""The whole pool in shuffled order, of which training keeps the groups that teach."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, GroupResult, Pool
from assay.curricula._course import Dealt, Ints
from assay.curricula._order import one_lesson


@dataclass(frozen=True)
class Dynamic:
    """Groups with 0 < k < G right answers are trained on; a step is refilled with other problems up to `refills` times.

    Needs no score: it pays for the rollouts of groups that it then drops, 1 - (p^G + (1 - p)^G) of which are kept. A step that is not full
    after its last refill is trained on with what it has; a step without any kept group is an error that says the numbers, since
    nothing can be learnt there. The pass rate of what was kept is no pass rate of the problem: all groups are stored as evidence, the
    dropped ones too.

    Source: DAPO's dynamic sampling, arXiv:2503.14476, sec. 3.2; ten refills at most, as in its recipe. TRL has none.
    """

    refills: Annotated[int, Field(ge=0)] = 10

    needs = ()

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """All problems, shuffled."""
        return one_lesson(pool, rng.permutation(len(pool)), 1)

    def begin(self, pool: Pool, *, seed: int) -> "Refilled":
        """The first problem of the first round."""
        return Refilled(self, pool, seed)


class Refilled(Dealt):
    """One deck, and what was kept of it."""

    held: ClassVar[tuple[str, ...]] = (*Dealt.held, "kept", "seen")

    def __init__(self, settings: Dynamic, pool: Pool, seed: int) -> None:
        super().__init__(settings, pool, seed)
        self.max_resamples = settings.refills
        self.kept = self.seen = 0  # groups

    def admits(self, group: GroupResult) -> bool:
        """Mixed groups, those with any advantage."""
        return group.advantage > 0

    def learn(self, rows: Ints, groups: Sequence[GroupResult]) -> None:
        """Counts what was kept."""
        self.seen += len(groups)
        self.kept += sum(map(self.admits, groups))
