"""Exact quotas per source in every step, for any online curriculum: one state per source, counts carried over."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import ConfigError
from assay.core.identity import content_id, derive_seed
from assay.core.ports import AdaptiveCurriculum, OnlineCurriculum, PilotCurriculum
from assay.core.types import GroupResult, Pool
from assay.maths.allocation.quotas import quotas

Ints = NDArray[np.int64]


def step_quotas(shares: NDArray[np.float64], past_groups: Ints, groups: int, capacities: Ints) -> Ints:
    """Return how many of a step's groups each source gets, so that all counts so far stay within one of their shares.

    Each source is owed its share of all groups so far and of these; whole parts first, then the largest remainders.

    Args:
        shares: of each source, (k,), in any unit.
        past_groups: groups that each has had, (k,).
        groups: of this step.
        capacities: the most that each can give in this step, (k,).
    """
    weights = shares if shares.sum() else np.ones(len(shares))
    owed = weights / weights.sum() * (past_groups.sum() + groups) - past_groups
    return quotas(np.maximum(owed, 0.0), groups, capacities)


class QuotaCurriculum:
    """An online curriculum (`core.ports.OnlineCurriculum`) with one state per source, whose steps keep quotas.

    Within a source the curriculum chooses as it would alone; between sources the quotas decide, so over any number of
    steps each source has had its share of groups to within one. The counts and all states are saved, so a run that goes
    on after a kill gives the same steps.

    Args:
        part: The curriculum.
        pool: The problems, with the column `source` besides what the curriculum needs.
        shares: By source, in any unit; sources of the pool that are not named have none.
        seed: Of all choices.

    Raises:
        ConfigError: a source that is named has no problem, or no source that has one is named.
    """

    def __init__(self, part: AdaptiveCurriculum, pool: Pool, shares: Mapping[str, float], *, seed: int) -> None:
        source = pool.column("source").astype(str)
        source_names = set(source.tolist())
        if (missing := sorted(set(shares) - source_names)) and len(pool):
            raise ConfigError(
                f"quotas name source {missing[0]!r}, which has no problems left; sources with problems: "
                f"{', '.join(sorted(source_names))}"
            )
        self.names = [name for name in sorted(shares) if shares[name] > 0]
        if not self.names:
            raise ConfigError(f"the quotas {dict(shares)} give every source a share of 0")
        self.shares = np.array([shares[name] for name in self.names], dtype=np.float64)
        self.given: Ints = np.zeros(len(self.names), dtype=np.int64)
        self.states = [
            part.begin(_rows_of(pool, np.flatnonzero(source == name)), seed=derive_seed("quota", seed, name))
            for name in self.names
        ]
        self.max_resamples = max(state.max_resamples for state in self.states)
        self.pilot = max(int(getattr(state, "pilot", 0)) for state in self.states)
        self.fresh = any(bool(getattr(state, "fresh", False)) for state in self.states)
        self._place = {
            id_: self.names.index(name)
            for id_, name in zip(pool.ids, source.tolist(), strict=True)
            if name in self.names
        }
        self.ids = tuple(sorted(self._place))
        keys = [str(state.state_dict()["key"]) for state in self.states]
        self.key = content_id("quotas", self.names, self.shares.tolist(), *keys)

    def sample(self, groups: int) -> tuple[str, ...]:
        """Return the problem ids of the next groups, sources in turns by name."""
        if not self.ids:
            return ()
        counts = step_quotas(self.shares, self.given, groups, np.full(len(self.names), groups))
        ids: list[str] = []
        for place, count in enumerate(counts.tolist()):
            if count:
                ids += self.states[place].sample(count)
        self.given = self.given + counts
        return tuple(ids)

    def screen(
        self, groups: int, group_size: int, attempt: Callable[[Sequence[str]], list[GroupResult]]
    ) -> tuple[str, ...]:
        """Return the problems of a step, each source's by pilots of its own (`core.ports.PilotCurriculum`)."""
        counts = step_quotas(self.shares, self.given, groups, np.full(len(self.names), groups))
        self.given = self.given + counts
        ids: list[str] = []
        for state, count in zip(self.states, counts.tolist(), strict=True):
            if count and isinstance(state, PilotCurriculum):
                ids += state.screen(count, group_size, attempt)
        return tuple(ids)

    def observe(self, groups: Sequence[GroupResult]) -> None:
        """Tell each source's state of its groups; a state whose source had none in this step does not advance."""
        for place, state in enumerate(self.states):
            own = [group for group in groups if self._of(group.problem_id) == place]
            if own:
                state.observe(own)

    def admits(self, group: GroupResult) -> bool:
        """Return what the group's own source says."""
        return self.states[self._of(group.problem_id)].admits(group)

    def weights(self, ids: Sequence[str]) -> NDArray[np.float64]:
        """Return each problem's weight in its own source's state, (n,)."""
        return np.array([float(self.states[self._of(id_)].weights([id_])[0]) for id_ in ids])

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Return the counts and every source's state."""
        arrays: dict[str, NDArray[Any]] = {"key": np.array(self.key), "given": self.given}
        for place, state in enumerate(self.states):
            arrays |= {f"{place}.{name}": value for name, value in state.state_dict().items()}
        return arrays

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from a saved state.

        Raises:
            ConfigError: it belongs to other quotas, another curriculum, pool, model or seed, or lacks a part.
        """
        if str(state.get("key", "")) != self.key:
            raise ConfigError(
                f"the curriculum's state {state.get('key', 'without a key')} is of other quotas, another pool, another "
                f"model's scores, other settings or another seed; this one is {self.key}"
            )
        self.given = np.array(state["given"], dtype=np.int64)
        for place, own in enumerate(self.states):
            prefix = f"{place}."
            own.load_state_dict(
                {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}
            )

    def _of(self, problem_id: str) -> int:
        if problem_id not in self._place:
            raise LookupError(f"problem {problem_id!r} is not among the curriculum's {len(self.ids)} problems")
        return self._place[problem_id]


def begin_curriculum(
    part: AdaptiveCurriculum, pool: Pool, shares: Mapping[str, float], *, seed: int
) -> OnlineCurriculum:
    """Begin a curriculum over a pool, by quotas per source where there are any."""
    return QuotaCurriculum(part, pool, shares, seed=seed) if shares else part.begin(pool, seed=seed)


def _rows_of(pool: Pool, rows: Ints) -> Pool:
    return Pool(
        tuple(pool.ids[row] for row in rows.tolist()),
        {name: column[rows] for name, column in pool.columns.items()},
        None if pool.vectors is None else pool.vectors[rows],
        None if pool.cluster is None else pool.cluster[rows],
    )
