"""The curriculum in its exact order, each problem once for every rollout of its group."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from assay.core.errors import TrainingError
from assay.core.ports import OnlineCurriculum


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


@dataclass(frozen=True, slots=True)
class SampledBatch(InOrder):
    """The same shape, but an online curriculum names a step's problems when the step begins: it has then been told of all steps before.

    The rows that it yields stand in for them, because the library reads a step ahead; the trainer puts the named ones in their place.
    """

    course: OnlineCurriculum | None = None
    named: dict[int, tuple[str, ...]] = field(default_factory=dict)
    before: list[str] = field(default_factory=list)  # problems of the step's earlier batches

    def problems(self, step: int) -> tuple[str, ...]:
        """The ids of one step's groups, asked for once.

        Raises:
            TrainingError: the curriculum has no more problems.
        """
        if step not in self.named:
            self.named.clear()  # earlier steps are over
            self.before.clear()
            self.named[step] = self._next(step)
        return self.named[step]

    def again(self, step: int) -> None:
        """The step gets another batch of problems.

        Raises:
            TrainingError: the curriculum has no more problems.
        """
        self.before.extend(self.problems(step))
        self.named[step] = self._next(step)

    def slots(self, step: int) -> tuple[Slot, ...]:
        """The rollouts of the step's present batch; groups and samples are counted on from its earlier ones."""
        found, met, groups = InOrder.slots(self, step), Counter(self.before), len(self.before)
        return tuple(
            Slot(each.problem_id, groups + each.group, self.group_size * met[each.problem_id] + each.sample)
            for each in found
        )

    def _next(self, step: int) -> tuple[str, ...]:
        assert self.course is not None
        ids = self.course.sample(self.groups)
        if len(ids) < self.groups:
            raise TrainingError(
                f"step {step + 1} of {self.steps}: the curriculum gave {len(ids)} of {self.groups} problems, and has no more"
            )
        return ids

    def __iter__(self) -> Iterator[int]:
        yield from [0] * len(self)
