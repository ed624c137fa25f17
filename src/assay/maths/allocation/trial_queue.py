"""Which problems get the next trials, where each problem needs a number of right answers and has a cap on trials."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.maths.allocation.quotas import quotas

Ints = NDArray[np.int64]


class TrialQueue:
    """The trials that are still to be made; every problem ends exactly at its target or at its cap.

    A problem is handed out no more trials than could all be needed: its missing right answers divided by an optimistic
    pass rate, (right + 1) / (trials + 1), less those in flight. So a wave is full while much is missing, shrinks as the
    queue empties, and nothing is spent on a problem whose target is met. A wave that cannot hold all of them is divided
    in proportion, so that hard problems do not remain alone at the end.

    Shapes: n problems. `target` and `cap` are per problem or one number for all; `right` and `trials` are what is
    stored already.

    Raises:
        ValueError: shapes differ, or a number is negative, or more right answers than trials.

    Source: arXiv:2407.13690, sec. 3 (sample until k are right). Its released loop sweeps every unfinished problem until
    a batch of 16,384 is full, and counts right answers only after the batch, which adds thousands of trials to the last
    few problems; it also stops at one more than asked. Ours does neither.

    >>> queue = TrialQueue(target=[2, 1], cap=8)
    >>> queue.take(10).tolist()  # no evidence: as many as are missing
    [2, 1]
    >>> queue.observe([0, 1], trials=[2, 1], right=[0, 1])
    >>> queue.take(10).tolist()  # 0 of 2: at best one in three is right
    [6, 0]
    """

    def __init__(self, target: ArrayLike, cap: ArrayLike, *, right: ArrayLike = 0, trials: ArrayLike = 0) -> None:
        self.target: Ints = np.array(target, dtype=np.int64)
        shape = self.target.shape
        self.cap, self.right, self.trials = (
            np.broadcast_to(np.asarray(values, dtype=np.int64), shape).copy() for values in (cap, right, trials)
        )
        self.in_flight: Ints = np.zeros(shape, dtype=np.int64)
        self.handed_out, self.room = 0, 0  # trials of waves while 95% of the targets were not met, and their room
        if self.target.ndim != 1 or min(array.min(initial=0) for array in (self.target, self.cap, self.right)) < 0:
            raise ValueError(f"targets of shape {shape} with a number below 0")
        if (wrong := np.flatnonzero(self.right > self.trials)).size:
            raise ValueError(f"{self.right[wrong[0]]} right answers of {self.trials[wrong[0]]} trials at {wrong[0]}")

    @property
    def open(self) -> NDArray[np.bool_]:
        """Which problems may get further trials, (n,)."""
        return np.asarray((self.right < self.target) & (self.trials < self.cap))

    @property
    def finished(self) -> bool:
        """Whether nothing is left to be handed out, now or after what is in flight."""
        return not self.open.any()

    @property
    def filled(self) -> float:
        """The share of all wanted right answers that are there, in [0, 1]; 1 where none is wanted."""
        total = int(self.target.sum())
        return int(np.minimum(self.right, self.target).sum()) / total if total else 1.0

    @property
    def fullness(self) -> float:
        """The share of the room of waves that was used before the last 5% of the targets, in [0, 1]."""
        return self.handed_out / self.room if self.room else 1.0

    def take(self, room: int) -> Ints:
        """The next trials per problem, (n,), at most `room` together; they are in flight until they are observed."""
        missing = self.target - self.right
        optimistic = -(-missing * (self.trials + 1) // (self.right + 1))  # missing / ((right + 1) / (trials + 1))
        most = np.minimum(optimistic, self.cap - self.trials) - self.in_flight
        ask: Ints = np.where(self.open, np.maximum(most, 0), 0)
        wave = ask if ask.sum() <= room else quotas(ask, room, ask)
        if self.filled < 0.95:
            self.handed_out += int(wave.sum())
            self.room += room
        self.in_flight += wave
        return wave

    def observe(self, rows: ArrayLike, *, trials: ArrayLike, right: ArrayLike, lost: ArrayLike = 0) -> None:
        """Take in results: trials that ended and right answers among them, per row; `lost` ones ended without one."""
        index = np.asarray(rows, dtype=np.int64)
        counts = [np.broadcast_to(np.asarray(values, dtype=np.int64), index.shape) for values in (trials, right, lost)]
        np.add.at(self.trials, index, counts[0])
        np.add.at(self.right, index, counts[1])
        np.subtract.at(self.in_flight, index, counts[0] + counts[2])

    def close(self, rows: ArrayLike) -> None:
        """Hand out nothing more for these problems."""
        index = np.asarray(rows, dtype=np.int64)
        self.cap[index] = np.minimum(self.cap[index], self.trials[index])
