"""The whole pool in shuffled order, of which training keeps the groups that teach."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

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

    Right answers decide, not rewards: with partial credit or shaped terms a group of wrong answers has unequal rewards
    too, and training on these teaches the terms (verl-recipe's pull request 125 tells of held-out .037 with a filter on
    the standard deviation of shaped rewards, .753 with one on outcomes). A group is kept where low < k / G < high.

    Source: DAPO's dynamic sampling, arXiv:2503.14476, sec. 3.2; ten refills at most, as in its recipe. TRL has none.
    """

    refills: Annotated[int, Field(ge=0)] = 10
    # What decides: "correctness", or "reward", any difference between the rewards that are trained on.
    gate: Literal["correctness", "reward"] = "correctness"
    low: Annotated[float, Field(ge=0, lt=1)] = 0.0  # of gate "correctness": kept above this share of right answers ...
    high: Annotated[float, Field(gt=0, le=1)] = 1.0  # ... and below this one

    needs = ()
    later: ClassVar[tuple[str, ...]] = ("gate", "low", "high")  # settings that older states do not know

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise ValueError(f"the band (low, high) = ({self.low}, {self.high}) is empty")

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
        self.settings, self.max_resamples = settings, settings.refills
        self.kept = self.seen = 0  # groups

    def admits(self, group: GroupResult) -> bool:
        """Return whether the group is mixed, by its share of right answers or by its rewards, and has any advantage."""
        if self.settings.gate == "reward" or not group.advantage > 0:
            return group.advantage > 0
        counts = group.counts
        n_judged = counts.correct + counts.wrong + counts.truncated
        return bool(n_judged) and self.settings.low < counts.correct / n_judged < self.settings.high

    def learn(self, rows: Ints, groups: Sequence[GroupResult]) -> None:
        """Count the groups, and those that are kept."""
        self.seen += len(groups)
        self.kept += sum(map(self.admits, groups))
