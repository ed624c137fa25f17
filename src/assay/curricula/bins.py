"""Bins of problems that are alike, drawn by the share of their groups that were mixed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, GroupResult, Pool
from assay.curricula._order import cross_bins, single_phase
from assay.curricula.online.deck import Deck
from assay.curricula.online.state import CurriculumState, Ints, is_mixed


@dataclass(frozen=True)
class Bins:
    """Draw each group's bin by Thompson sampling over the share of mixed groups; evidence fades, and a floor keeps all.

    A bin is a set of problems that agree in every column of `by`: `["source", "level", "cluster"]` is source x level x
    cluster. A number of more than `number_bins` values is cut into so many parts of equal size. For each group a share
    is drawn for every bin from Beta(1 + mixed, 1 + not mixed) and the bin of the highest is taken; with chance
    `uniform_fraction` a bin is taken evenly instead. Each step the evidence of all bins is multiplied by `decay`, so a
    bin that was given up is tried again and one that is learnt is left. Inside a bin problems come in shuffled order
    without repeats, then anew.

    No score is needed: it pays for nothing but training's own groups. It finds what the columns tell apart; where they
    tell nothing, it is shuffled sampling.

    Source: marin's issue 8765 (Thompson over graded bins of the decayed share of informative groups); Thompson (1933);
    discounting, Garivier and Moulines (2011), arXiv:0805.3415. There bins are grades of problems; here any columns.
    """

    was: ClassVar[dict[str, str]] = {"number_bins": "levels", "uniform_fraction": "floor"}  # names that states hash

    by: tuple[str, ...] = ("source",)
    number_bins: Annotated[int, Field(ge=2)] = 8  # parts of a number that has more values than this
    decay: Annotated[float, Field(gt=0, le=1)] = 0.98  # of evidence, per step; 1 = never fades
    uniform_fraction: Annotated[float, Field(ge=0, le=1)] = 0.05  # share of groups drawn evenly over bins; 1 = all

    def __post_init__(self) -> None:
        if not self.by:
            raise ValueError(
                "`by` names no column, so all problems fall into one bin; use the curriculum `shuffled` for that"
            )

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that define the bins."""
        return self.by

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return all problems shuffled, which is the draw while nothing is known."""
        cross_bins(pool, self.by, self.number_bins)  # refuses what `begin` would refuse
        return single_phase(pool, rng.permutation(len(pool)), 1)

    def begin(self, pool: Pool, *, seed: int) -> "BinsState":
        """Return the state in which no bin has evidence."""
        return BinsState(self, pool, seed)


class BinsState(CurriculumState):
    """Mixed and other groups per bin, both decayed, and how far each bin's deck is dealt."""

    state_fields: ClassVar[tuple[str, ...]] = ("mixed", "alike", "dealt")

    def __init__(self, settings: Bins, pool: Pool, seed: int) -> None:
        super().__init__(settings, pool, seed)
        self.settings = settings
        parts = cross_bins(pool, settings.by, settings.number_bins)
        self.bin = np.empty(len(pool), dtype=np.int64)  # (n,) bin of each row
        for number, rows in enumerate(parts):
            self.bin[rows] = number
        self.decks = [Deck(rows, seed, number) for number, rows in enumerate(parts)]
        self.mixed = np.zeros(len(parts))  # (k,) groups
        self.alike = np.zeros(len(parts))  # (k,) groups, all right or all wrong

    @property
    def dealt(self) -> Ints:
        """Problems dealt per bin, (k,)."""
        return np.array([deck.dealt for deck in self.decks], dtype=np.int64)

    @dealt.setter
    def dealt(self, counts: Ints) -> None:
        for deck, count in zip(self.decks, counts, strict=True):
            deck.dealt = int(count)

    def choose(self, groups: int, rng: np.random.Generator) -> list[int]:
        """Return one row per group, bins drawn with replacement."""
        shares = rng.beta(1 + self.mixed, 1 + self.alike, size=(groups, len(self.decks)))  # (groups, k)
        evenly = rng.integers(len(self.decks), size=groups)
        bins = np.where(rng.random(groups) < self.settings.uniform_fraction, evenly, shares.argmax(axis=1))
        return [self.decks[number].deal() for number in bins.tolist()]

    def learn(self, rows: Ints, groups: Sequence[GroupResult]) -> None:
        """Let all evidence fade by a step, and add these groups."""
        mixed = np.array([is_mixed(group) for group in groups], dtype=np.float64)
        every = np.bincount(self.bin[rows], minlength=len(self.mixed))
        with_signal = np.bincount(self.bin[rows], weights=mixed, minlength=len(self.mixed))
        self.mixed = self.settings.decay * self.mixed + with_signal
        self.alike = self.settings.decay * self.alike + every - with_signal
