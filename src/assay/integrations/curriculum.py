"""An online curriculum inside another trainer, where groups come back late, in parts, twice and in another order.

`curate export` writes `curriculum.json` beside the data where the config's curriculum is adaptive: its name, settings
and seed, and the columns of the pool that it needs.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.errors import ConfigError
from assay.core.identity import derive_seed
from assay.core.parts import build_part
from assay.core.ports import OnlineCurriculum
from assay.core.setting_names import present_names
from assay.core.types import Counts, GroupResult, Outcome, Pool
from assay.curricula.online.quotas import begin_curriculum

MAX_LAG = 8  # policy versions that a group may be late before its turn is given up


@dataclass(frozen=True, slots=True)
class ObservedAttempt:
    """One rollout as a trainer reports it."""

    problem_id: str
    outcome: Outcome
    advantage: float = 0.0
    group: str = ""  # the trainer's id of the group; "" = the oldest open one of the problem
    # the trainer's id of the rollout within its group, by which repeats are known; "" = never a repeat
    attempt: str = ""


@dataclass(slots=True)
class _Ticket:
    """One sampled group on its way through the trainer."""

    problem_id: str
    version: int  # the policy version that was newest when it was sampled
    group: str = ""
    attempts: list[str] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    advantages: list[float] = field(default_factory=list)

    def result(self) -> GroupResult:
        """Return what the group's rollouts amount to."""
        counts = Counts()
        for outcome in self.outcomes:
            counts = counts.plus(outcome)
        size = sum(map(abs, self.advantages)) / len(self.advantages) if self.advantages else 0.0
        return GroupResult(self.problem_id, counts, size)


class TrainerCurriculum:
    """Sample problems by an online curriculum, and tell it of each group once, in the order in which they were sampled.

    A group is complete with `group_size` rollouts, and waits until those sampled before it are complete. One that is
    more than `max_lag` policy versions late is told with the rollouts that have come, or not at all where none has;
    what comes of it afterwards counts as late. So the curriculum learns the same whatever the order of arrival.

    Args:
        state: the curriculum at the start of the run.
        group_size: rollouts per group.
        max_lag: policy versions to wait.

    Raises:
        ConfigError: a number is too small, or the curriculum attempts groups in parts.
    """

    def __init__(self, state: OnlineCurriculum, *, group_size: int, max_lag: int = MAX_LAG) -> None:
        if group_size < 1 or max_lag < 0:
            raise ConfigError(f"group_size is {group_size} and max_lag is {max_lag}; they must be at least 1 and 0")
        if getattr(state, "pilot", 0):
            raise ConfigError(
                "curriculum 'pilot_groups' attempts groups in parts, which this trainer cannot do: use `train run`"
            )
        self.state, self.group_size, self.max_lag = state, group_size, max_lag
        self.version = 0  # the newest policy version seen
        # groups told to the curriculum; rollouts that came too late, or twice
        self.told = self.late = self.repeated = 0
        self._open: list[_Ticket] = []
        self._closed: list[str] = []  # ids of the last groups that were told, to recognise repeats

    @property
    def open_groups(self) -> int:
        """Return the sampled groups that the curriculum has not been told of."""
        return len(self._open)

    def sample(self, groups: int) -> tuple[str, ...]:
        """Return the problem ids of the next groups."""
        ids = self.state.sample(groups)
        self._open += [_Ticket(id_, self.version) for id_ in ids]
        return ids

    def observe(self, attempts: Sequence[ObservedAttempt], *, version: int | None = None) -> int:
        """Take in rollouts, of any groups and in any order.

        Args:
            attempts: of one or more groups, whole or in part.
            version: the policy version that training has reached; None = one more than before.

        Returns:
            How many groups the curriculum was told of.
        """
        self.version = max(self.version, self.version + 1 if version is None else version)
        for attempt in attempts:
            self._place(attempt)
        return self._tell()

    def admits(self, attempts: Sequence[ObservedAttempt]) -> bool:
        """Return whether the curriculum lets training learn from a group of these rollouts, which may be in part."""
        ticket = _Ticket(attempts[0].problem_id, self.version)
        ticket.outcomes = [attempt.outcome for attempt in attempts]
        ticket.advantages = [attempt.advantage for attempt in attempts]
        return self.state.admits(ticket.result())

    def flush(self) -> int:
        """Tell the curriculum of all that has come, as at the end of a run; groups without an answer are given up."""
        return self._tell(everything=True)

    def refresh(self, state: OnlineCurriculum) -> None:
        """Go on with a curriculum that was begun anew on fresh scores; groups on their way will be told to it.

        Groups of problems that it does not have are dropped once they are due.
        """
        self.state = state

    def state_dict(self) -> dict[str, Any]:
        """Return the curriculum's state and the groups on their way, as named arrays."""
        own = {
            "open": [asdict(ticket) for ticket in self._open],
            "closed": self._closed,
            "counts": [self.version, self.told, self.late, self.repeated],
        }
        inner = {f"curriculum.{name}": value for name, value in self.state.state_dict().items()}
        return {**inner, "groups": np.array(json.dumps(own))}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state.

        Raises:
            ConfigError: it belongs to another pool, other settings or another seed.
        """
        inner = {
            name.removeprefix("curriculum."): np.asarray(value)
            for name, value in state.items()
            if name.startswith("curriculum.")
        }
        self.state.load_state_dict(inner)
        own = json.loads(str(state["groups"]))
        self._open, self._closed = [_Ticket(**ticket) for ticket in own["open"]], list(own["closed"])
        self.version, self.told, self.late, self.repeated = own["counts"]

    def _place(self, attempt: ObservedAttempt) -> None:
        if attempt.group and attempt.group in self._closed:
            self.repeated += 1
            return
        ticket = self._find(attempt)
        if ticket is None:
            self.late += 1
        elif attempt.attempt and attempt.attempt in ticket.attempts:
            self.repeated += 1
        else:
            ticket.group = ticket.group or attempt.group
            ticket.attempts.append(attempt.attempt)
            ticket.outcomes.append(attempt.outcome)
            ticket.advantages.append(attempt.advantage)

    def _find(self, attempt: ObservedAttempt) -> _Ticket | None:
        own = [ticket for ticket in self._open if ticket.problem_id == attempt.problem_id]
        if same_group := [ticket for ticket in own if attempt.group and ticket.group == attempt.group]:
            return same_group[0]
        free = [ticket for ticket in own if not ticket.group and len(ticket.outcomes) < self.group_size]
        return free[0] if free else None

    def _tell(self, *, everything: bool = False) -> int:
        due = 0
        for ticket in self._open:
            overdue = everything or self.version - ticket.version > self.max_lag
            if len(ticket.outcomes) < self.group_size and not overdue:
                break
            due += 1
        ready, self._open = self._open[:due], self._open[due:]
        self._closed = [*self._closed, *(ticket.group for ticket in ready if ticket.group)][-4096:]
        pool_ids = set(getattr(self.state, "ids", ())) or {ticket.problem_id for ticket in ready}
        results = [ticket.result() for ticket in ready if ticket.outcomes and ticket.problem_id in pool_ids]
        if results:
            self.state.observe(results)
        self.told += len(results)
        return len(results)


def load_curriculum(file: Path) -> OnlineCurriculum:
    """Begin the curriculum that an export wrote.

    Raises:
        ConfigError: there is no such file, or its curriculum is not adaptive.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"no {file}: the exported config's curriculum is not adaptive, or the file was not copied"
        ) from error
    order = present_names({"order": {**content["settings"], "curriculum": content["curriculum"]}})["order"]
    part = build_part("curriculum", order.pop("curriculum"), order)
    pool = Pool(
        tuple(content["ids"]),
        {name: np.array(values) for name, values in content["columns"].items()},
        cluster=None if content["cluster"] is None else np.array(content["cluster"], dtype=np.int64),
    )
    seed = derive_seed("trainer curriculum", content["seed"])
    return begin_curriculum(part, pool, content.get("quotas", {}), seed=seed)
