"""Every problem from the start, the hard ones at first with less weight."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, GroupResult, Pool
from assay.curricula._order import finite_column, single_phase
from assay.curricula.online.deck import DeckState
from assay.curricula.online.state import Floats, Ints


@dataclass(frozen=True)
class Weighted:
    """Weigh a problem's loss in step e by w = D + (e / steps) (1 - D), and from step `steps` on by 1.

    D in [0, 1] is its ease. D comes from a number of the pool ("mean": the higher, the easier): its rank among all
    ("rank", ties share theirs) or its place between the least and the most ("range"). anti = true favours what is hard.
    Where all problems are alike D is 1. Problems come in shuffled order.

    Source: MacAvaney et al. (2020), Training Curricula for Open Domain Answer Re-Ranking, arXiv:2004.14269, sec. 3. Its
    code weighs a batch's mean loss by its mean weight; here each problem has its own, which is the formula.
    """

    by: str = "mean"
    ease: Literal["rank", "range"] = "rank"
    steps: Annotated[int, Field(ge=1)] = 20  # the paper's m counts iterations of a fixed size
    anti: bool = False
    epochs: Annotated[int, Field(ge=1)] = 1
    was: ClassVar[dict[str, str]] = {"epochs": "passes"}  # names under which states hash settings

    @property
    def needs(self) -> tuple[str, ...]:
        """The column that tells easy from hard."""
        return (self.by,)

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return all problems, shuffled."""
        finite_column(pool, self.by)
        return single_phase(pool, rng.permutation(len(pool)), self.epochs)

    def begin(self, pool: Pool, *, seed: int) -> "WeightedState":
        """Return the state at step 0, where every weight is the problem's ease."""
        return WeightedState(self, pool, seed)

    def eases(self, pool: Pool) -> Floats:
        """Return D of each problem, (n,)."""
        values = np.round(finite_column(pool, self.by), 12)
        if not len(values) or np.ptp(values) == 0:
            return np.ones(len(values))
        if self.ease == "rank":
            values = np.unique(values, return_inverse=True)[1].astype(np.float64)
        place = (values - values.min()) / np.ptp(values)
        return np.asarray(1 - place if self.anti else place)


class WeightedState(DeckState):
    """One deck, and the step."""

    state_fields: ClassVar[tuple[str, ...]] = (*DeckState.state_fields, "step")

    def __init__(self, settings: Weighted, pool: Pool, seed: int) -> None:
        super().__init__(settings, pool, seed)
        self.steps, self.ease, self.step = settings.steps, settings.eases(pool), 0

    def learn(self, rows: Ints, groups: Sequence[GroupResult]) -> None:
        """Advance by one step."""
        self.step += 1

    def weights(self, ids: Sequence[str]) -> Floats:
        """Return w of each of these problems in this step, (n,)."""
        ease = self.ease[[self._row(id_) for id_ in ids]]
        return np.asarray(ease + min(1.0, self.step / self.steps) * (1 - ease))
