"""The state of an online curriculum: rows of one pool, randomness by call, and nothing to save but named arrays."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import ConfigError
from assay.core.identity import content_id
from assay.core.types import GroupResult, Pool

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class CurriculumState(ABC):
    """Base class of online curricula (`core.ports.OnlineCurriculum`), which choose problems by row number.

    Each call to `sample` has a random stream of its own, so a saved state needs nothing of a generator. A subclass
    defines `choose` and, where it learns, `learn`; `state_fields` names its attributes that a resume state keeps.

    Args:
        settings: The curriculum's dataclass; part of the state's key.
        pool: The problems to choose from.
        seed: Of all choices.
    """

    state_fields: ClassVar[tuple[str, ...]] = ()
    max_resamples: int = 0

    def __init__(self, settings: Any, pool: Pool, seed: int) -> None:
        self.ids, self.seed, self.calls = pool.ids, seed, 0
        # Another model has other scores, and so another key.
        digests = [(name, _digest(values)) for name, values in sorted(pool.columns.items())]
        self.key = content_id("course", type(settings).__name__, _describe(settings), seed, digests, *pool.ids)
        self._rows = {id_: row for row, id_ in enumerate(pool.ids)}

    @abstractmethod
    def choose(self, groups: int, rng: np.random.Generator) -> Iterable[int]:
        """Return the row numbers of the next groups."""

    def learn(self, rows: Ints, groups: Sequence[GroupResult]) -> None:  # noqa: B027
        """Learn from finished groups, given with the rows of their problems; does nothing by default."""

    def sample(self, groups: int) -> tuple[str, ...]:
        """Return the problem ids of the next groups; an empty pool has none."""
        rng = np.random.default_rng((self.seed, self.calls))
        self.calls += 1
        return tuple(self.ids[row] for row in self.choose(groups, rng)) if self.ids else ()

    def observe(self, groups: Sequence[GroupResult]) -> None:
        """Take in finished groups.

        Raises:
            LookupError: a problem that is not of this pool.
        """
        self.learn(np.array([self._row(group.problem_id) for group in groups], dtype=np.int64), groups)

    def admits(self, group: GroupResult) -> bool:
        """Return True: training learns from every group."""
        return True

    def weights(self, ids: Sequence[str]) -> Floats:
        """Return weight 1 for every problem, (n,)."""
        return np.ones(len(ids))

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Return the attributes that `state_fields` names, and the key of what they belong to."""
        return {
            "key": np.array(self.key),
            "calls": np.array(self.calls),
            **{name: np.array(getattr(self, name)) for name in self.state_fields},
        }

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from a saved state.

        Raises:
            ConfigError: it belongs to another curriculum, pool or model, or lacks a part.
        """
        if lacking := [name for name in ("key", "calls", *self.state_fields) if name not in state]:
            raise ConfigError(
                f"the curriculum's saved state has no {', '.join(lacking)}; it has "
                f"{', '.join(sorted(state)) or 'nothing'}"
            )
        if str(state["key"]) != self.key:
            origin = "of another pool, another model's scores, other settings or another seed"
            raise ConfigError(f"the curriculum's state {state['key']} is {origin}; this one is {self.key}")
        self.calls = int(state["calls"])
        for name in self.state_fields:
            value = np.array(state[name])
            setattr(self, name, value if value.ndim else value.item())
        self.resume()

    def resume(self) -> None:  # noqa: B027
        """Rebuild what follows from the loaded attributes; does nothing by default."""

    def _row(self, id_: str) -> int:
        if id_ not in self._rows:
            raise LookupError(f"problem {id_!r} is not among the curriculum's {len(self.ids)} problems")
        return self._rows[id_]


def pass_share(group: GroupResult) -> float | None:
    """Return the share of right answers among a group's judged rollouts, truncated ones wrong; None without any."""
    counts = group.counts
    n_judged = counts.correct + counts.wrong + counts.truncated
    return counts.correct / n_judged if n_judged else None


def is_mixed(group: GroupResult) -> bool:
    """Return whether right and wrong answers stand beside each other in a group."""
    share = pass_share(group)
    return share is not None and 0 < share < 1


class FixedOrder(CurriculumState):
    """An offline order in the shape of an online curriculum: first to last, and again from the front."""

    state_fields = ("place",)

    def __init__(self, order: Sequence[str], seed: int = 0) -> None:
        super().__init__(("fixed", *order), Pool(tuple(sorted(set(order)))), seed)
        self.order, self.place = tuple(order), 0

    def choose(self, groups: int, rng: np.random.Generator) -> list[int]:
        """Return the next rows of the order."""
        rows = [self._row(self.order[(self.place + n) % len(self.order)]) for n in range(groups)]
        self.place += groups
        return rows


def _describe(settings: Any) -> str:
    """Return the settings' repr under the names in older states (`was`), without defaults of `later` settings."""
    later, was = getattr(settings, "later", ()), getattr(settings, "was", {})
    if not later and not was:
        return repr(settings)
    columns = [
        f"{was.get(setting.name, setting.name)}={getattr(settings, setting.name)!r}"
        for setting in fields(settings)
        if setting.name not in later or getattr(settings, setting.name) != setting.default
    ]
    return f"{type(settings).__qualname__}({', '.join(columns)})"


def _digest(values: NDArray[Any]) -> str:
    plain = np.asarray(values)
    return hashlib.sha256(repr(plain.tolist()).encode() if plain.dtype.hasobject else plain.tobytes()).hexdigest()
