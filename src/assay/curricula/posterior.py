"""Thompson sampling: each step draws a pass rate for every problem from what is believed of it, and takes those nearest to one half."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, GroupResult, Pool
from assay.curricula._course import CurriculumState, Floats, Ints
from assay.curricula._order import finite, one_lesson
from assay.maths.rl.group_signal import expected_signal
from assay.maths.rl.thompson import nearest_half

PRIOR = 0.5  # Jeffreys' a and b, to which all evidence decays
GRAIN = 4  # parts of an attempt to which remembered evidence is rounded
BINS = 8  # ages told apart within a half-life


@dataclass(frozen=True)
class Posterior:
    """The next groups are those whose drawn pass rates have the highest group signal; evidence halves every `half_life` steps.

    A draw p ~ Beta(.5 + s (a - .5), .5 + s (b - .5)) for every problem, s = 2^(-age / half_life), where a and b come from the pool's scores
    and age counts steps since the evidence was seen: the policy moves, so old counts say less, and problems given up long ago are tried
    again. What a step observes is added to what is left of a problem's evidence. Truncated rollouts count as failures where
    `truncated` is "wrong". A problem may come again at once; a group's own counts then pull it away from one half, or keep it.

    The signal falls with |p - .5| whatever the group size, so no group size is asked for. Approximate in that remembered counts are
    rounded to a quarter of an attempt and ages to an eighth of a half-life; else exact (`maths/rl/thompson.py`).

    Source: Thompson (1933); discounting for bandits that drift, Garivier and Moulines (2011), arXiv:0805.3415; dynamic sampling's
    wish for mixed groups, arXiv:2503.14476, sec. 3.2, without paying for those that are not.
    """

    half_life: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 100.0  # steps; 0 = evidence never fades
    truncated: Literal["wrong", "masked"] = "wrong"  # "masked": a cut rollout says nothing

    @property
    def needs(self) -> tuple[str, ...]:
        """The posterior at the start."""
        return ("post_a", "post_b")

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Without training's answers: all problems by expected signal (groups of 8), highest first, equal ones by id."""
        signal = expected_signal(finite(pool, "post_a"), finite(pool, "post_b"), 8)
        return one_lesson(pool, np.argsort(-np.round(signal, 12), kind="stable"), 1)

    def begin(self, pool: Pool, *, seed: int) -> "Beliefs":
        """All evidence is of age 0."""
        return Beliefs(self, pool, seed)


class Beliefs(CurriculumState):
    """Problems of equal counts and age are one kind: n codes, and a table of kinds."""

    held = ("kind", "right", "wrong", "seen", "step", "near")

    def __init__(self, settings: Posterior, pool: Pool, seed: int) -> None:
        super().__init__(settings, pool, seed)
        self.settings = settings
        evidence = np.stack([finite(pool, "post_a"), finite(pool, "post_b")], axis=1) - PRIOR  # (n, 2)
        kinds, own = np.unique(np.maximum(evidence, 0.0), axis=0, return_inverse=True)
        self.kind = own.reshape(-1).astype(np.int32)  # (n,)
        self.right, self.wrong = kinds[:, 0].copy(), kinds[:, 1].copy()  # (m,) attempts, at the time `seen`
        self.seen = np.zeros(len(kinds), dtype=np.int64)  # (m,) age bin in which the evidence was rounded
        self.step, self.near = 0, 0.05  # near: distance of the last choice, where the next search begins
        self.resume()

    def resume(self) -> None:
        """The kinds by their content."""
        self._known = {
            key: code
            for code, key in enumerate(zip(self.right.tolist(), self.wrong.tolist(), self.seen.tolist(), strict=True))
        }

    def choose(self, groups: int, rng: np.random.Generator) -> Ints:
        """The rows of this step's best draws, in random order."""
        left = self._left(self.seen)
        rows, self.near = nearest_half(
            self.kind, PRIOR + left * self.right, PRIOR + left * self.wrong, groups, rng, guess=1.2 * self.near
        )
        return rng.permutation(rows)

    def learn(self, rows: Ints, groups: Sequence[GroupResult]) -> None:
        """One step older, and these problems' counts are added to what is left of their evidence."""
        self.step += 1
        told = [
            (g.counts.correct, g.counts.wrong + g.counts.truncated * (self.settings.truncated == "wrong"))
            for g in groups
        ]
        for row, (right, wrong) in zip(rows.tolist(), told, strict=True):
            code = self.kind[row]
            left = float(self._left(self.seen[code]))
            self.kind[row] = self._code(
                _rounded(left * self.right[code] + right), _rounded(left * self.wrong[code] + wrong), self._bin()
            )
        self._grow()

    def _left(self, seen: Ints) -> Floats:
        """Share of the evidence that is left, by the bin in which it was seen."""
        if not self.settings.half_life:
            return np.ones(np.shape(seen))
        return np.asarray(0.5 ** ((self._bin() - seen) / BINS))

    def _bin(self) -> int:
        return int(BINS * self.step / self.settings.half_life) if self.settings.half_life else 0

    def _code(self, right: float, wrong: float, seen: int) -> int:
        return self._known.setdefault((right, wrong, seen), len(self._known))

    def _grow(self) -> None:
        """The tables catch up with the kinds that this step has made; kinds that no problem has any more are forgotten when they are many."""
        new = list(self._known)[len(self.right) :]
        self.right = np.concatenate([self.right, [key[0] for key in new]])
        self.wrong = np.concatenate([self.wrong, [key[1] for key in new]])
        self.seen = np.concatenate([self.seen, np.array([key[2] for key in new], dtype=np.int64)])
        if len(self.right) > 4096 and len(self.right) > 2 * len(used := np.unique(self.kind)):
            self.kind = np.searchsorted(used, self.kind).astype(np.int32)
            self.right, self.wrong, self.seen = self.right[used], self.wrong[used], self.seen[used]
            self.resume()


def _rounded(attempts: float) -> float:
    return round(GRAIN * attempts) / GRAIN
