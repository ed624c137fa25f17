"""Feed the curriculum to TRL in its exact order: each problem once for every rollout of its group."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from assay.core.errors import TrainingError
from assay.core.ports import OnlineCurriculum


@dataclass(frozen=True, slots=True)
class Slot:
    """One rollout that a step will sample."""

    problem_id: str
    group: int  # within the step, from 0
    sample: int  # sample index of the problem within this step, from 0; unique together with the step's policy


@dataclass(frozen=True, slots=True)
class GroupSampler:
    """A torch sampler of dataset rows in the curriculum's order: `groups` problems per step, `group_size` times each.

    The order starts again from the front when steps x groups exceeds it; what lies beyond the last step is never
    sampled. (TRL's own sampler drops the tail that does not fill a step.) A step's rows come `repeats` times, once for
    each of its micro-batches, of which TRL reads only the first.
    """

    order: Sequence[str]  # problem ids, first to last
    rows: Mapping[str, int]  # {problem id: row of the dataset}
    steps: int
    groups: int  # problems per step
    group_size: int  # rollouts per problem
    repeats: int = 1

    def problems(self, step: int) -> tuple[str, ...]:
        """Return the problem ids of one step's groups; steps count from 0."""
        first = step * self.groups
        return tuple(self.order[place % len(self.order)] for place in range(first, first + self.groups))

    def slots(self, step: int) -> tuple[Slot, ...]:
        """Return every rollout of one step, group by group.

        >>> sampler = GroupSampler(["a", "b"], {}, steps=2, groups=1, group_size=2)
        >>> [(slot.problem_id, slot.sample) for slot in sampler.slots(1)]
        [('b', 0), ('b', 1)]
        """
        samples: Counter[str] = Counter()
        slots: list[Slot] = []
        for group, problem_id in enumerate(self.problems(step)):
            slots += [Slot(problem_id, group, samples[problem_id] + index) for index in range(self.group_size)]
            samples[problem_id] += self.group_size
        return tuple(slots)

    def __iter__(self) -> Iterator[int]:
        for step in range(self.steps):
            step_rows = [self.rows[slot.problem_id] for slot in self.slots(step)]
            for _ in range(self.repeats):
                yield from step_rows

    def __len__(self) -> int:
        return self.steps * self.repeats * self.groups * self.group_size


@dataclass(frozen=True, slots=True)
class OnlineSampler(GroupSampler):
    """The sampler of an online curriculum, which chooses a step's problems once it has observed all earlier steps.

    TRL reads a step ahead, so the rows that this yields are placeholders; the trainer puts the chosen problems in their
    place.
    """

    curriculum: OnlineCurriculum | None = None
    problems_by_step: dict[int, tuple[str, ...]] = field(default_factory=dict)
    earlier_problems: list[str] = field(default_factory=list)  # of the step's earlier batches
    pilot_samples: dict[str, int] = field(default_factory=dict)  # that pilots of this step took and groups do not hold

    def problems(self, step: int) -> tuple[str, ...]:
        """Return the problem ids of one step's groups; the curriculum is asked once per batch.

        Raises:
            TrainingError: the curriculum has no more problems.
        """
        if step not in self.problems_by_step:
            self.problems_by_step.clear()  # earlier steps are over
            self.earlier_problems.clear()
            self.pilot_samples.clear()
            self.problems_by_step[step] = self._next_problems(step)
        return self.problems_by_step[step]

    def set_problems(self, step: int, ids: tuple[str, ...], pilot_samples: Mapping[str, int]) -> None:
        """Take the problems that a step's pilots have chosen.

        Args:
            step: from 0.
            ids: one per group.
            pilot_samples: samples of each problem that are taken already, by problem id.

        Raises:
            TrainingError: there are fewer than the step has groups.
        """
        if len(ids) < self.groups:
            raise TrainingError(
                f"step {step + 1} of {self.steps}: the curriculum gave {len(ids)} of {self.groups} problems, "
                "and has no more"
            )
        self.problems_by_step.clear()
        self.earlier_problems.clear()
        self.pilot_samples.clear()
        self.problems_by_step[step] = ids
        self.pilot_samples.update(pilot_samples)

    def begin_next_batch(self, step: int) -> None:
        """Choose another batch of problems for the same step.

        Raises:
            TrainingError: the curriculum has no more problems.
        """
        self.earlier_problems.extend(self.problems(step))
        self.problems_by_step[step] = self._next_problems(step)

    def slots(self, step: int) -> tuple[Slot, ...]:
        """Return the rollouts of the step's latest batch; groups and samples are counted on from its earlier ones."""
        slots = GroupSampler.slots(self, step)
        batches, groups = Counter(self.earlier_problems), len(self.earlier_problems)
        return tuple(
            Slot(
                slot.problem_id,
                groups + slot.group,
                self.pilot_samples.get(slot.problem_id, 0) + self.group_size * batches[slot.problem_id] + slot.sample,
            )
            for slot in slots
        )

    def _next_problems(self, step: int) -> tuple[str, ...]:
        assert self.curriculum is not None
        ids = self.curriculum.sample(self.groups)
        if len(ids) < self.groups:
            raise TrainingError(
                f"step {step + 1} of {self.steps}: the curriculum gave {len(ids)} of {self.groups} problems, "
                "and has no more"
            )
        return ids

    def __iter__(self) -> Iterator[int]:
        yield from [0] * len(self)
