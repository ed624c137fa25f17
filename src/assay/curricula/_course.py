"""What online curricula share: rows of one pool, chance by call, and a state of nothing but named arrays."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import ConfigError
from assay.core.identity import content_id
from assay.core.types import GroupResult, Pool

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class CurriculumState(ABC):
    """Choices by row number, each call with a stream of its own, so that a state needs no generator's innards (`core.ports.OnlineCurriculum`).

    A kind of course gives `choose` and, where it learns, `learn`; `held` names its attributes that a checkpoint keeps.
    """

    held: ClassVar[tuple[str, ...]] = ()
    max_resamples: int = 0

    def __init__(self, settings: Any, pool: Pool, seed: int) -> None:
        self.ids, self.seed, self.calls = pool.ids, seed, 0
        read = [
            (name, _digest(values)) for name, values in sorted(pool.columns.items())
        ]  # of another model the scores are others
        self.key = content_id("course", type(settings).__name__, repr(settings), seed, read, *pool.ids)
        self._rows = {id_: row for row, id_ in enumerate(pool.ids)}

    @abstractmethod
    def choose(self, groups: int, rng: np.random.Generator) -> Iterable[int]:
        """Row numbers of the next groups."""

    def learn(self, rows: Ints, groups: Sequence[GroupResult]) -> None:  # noqa: B027
        """Takes finished groups in; nothing by default."""

    def sample(self, groups: int) -> tuple[str, ...]:
        """The ids of the next groups; an empty pool has none."""
        rng = np.random.default_rng((self.seed, self.calls))
        self.calls += 1
        return tuple(self.ids[row] for row in self.choose(groups, rng)) if self.ids else ()

    def observe(self, groups: Sequence[GroupResult]) -> None:
        """Takes finished groups in.

        Raises:
            LookupError: a problem that is not of this pool.
        """
        self.learn(np.array([self._row(group.problem_id) for group in groups], dtype=np.int64), groups)

    def admits(self, group: GroupResult) -> bool:
        """Every group is learnt from."""
        return True

    def weights(self, ids: Sequence[str]) -> Floats:
        """All problems count alike."""
        return np.ones(len(ids))

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """The held attributes, and what they belong to."""
        return {
            "key": np.array(self.key),
            "calls": np.array(self.calls),
            **{name: np.array(getattr(self, name)) for name in self.held},
        }

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Goes on from a state.

        Raises:
            ConfigError: it belongs to another curriculum, pool or model, or lacks a part.
        """
        if lacking := [name for name in ("key", "calls", *self.held) if name not in state]:
            raise ConfigError(
                f"the curriculum's state lacks {', '.join(lacking)}; it has {', '.join(sorted(state)) or 'nothing'}"
            )
        if str(state["key"]) != self.key:
            of = "of another pool, another model's scores, other settings or another seed"
            raise ConfigError(f"the curriculum's state {state['key']} is {of}; this one is {self.key}")
        self.calls = int(state["calls"])
        for name in self.held:
            value = np.array(state[name])
            setattr(self, name, value if value.ndim else value.item())
        self.resume()

    def resume(self) -> None:  # noqa: B027
        """Rebuilds what follows from the held attributes; nothing by default."""

    def _row(self, id_: str) -> int:
        if id_ not in self._rows:
            raise LookupError(f"problem {id_!r} is none of the curriculum's {len(self.ids)}")
        return self._rows[id_]


def _digest(values: NDArray[Any]) -> str:
    plain = np.asarray(values)
    return hashlib.sha256(repr(plain.tolist()).encode() if plain.dtype.hasobject else plain.tobytes()).hexdigest()


class FixedOrder(CurriculumState):
    """An order that answers to nothing, as a course: first to last, and again from the front."""

    held = ("place",)

    def __init__(self, order: Sequence[str], seed: int = 0) -> None:
        super().__init__(("fixed", *order), Pool(tuple(sorted(set(order)))), seed)
        self.order, self.place = tuple(order), 0

    def choose(self, groups: int, rng: np.random.Generator) -> list[int]:
        """The next of the order; chance plays no part."""
        found = [self._row(self.order[(self.place + n) % len(self.order)]) for n in range(groups)]
        self.place += groups
        return found


class Deck:
    """Row numbers dealt in shuffled order without repeats; each time the deck runs out it is shuffled anew, by its own round's seed."""

    def __init__(self, rows: Ints, *seed: int) -> None:
        self.rows, self.seed, self.dealt = rows, seed, 0
        self._round, self._order = -1, rows

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def left(self) -> int:
        """Rows of this round that were not dealt yet; 0 in an empty deck."""
        return len(self.rows) - self.dealt % len(self.rows) if len(self.rows) else 0

    def deal(self) -> int:
        """The next row."""
        turn, place = divmod(self.dealt, len(self.rows))
        if turn != self._round:
            self._round, self._order = turn, np.random.default_rng((*self.seed, turn)).permutation(self.rows)
        self.dealt += 1
        return int(self._order[place])


class Dealt(CurriculumState):
    """All problems from one deck."""

    held: ClassVar[tuple[str, ...]] = ("dealt",)

    def __init__(self, settings: Any, pool: Pool, seed: int) -> None:
        super().__init__(settings, pool, seed)
        self.deck = Deck(np.arange(len(pool)), seed)

    @property
    def dealt(self) -> int:
        """Problems given so far."""
        return self.deck.dealt

    @dealt.setter
    def dealt(self, count: int) -> None:
        self.deck.dealt = count

    def choose(self, groups: int, rng: np.random.Generator) -> list[int]:
        """The next of the deck."""
        return [self.deck.deal() for _ in range(groups)]
