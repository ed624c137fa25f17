"""Problems no harder than the policy is able, as it becomes more able."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy import special

from assay.core.types import Curriculum, GroupResult, Pool
from assay.curricula._course import CurriculumState, Floats, Ints
from assay.curricula._order import easiest_first, finite, one_lesson
from assay.maths.rl.ability import ability


@dataclass(frozen=True)
class Ability:
    """A step's problems are drawn evenly from those with b <= theta + margin, the `least` easiest at least; theta follows what training observes.

    b is a problem's difficulty: minus the logit of its posterior mean (by = "mean"), on which scale the scored policy has theta = 0; or a
    column, such as one that the scorer `irt` left. Every `every` steps theta is estimated from the last `window` groups by maximum posterior under
    N(0, `deviation`^2); when the estimate has not risen above the best so far and something in the window was solved, theta rises by `nudge`
    instead, so that the curriculum cannot stand still. margin = ln(1 / p - 1) admits problems down to a chance of success p; 0 is one half.

    A problem within reach may come again before others have come. Where nothing is solvable theta falls to what the prior holds it at, and
    the `least` easiest are walked.

    Source: PUDF's DDS-MAE, arXiv:2408.05326, and its code: b <= theta, 100 easiest at least, +.1 after one stagnant estimate (its README
    says two). It measures ability on labelled development problems before each epoch; ours is read from the groups that training has anyway, which
    the model allows, since theta's estimate does not depend on which difficulties were asked.
    """

    by: str = "mean"
    margin: Annotated[float, Field(allow_inf_nan=False)] = 0.0  # logits; above 0 admits harder problems
    least: Annotated[int, Field(ge=1)] = 100
    every: Annotated[int, Field(ge=1)] = 10  # steps between estimates
    window: Annotated[int, Field(ge=1)] = 1000  # groups
    nudge: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.1  # logits
    deviation: Annotated[float, Field(gt=0, allow_inf_nan=False)] = (
        3.0  # of the prior, logits: PUDF's 1 would hold an able policy back
    )

    @property
    def needs(self) -> tuple[str, ...]:
        """Difficulty."""
        return (self.by,)

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """From easy to hard, as a policy that gets steadily better would meet them."""
        order = (
            easiest_first(pool) if self.by == "mean" else np.argsort(np.round(finite(pool, self.by), 12), kind="stable")
        )
        return one_lesson(pool, order, 1)

    def begin(self, pool: Pool, *, seed: int) -> "Reach":
        """theta = 0."""
        return Reach(self, pool, seed)


class Reach(CurriculumState):
    """Rows by difficulty, theta, and the last groups."""

    held = ("theta", "best", "step", "asked", "right", "tried")

    def __init__(self, settings: Ability, pool: Pool, seed: int) -> None:
        super().__init__(settings, pool, seed)
        self.settings = settings
        told = finite(pool, settings.by)
        self.difficulty: Floats = (
            -special.logit(np.clip(told, 1e-6, 1 - 1e-6)) if settings.by == "mean" else told
        )  # (n,)
        self.easiest = np.argsort(np.round(self.difficulty, 12), kind="stable")  # (n,)
        self.sorted = self.difficulty[self.easiest]  # (n,) ascending
        self.theta, self.best, self.step = 0.0, -np.inf, 0
        self.asked = self.right = self.tried = np.empty(0, dtype=np.int64)  # the window: rows and counts

    @property
    def within(self) -> int:
        """How many problems are within reach."""
        found = int(np.searchsorted(self.sorted, self.theta + self.settings.margin, side="right"))
        return min(max(found, self.settings.least), len(self.ids))

    def choose(self, groups: int, rng: np.random.Generator) -> Ints:
        """Different problems as long as there are enough."""
        reach = self.within
        places = rng.choice(reach, size=groups, replace=False) if groups <= reach else rng.integers(reach, size=groups)
        return np.asarray(self.easiest[places])

    def learn(self, rows: Ints, groups: Sequence[GroupResult]) -> None:
        """Keeps the last groups, and every so many steps estimates anew."""
        right = [group.counts.correct for group in groups]
        tried = [group.counts.correct + group.counts.wrong + group.counts.truncated for group in groups]
        for name, new in (("asked", rows), ("right", right), ("tried", tried)):
            setattr(
                self,
                name,
                np.concatenate([getattr(self, name), np.array(new, dtype=np.int64)])[-self.settings.window :],
            )
        self.step += 1
        if self.step % self.settings.every == 0:
            found, _ = ability(self.right, self.tried, self.difficulty[self.asked], deviation=self.settings.deviation)
            stagnant = (
                found <= self.best and self.right.any()
            )  # where nothing is solved, what lies further off is no help
            self.theta = self.theta + self.settings.nudge if stagnant else found
            self.best = max(self.best, found)
