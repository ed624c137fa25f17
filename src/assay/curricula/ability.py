"""Problems no harder than the policy is able to solve, while it becomes more able."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from scipy import special

from assay.core.types import Curriculum, GroupResult, Pool
from assay.curricula._order import finite_column, single_phase, sort_ascending, sort_easiest_first
from assay.curricula.online.state import CurriculumState, Floats, Ints
from assay.maths.rl.ability import ability


@dataclass(frozen=True)
class Ability:
    """Draw a step's problems evenly from those of difficulty b <= theta + margin, where theta is the policy's ability.

    The `min_candidates` easiest problems can always be drawn. b is minus the logit of a problem's posterior mean (by =
    "mean"), on which scale the scored policy has theta = 0; or a column, such as one that the scorer `irt` left. Every
    `update_steps` steps theta is estimated from the last `recent_groups` groups by maximum posterior under
    N(0, `prior_sd`^2). If the estimate is not above the best one so far, and some of these attempts were right, theta
    rises by `stagnation_step` instead, so that the curriculum cannot stand still. margin = ln(1 / p - 1) admits problems
    down to a success rate of p; 0 is one half.

    A problem within reach may come again before others have come. Where nothing is solvable theta falls to where the
    prior holds it, and the `min_candidates` easiest problems are drawn.

    Source: PUDF's DDS-MAE, arXiv:2408.05326, and its code: b <= theta, 100 easiest at least, +.1 after one stagnant
    estimate (its README says two). It measures ability on labelled development problems before each epoch; ours is
    estimated from the groups that training samples anyway, which the model allows, since theta's estimate does not
    depend on which difficulties were drawn.
    """

    by: str = "mean"
    margin: Annotated[float, Field(allow_inf_nan=False)] = 0.0  # logits; above 0 admits harder problems
    min_candidates: Annotated[int, Field(ge=1)] = 100  # problems
    update_steps: Annotated[int, Field(ge=1)] = 10  # steps between estimates
    recent_groups: Annotated[int, Field(ge=1)] = 1000  # groups
    stagnation_step: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.1  # logits
    # Prior standard deviation of theta, logits; PUDF's 1 would hold an able policy back.
    prior_sd: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 3.0
    was: ClassVar[dict[str, str]] = {  # names under which states hash settings
        "min_candidates": "least",
        "update_steps": "every",
        "recent_groups": "window",
        "stagnation_step": "nudge",
        "prior_sd": "deviation",
    }

    @property
    def needs(self) -> tuple[str, ...]:
        """The column of difficulty."""
        return (self.by,)

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return the problems from easy to hard, as a policy that steadily improves would meet them."""
        order = sort_easiest_first(pool) if self.by == "mean" else sort_ascending(pool, self.by)
        return single_phase(pool, order, 1)

    def begin(self, pool: Pool, *, seed: int) -> "AbilityState":
        """Return the state at theta = 0."""
        return AbilityState(self, pool, seed)


class AbilityState(CurriculumState):
    """Rows by difficulty, theta, and the last groups."""

    state_fields = ("theta", "best", "step", "asked", "right", "tried")

    def __init__(self, settings: Ability, pool: Pool, seed: int) -> None:
        super().__init__(settings, pool, seed)
        self.settings = settings
        values = finite_column(pool, settings.by)
        # (n,) in logits
        self.difficulty: Floats = -special.logit(np.clip(values, 1e-6, 1 - 1e-6)) if settings.by == "mean" else values
        self.easiest = np.argsort(np.round(self.difficulty, 12), kind="stable")  # (n,)
        self.sorted = self.difficulty[self.easiest]  # (n,) ascending
        self.theta, self.best, self.step = 0.0, -np.inf, 0
        self.asked = self.right = self.tried = np.empty(0, dtype=np.int64)  # the window: rows and counts per group

    @property
    def within(self) -> int:
        """How many problems are within reach."""
        reach = int(np.searchsorted(self.sorted, self.theta + self.settings.margin, side="right"))
        return min(max(reach, self.settings.min_candidates), len(self.ids))

    def choose(self, groups: int, rng: np.random.Generator) -> Ints:
        """Return rows within reach, different ones as long as there are enough."""
        reach = self.within
        places = rng.choice(reach, size=groups, replace=False) if groups <= reach else rng.integers(reach, size=groups)
        return np.asarray(self.easiest[places])

    def learn(self, rows: Ints, groups: Sequence[GroupResult]) -> None:
        """Add the groups to the window, and every `update_steps` steps estimate theta again."""
        right = [group.counts.correct for group in groups]
        attempts = [group.counts.correct + group.counts.wrong + group.counts.truncated for group in groups]
        self.asked, self.right, self.tried = (
            np.concatenate([window, np.array(values, dtype=np.int64)])[-self.settings.recent_groups :]
            for window, values in ((self.asked, rows), (self.right, right), (self.tried, attempts))
        )
        self.step += 1
        if self.step % self.settings.update_steps == 0:
            estimate, _ = ability(self.right, self.tried, self.difficulty[self.asked], deviation=self.settings.prior_sd)
            # Where nothing is solved, harder problems are no help.
            stagnant = estimate <= self.best and self.right.any()
            self.theta = self.theta + self.settings.stagnation_step if stagnant else estimate
            self.best = max(self.best, estimate)
