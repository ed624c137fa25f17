"""Arms of problems, drawn by how much the policy learns from each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, GroupResult, Pool
from assay.curricula._order import is_category, single_phase, split_rows
from assay.curricula.online.deck import Deck
from assay.curricula.online.state import CurriculumState, Ints
from assay.maths.rl.boltzmann import boltzmann

LEAST_BEST = 0.02  # a highest Q below this is noise: one right answer of 8, not divided by the deviation, is .22


@dataclass(frozen=True)
class Bandit:
    """Draw each group's arm with probability softmax(Q / (temperature x scale)); Q follows the arm's mean |advantage|.

    Q of an arm moves by alpha towards that mean in each step. Arms are `bins` parts of equal size of a number ("mean":
    the posterior mean at the start, so levels of difficulty), or the column's own values where these are names
    ("source", "cluster") or bins = 0. With scale = "best" a temperature is in parts of the highest Q: an arm that
    teaches nothing is drawn exp(-1 / temperature) times as often as the best one, .082 at .4, however small the best
    one's advantages are. Under "absolute" advantages of .25 would be told from 0 by a factor of 1.9 only, which finds
    no living arm among many. Inside an arm problems come in shuffled order without repeats; an arm that runs out is
    shuffled again (refill) or leaves, and training ends when all have left. When no arm teaches anything, all Q fall to
    0 and the draw is even.

    With binary rewards and advantages divided by their deviation, the mean |advantage| is 2 sqrt(p (1 - p)), highest at
    one half; at G = 8 it is less (p = .1: .39 instead of .60, with the deviation over G - 1 that TRL takes), so values
    of different group sizes do not compare.

    Source: SEC, arXiv:2505.14970, sec. 3: TD(0), Boltzmann draws. The released code gives arms that are absent from a
    step a reward of 0, so they decay; here they are left alone, and `decay_absent` is its way. It also refills all arms
    together, ours one by one, and its temperature is absolute (1, .4 and .2 by task).
    """

    by: str = "mean"
    bins: Annotated[int, Field(ge=0)] = 5  # of a number; 0 = each value of the column is an arm
    alpha: Annotated[float, Field(gt=0, le=1)] = 0.5  # 1 = only the last step counts
    temperature: Annotated[float, Field(gt=0)] = 0.4  # higher = more even
    decay_absent: bool = False
    refill: bool = True
    # What an arm is paid for: the advantages that right and wrong answers alone would have, or those trained on.
    gate: Literal["correctness", "reward"] = "correctness"
    # What a temperature of 1 is: the highest Q, or an advantage of 1, as in the source.
    scale: Literal["best", "absolute"] = "best"

    later: ClassVar[tuple[str, ...]] = ("gate",)  # settings that older states do not know

    @property
    def needs(self) -> tuple[str, ...]:
        """The column that defines the arms."""
        return (self.by,)

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return all problems shuffled, which is the draw if no arm teaches anything."""
        _arms(pool, self)  # refuses what `begin` would refuse
        return single_phase(pool, rng.permutation(len(pool)), 1)

    def begin(self, pool: Pool, *, seed: int) -> "BanditState":
        """Return the state with Q = 0 for every arm."""
        return BanditState(self, pool, seed)


class BanditState(CurriculumState):
    """Q of each arm, and how far each arm's deck is dealt."""

    state_fields = ("value", "dealt")

    def __init__(self, settings: Bandit, pool: Pool, seed: int) -> None:
        super().__init__(settings, pool, seed)
        self.settings = settings
        parts = _arms(pool, settings)
        self.arm = np.empty(len(pool), dtype=np.int64)  # (n,) arm of each row
        for arm, rows in enumerate(parts):
            self.arm[rows] = arm
        self.decks = [Deck(rows, seed, arm) for arm, rows in enumerate(parts)]
        self.value = np.zeros(len(parts))  # (k,)

    @property
    def dealt(self) -> Ints:
        """Problems dealt per arm, (k,)."""
        return np.array([deck.dealt for deck in self.decks], dtype=np.int64)

    @dealt.setter
    def dealt(self, counts: Ints) -> None:
        for deck, count in zip(self.decks, counts, strict=True):
            deck.dealt = int(count)

    @property
    def chances(self) -> dict[int, float]:
        """The probability of each arm that still has problems."""
        arms = [arm for arm, deck in enumerate(self.decks) if self.settings.refill or deck.dealt < len(deck)]
        if not arms:
            return {}
        best = max(float(self.value[arms].max()), LEAST_BEST) if self.settings.scale == "best" else 1.0
        return dict(zip(arms, boltzmann(self.value[arms], self.settings.temperature * best).tolist(), strict=True))

    def choose(self, groups: int, rng: np.random.Generator) -> list[int]:
        """Return one row per group, arms drawn with replacement."""
        rows: list[int] = []
        while len(rows) < groups and (chances := self.chances):
            arms = rng.choice(list(chances), size=groups - len(rows), p=list(chances.values()))
            for arm in arms:
                deck = self.decks[arm]
                if not self.settings.refill and deck.dealt >= len(deck):
                    break  # it ran out within this step: the rest is drawn from the others
                rows.append(deck.deal())
        return rows

    def learn(self, rows: Ints, groups: Sequence[GroupResult]) -> None:
        """Make one TD(0) step for each arm that was sampled."""
        advantages = np.array([self._advantage(group) for group in groups], dtype=np.float64)
        counts = np.bincount(self.arm[rows], minlength=len(self.value))  # (k,)
        sums = np.bincount(self.arm[rows], weights=advantages, minlength=len(self.value))  # (k,)
        reward = sums / np.maximum(counts, 1)  # (k,)
        moves = np.ones(len(self.value), dtype=bool) if self.settings.decay_absent else counts > 0
        self.value = np.where(moves, (1 - self.settings.alpha) * self.value + self.settings.alpha * reward, self.value)

    def _advantage(self, group: GroupResult) -> float:
        """Return what a group pays its arm."""
        own = group.correctness_advantage
        return group.advantage if self.settings.gate == "reward" or own is None else own


def _arms(pool: Pool, settings: Bandit) -> list[Ints]:
    """Return the rows of each arm: values of a column of names, parts of a number."""
    return split_rows(pool, settings.by, 0 if is_category(pool, settings.by) else settings.bins)
