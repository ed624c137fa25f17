"""A part of each group first, and the rest only where it was mixed."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, GroupResult, Pool
from assay.curricula._order import single_phase
from assay.curricula.online.deck import DeckState
from assay.curricula.online.state import Ints, is_mixed, pass_share

FORGET = 0.9  # of the count of passed pilots, per wave
Attempt = Callable[[Sequence[str]], list[GroupResult]]


@dataclass(frozen=True)
class PilotGroups:
    """Attempt each problem `pilot` times, and complete the group only where right and wrong answers were among these.

    A step samples pilots in waves until enough problems have passed, at most `waves` times; those beyond what the step
    needs wait for the next one. Then the group is completed with group_size - pilot further rollouts. A mixed pilot
    pulls the group's mean to one half (one of two is right whatever the rate), so the advantages of a completed group
    are biased; with fresh = true the pilot is a gate alone, and a whole new group is sampled. A problem whose pilot was
    all alike is not dealt again for `defer` steps, one whose whole group was all right for `retire` steps. Where too
    few pass, a step holds second groups of those that did.

    What it can save is little for small groups (`maths/rl/pilot_gain.py`): with nearly all of the pool dead, pilots of
    2 for groups of 8 make a mixed group at most 2.0 times cheaper at a pass rate of one half and 1.05 times at .02;
    pilots of 8 for groups of 64, at 15% alive, 3.9 times at one half.

    Only this package's trainer attempts groups in parts; other trainers refuse it.

    Source: SPEED-RL, arXiv:2506.09016 (screen with few rollouts, complete the middle ones); Pilot-Commit,
    arXiv:2605.26606 (8 of 64; solved ones evicted, hard ones deferred). SPEED-RL completes in the next step's batch, so
    its pilots are of an older policy; here the same policy completes them.
    """

    pilot: Annotated[int, Field(ge=2)] = 2  # rollouts before the rest; one alone is never mixed
    fresh: bool = False  # True: the pilot is a gate, and the group is sampled whole
    waves: Annotated[int, Field(ge=1)] = 10  # per step
    retire: Annotated[int, Field(ge=0)] = 200  # steps
    defer: Annotated[int, Field(ge=0)] = 50  # steps

    needs = ()

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return all problems, shuffled."""
        return single_phase(pool, rng.permutation(len(pool)), 1)

    def begin(self, pool: Pool, *, seed: int) -> "PilotGroupsState":
        """Return the state in which nothing was attempted."""
        return PilotGroupsState(self, pool, seed)


class PilotGroupsState(DeckState):
    """One deck, until when each problem is out, which have passed and wait, and the share of pilots that pass."""

    state_fields: ClassVar[tuple[str, ...]] = (
        *DeckState.state_fields,
        "step",
        "out_until",
        "waiting",
        "passed",
        "tried",
    )

    def __init__(self, settings: PilotGroups, pool: Pool, seed: int) -> None:
        super().__init__(settings, pool, seed)
        self.settings, self.step = settings, 0
        self.pilot, self.fresh = settings.pilot, settings.fresh
        self.out_until: Ints = np.zeros(len(pool), dtype=np.int64)  # (n,) step
        self.waiting: Ints = np.empty(0, dtype=np.int64)  # rows, in the order in which they passed
        self.passed, self.tried = 1.0, 2.0  # pilots, decayed; half pass where nothing is known

    def choose(self, groups: int, rng: np.random.Generator) -> list[int]:
        """Return the next rows of the deck that are not out; the first to come back where fewer are left."""
        inside = self.out_until <= self.step
        if int(inside.sum()) < groups:
            return [int(row) for row in np.resize(np.argsort(self.out_until, kind="stable"), groups)]
        rows: list[int] = []
        while len(rows) < groups:
            if inside[row := self.deck.deal()]:
                rows.append(row)
        return rows

    def screen(self, groups: int, group_size: int, attempt: Attempt) -> tuple[str, ...]:
        """Return the problems of a step: those whose pilots passed, each of them once before any comes twice.

        Args:
            groups: of the step.
            group_size: rollouts of a whole group.
            attempt: makes the pilots of some problems and returns one result per problem.
        """
        chosen_ids = [self.ids[row] for row in self.waiting[:groups].tolist()]
        self.waiting = self.waiting[groups:]
        piloted_ids = set(chosen_ids)
        for _ in range(self.settings.waves):
            if len(chosen_ids) >= groups:
                break
            ids = [
                id_
                for id_ in dict.fromkeys(self.sample(self._wave(groups - len(chosen_ids), groups * group_size)))
                if id_ not in piloted_ids
            ]
            if not ids:
                break
            piloted_ids.update(ids)
            results = attempt(ids)
            self._note(results)
            chosen_ids += [result.problem_id for result in results if is_mixed(result)]
        self.waiting = np.concatenate(
            [self.waiting, np.array([self._row(id_) for id_ in chosen_ids[groups:]], dtype=np.int64)]
        )
        chosen_ids = chosen_ids[:groups] or list(self.sample(groups))
        return tuple(chosen_ids[place % len(chosen_ids)] for place in range(groups)) if chosen_ids else ()

    def learn(self, rows: Ints, groups: Sequence[GroupResult]) -> None:
        """Advance by a step, and take out what whole groups found solved or hopeless."""
        self.step += 1
        self._take_out(groups)

    def _wave(self, missing: int, rollouts: int) -> int:
        """Return how many pilots to make: as many as should bring what is missing, and at most a batch of rollouts."""
        return max(1, min(math.ceil(missing * self.tried / self.passed), rollouts // self.pilot))

    def _note(self, results: Sequence[GroupResult]) -> None:
        self.passed = FORGET * self.passed + sum(map(is_mixed, results)) + 0.1  # never 0, so a wave stays finite
        self.tried = FORGET * self.tried + len(results) + 0.2
        self._take_out(results)

    def _take_out(self, results: Sequence[GroupResult]) -> None:
        for result in results:
            share = pass_share(result)
            if share in (0, 1):
                solved = share == 1 and result.counts.total > self.pilot  # a pilot of 2 is all right at one half too
                wait = self.settings.retire if solved else self.settings.defer
                self.out_until[self._row(result.problem_id)] = self.step + wait
