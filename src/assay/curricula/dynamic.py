"""The whole pool in shuffled order, of which training keeps the groups that teach."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, GroupResult, Pool
from assay.curricula._order import single_phase
from assay.curricula.online.deck import DeckState
from assay.curricula.online.state import Ints


@dataclass(frozen=True)
class Dynamic:
    """Train on groups with 0 < k < G right answers, and refill a step up to `refills` times until it is full of these.

    No score is needed: this pays for the rollouts of groups that it then drops, of which 1 - (p^G + (1 - p)^G) are
    kept. A step that is not full after its last refill is trained on with what it has; a step without any kept group is
    an error with the numbers, since nothing can be learnt there. The pass rate of kept groups is no pass rate of the
    problem: all groups are stored as evidence, the dropped ones too.

    Source: DAPO's dynamic sampling, arXiv:2503.14476, sec. 3.2; ten refills at most, as in its recipe. TRL has none.
    """

    refills: Annotated[int, Field(ge=0)] = 10

    needs = ()

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return all problems, shuffled."""
        return single_phase(pool, rng.permutation(len(pool)), 1)

    def begin(self, pool: Pool, *, seed: int) -> "DynamicState":
        """Return the state before the first problem of the first round."""
        return DynamicState(self, pool, seed)


class DynamicState(DeckState):
    """One deck, and how many of its groups were kept."""

    state_fields: ClassVar[tuple[str, ...]] = (*DeckState.state_fields, "kept", "seen")

    def __init__(self, settings: Dynamic, pool: Pool, seed: int) -> None:
        super().__init__(settings, pool, seed)
        self.max_resamples = settings.refills
        self.kept = self.seen = 0  # groups

    def admits(self, group: GroupResult) -> bool:
        """Return whether the group is mixed, so that it has any advantage."""
        return group.advantage > 0

    def learn(self, rows: Ints, groups: Sequence[GroupResult]) -> None:
        """Count the groups, and those that are kept."""
        self.seen += len(groups)
        self.kept += sum(map(self.admits, groups))
