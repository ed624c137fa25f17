"""The curriculum in its exact order, each problem once for every rollout of its group."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slot:
    """One rollout that a step will make."""

    problem_id: str
    group: int  # within the step, from 0
    sample: int  # how often this step has met the problem before, from 0; unique with the step's policy


@dataclass(frozen=True, slots=True)
class InOrder:
    """A torch sampler of dataset rows: `groups` problems a step, each `group_size` times in a row, in the curriculum's order.

    The order wraps around when steps x groups exceeds it; what lies beyond is never met. (TRL's own sampler drops the tail that
    does not fill a step.) A step's rows come `repeats` times, once for each of its micro-batches, of which TRL reads only the first.
    """

    order: Sequence[str]  # problem ids, first to last
    rows: Mapping[str, int]  # {problem id: row of the dataset}
    steps: int
    groups: int  # problems a step
    group_size: int  # rollouts a problem
    repeats: int = 1

    def problems(self, step: int) -> tuple[str, ...]:
        """The ids of one step's groups; steps count from 0."""
        first = step * self.groups
        return tuple(self.order[place % len(self.order)] for place in range(first, first + self.groups))

    def slots(self, step: int) -> tuple[Slot, ...]:
        """Every rollout of one step, group by group.

        >>> [(slot.problem_id, slot.sample) for slot in InOrder(["a", "b"], {}, steps=2, groups=1, group_size=2).slots(1)]
        [('b', 0), ('b', 1)]
        """
        met: Counter[str] = Counter()
        slots: list[Slot] = []
        for group, problem_id in enumerate(self.problems(step)):
            slots += [Slot(problem_id, group, met[problem_id] + extra) for extra in range(self.group_size)]
            met[problem_id] += self.group_size
        return tuple(slots)

    def __iter__(self) -> Iterator[int]:
        for step in range(self.steps):
            step_rows = [self.rows[slot.problem_id] for slot in self.slots(step)]
            for _ in range(self.repeats):
                yield from step_rows

    def __len__(self) -> int:
        return self.steps * self.repeats * self.groups * self.group_size
