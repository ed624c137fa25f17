"""Thompson sampling: draw every problem's pass rate from its posterior, and take the problems nearest to one half."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, GroupResult, Pool
from assay.curricula._order import finite_column, single_phase
from assay.curricula.online.state import CurriculumState, Floats, Ints
from assay.maths.rl.group_signal import expected_signal
from assay.maths.rl.thompson import nearest_half

JEFFREYS = (0.5, 0.5)  # a and b to which the evidence of scores decays
GRAIN = 4  # parts of an attempt to which decayed evidence is rounded
BINS = 8  # ages per half-life
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class Posterior:
    """Take the problems whose drawn pass rates have the highest group signal; evidence halves as steps pass.

    Each step draws p ~ Beta(.5 + s (a - .5), .5 + s (b - .5)) for every problem, s = 2^(-age / half_life_steps), where
    a and b come from the pool's scores and age counts steps since the evidence was observed: the policy moves, so old
    counts say less, and problems given up long ago are tried again. What a step observes is added to what is left of a
    problem's evidence. Truncated rollouts count as failures where `truncated` is "wrong". A problem may come again at
    once; a group's own counts then move it away from one half, or keep it there.

    With `prior` = [a, b] nothing was scored: every problem starts from Beta(a, b), to which its evidence decays, and
    what training's own groups tell is all. A prior with mass near one half (Jeffreys' .5, .5) walks through the pool
    before it comes back to anything, since of many untried problems some always draw nearest to one half; one whose
    mean is the pool's pass rate, such as [.2, 2], comes back to what was found sooner.

    Where rewards are graded it goes by right answers all the same, as `dynamic` does by default: partial credit must
    not keep groups without any right answer. A selection by the signal of rewards comes before it (`frontier`,
    `informative`).

    The signal falls with |p - .5| whatever the group size, so there is no setting for it. Approximate in that decayed
    counts are rounded to a quarter of an attempt and ages to an eighth of a half-life; otherwise exact
    (`maths/rl/thompson.py`).

    Source: Thompson (1933); discounting for bandits that drift, Garivier and Moulines (2011), arXiv:0805.3415; dynamic
    sampling's wish for mixed groups, arXiv:2503.14476, sec. 3.2, without paying for those that are not.
    """

    half_life_steps: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 100.0  # 0 = evidence never fades
    truncated: Literal["wrong", "ignore"] = "wrong"  # "ignore": a truncated rollout says nothing
    prior: tuple[Positive, Positive] | tuple[()] = ()  # a and b of every problem; () = from the pool's scores

    later: ClassVar[tuple[str, ...]] = ("prior",)  # settings that older states do not know
    was: ClassVar[dict[str, str]] = {"half_life_steps": "half_life"}  # names under which states hash settings

    @property
    def needs(self) -> tuple[str, ...]:
        """The posterior at the start, unless a prior stands for it."""
        return () if self.prior else ("beta_a", "beta_b")

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return all problems by expected signal (groups of 8), highest first, then by id; from a prior, shuffled."""
        if self.prior:
            return single_phase(pool, rng.permutation(len(pool)), 1)
        signal = expected_signal(finite_column(pool, "beta_a"), finite_column(pool, "beta_b"), 8)
        return single_phase(pool, np.argsort(-np.round(signal, 12), kind="stable"), 1)

    def begin(self, pool: Pool, *, seed: int) -> "PosteriorState":
        """Return the state in which all evidence has age 0."""
        return PosteriorState(self, pool, seed)


class PosteriorState(CurriculumState):
    """The evidence on each problem. Problems of equal counts and age are one kind: n codes, and a table of m kinds."""

    state_fields = ("kind", "right", "wrong", "seen", "step", "near")

    def __init__(self, settings: Posterior, pool: Pool, seed: int) -> None:
        super().__init__(settings, pool, seed)
        self.settings = settings
        self.prior = settings.prior or JEFFREYS
        evidence = np.zeros((len(pool), 2))  # (n, 2)
        if not settings.prior:
            evidence = np.stack([finite_column(pool, "beta_a"), finite_column(pool, "beta_b")], axis=1) - JEFFREYS
        kinds, codes = np.unique(np.maximum(evidence, 0.0), axis=0, return_inverse=True)
        self.kind = codes.reshape(-1).astype(np.int32)  # (n,)
        self.right, self.wrong = kinds[:, 0].copy(), kinds[:, 1].copy()  # (m,) attempts, at the time `seen`
        self.seen = np.zeros(len(kinds), dtype=np.int64)  # (m,) age bin in which the evidence was rounded
        self.step, self.near = 0, 0.05  # near: distance of the last choice from one half, where the next search begins
        self.resume()

    def resume(self) -> None:
        """Rebuild the index of kinds by their content."""
        contents = zip(self.right.tolist(), self.wrong.tolist(), self.seen.tolist(), strict=True)
        self._codes = {content: code for code, content in enumerate(contents)}

    def choose(self, groups: int, rng: np.random.Generator) -> Ints:
        """Return the rows of this step's best draws, in random order."""
        evidence_left = self._fraction_left(self.seen)
        a, b = self.prior[0] + evidence_left * self.right, self.prior[1] + evidence_left * self.wrong
        rows, self.near = nearest_half(self.kind, a, b, groups, rng, guess=1.2 * self.near)
        return rng.permutation(rows)

    def learn(self, rows: Ints, groups: Sequence[GroupResult]) -> None:
        """Age all evidence by a step, and add these problems' counts to what is left of theirs."""
        self.step += 1
        counts = [
            (g.counts.correct, g.counts.wrong + g.counts.truncated * (self.settings.truncated == "wrong"))
            for g in groups
        ]
        for row, (right, wrong) in zip(rows.tolist(), counts, strict=True):
            code = self.kind[row]
            evidence_left = float(self._fraction_left(self.seen[code]))
            self.kind[row] = self._code(
                _round_attempts(evidence_left * self.right[code] + right),
                _round_attempts(evidence_left * self.wrong[code] + wrong),
                self._age_bin(),
            )
        self._update_tables()

    def _fraction_left(self, age_bins: Ints) -> Floats:
        """Return the fraction of the evidence that is left, by the age bin in which it was observed."""
        if not self.settings.half_life_steps:
            return np.ones(np.shape(age_bins))
        return np.asarray(0.5 ** ((self._age_bin() - age_bins) / BINS))

    def _age_bin(self) -> int:
        return int(BINS * self.step / self.settings.half_life_steps) if self.settings.half_life_steps else 0

    def _code(self, right: float, wrong: float, age_bin: int) -> int:
        return self._codes.setdefault((right, wrong, age_bin), len(self._codes))

    def _update_tables(self) -> None:
        """Append the kinds that this step has made; once there are many that no problem has any more, drop these."""
        new = list(self._codes)[len(self.right) :]
        self.right = np.concatenate([self.right, [content[0] for content in new]])
        self.wrong = np.concatenate([self.wrong, [content[1] for content in new]])
        self.seen = np.concatenate([self.seen, np.array([content[2] for content in new], dtype=np.int64)])
        if len(self.right) > 4096 and len(self.right) > 2 * len(kinds := np.unique(self.kind)):
            self.kind = np.searchsorted(kinds, self.kind).astype(np.int32)
            self.right, self.wrong, self.seen = self.right[kinds], self.wrong[kinds], self.seen[kinds]
            self.resume()


def _round_attempts(attempts: float) -> float:
    return round(GRAIN * attempts) / GRAIN
