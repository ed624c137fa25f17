"""Problems whose predicted pass rate is nearest to one half, by a ridge on vectors that training's own groups refit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, GroupResult, Pool
from assay.curricula._order import single_phase
from assay.curricula.online.deck import DeckState
from assay.curricula.online.state import Floats, Ints, pass_share


@dataclass(frozen=True)
class Predicted:
    """Of `candidate_factor` times the groups of a step, take those whose predicted pass rate is nearest to one half.

    The rate is predicted by a ridge regression on the problems' unit vectors, towards the mean of what was seen; it is
    fitted to training's last `recent_groups` groups before the first step and then every `fit_steps` steps, so it
    follows the policy. Candidates come in shuffled order, each once per round, and those that are not taken are over for the round;
    a fraction `random_fraction` of a step's groups is taken from them at random. Before the first fit nothing is
    predicted, and the order is shuffled.

    No score is needed: vectors of the text are. It finds what vectors tell apart (length, topic, form).

    Source: PCL, arXiv:2510.01135: a value model trained along takes the m of k m candidates nearest to one half; a
    ridge, as for the prior `predicted` of scoring, stands here for its language model. DOTS, arXiv:2506.05316, predicts
    by attention over a reference set that is attempted for this; ours is training's own groups.
    """

    candidate_factor: Annotated[int, Field(ge=1)] = 8  # times the groups of a step; 1 = shuffled
    fit_steps: Annotated[int, Field(ge=1)] = 5  # steps between fits
    # groups that a fit sees; fewer = follows sooner, and forgets sooner what is dead
    recent_groups: Annotated[int, Field(ge=1)] = 1000
    ridge_penalty: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0  # of the ridge, in groups' worth of weight
    random_fraction: Annotated[float, Field(ge=0, le=1)] = 0.05  # share of groups taken whatever is predicted
    was: ClassVar[dict[str, str]] = {  # names under which states hash settings
        "candidate_factor": "candidates",
        "fit_steps": "every",
        "recent_groups": "window",
        "ridge_penalty": "penalty",
        "random_fraction": "floor",
    }

    needs = ("vectors",)

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return all problems, shuffled."""
        return single_phase(pool, rng.permutation(len(pool)), 1)

    def begin(self, pool: Pool, *, seed: int) -> "PredictedState":
        """Return the state in which nothing is predicted."""
        return PredictedState(self, pool, seed)


class PredictedState(DeckState):
    """One deck, the rows and shares of right answers of the last groups, and the ridge's weights."""

    state_fields: ClassVar[tuple[str, ...]] = (*DeckState.state_fields, "step", "rows", "shares", "weights_of", "mean")

    def __init__(self, settings: Predicted, pool: Pool, seed: int) -> None:
        super().__init__(settings, pool, seed)
        if pool.vectors is None:
            raise LookupError(f"the pool of {len(pool)} has no vectors; embed it first")
        self.settings, self.vectors, self.step = settings, pool.vectors, 0
        self.rows: Ints = np.empty(0, dtype=np.int64)  # of the window's groups
        self.shares: Floats = np.empty(0)
        self.weights_of: Floats = np.empty(0)  # (d,) of the ridge; empty = not fitted
        self.mean = 0.5

    def choose(self, groups: int, rng: np.random.Generator) -> list[int]:
        """Return the candidates nearest to one half, and a few of the others."""
        rows = [
            self.deck.deal() for _ in range(groups * (self.settings.candidate_factor if len(self.weights_of) else 1))
        ]
        if len(rows) == groups:
            return rows
        anyhow = int(rng.binomial(groups, self.settings.random_fraction))
        rest = rows[anyhow:]
        nearest = np.argsort(np.round(np.abs(self.predict(np.array(rest)) - 0.5), 12), kind="stable")
        return [*rows[:anyhow], *(rest[place] for place in nearest[: groups - anyhow].tolist())]

    def predict(self, rows: Ints) -> Floats:
        """Return the predicted pass rate of each row, (n,), within [0, 1]."""
        return np.asarray(np.clip(self.mean + self.vectors[rows] @ self.weights_of, 0.0, 1.0))

    def learn(self, rows: Ints, groups: Sequence[GroupResult]) -> None:
        """Add these groups to the window, and fit where it is time."""
        row_shares = [
            (row, share)
            for row, group in zip(rows.tolist(), groups, strict=True)
            if (share := pass_share(group)) is not None
        ]
        self.rows = np.concatenate([self.rows, np.array([row for row, _ in row_shares], dtype=np.int64)])[
            -self.settings.recent_groups :
        ]
        self.shares = np.concatenate([self.shares, [share for _, share in row_shares]])[-self.settings.recent_groups :]
        if self.step % self.settings.fit_steps == 0 and len(self.rows):
            self._fit()
        self.step += 1

    def _fit(self) -> None:
        """Solve the smaller of the two forms of the ridge: by features or by groups."""
        x = self.vectors[self.rows].astype(np.float64)  # (g, d)
        self.mean = float(self.shares.mean())
        target = self.shares - self.mean  # (g,)
        ridge = self.settings.ridge_penalty * np.eye(min(x.shape))
        by_features = x.shape[1] <= x.shape[0]
        weights = np.linalg.solve(
            (x.T @ x if by_features else x @ x.T) + ridge, x.T @ target if by_features else target
        )
        self.weights_of = np.asarray(weights if by_features else x.T @ weights, dtype=np.float64)
