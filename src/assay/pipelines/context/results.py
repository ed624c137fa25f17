"""What stages pass to one another: the key of a stage's result, the result itself, and what a stage still has to do.

A key has a text form in the lake (`stages.key`), which is written and read here and nowhere else: `str(key)` and
`StageKey.parse`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from assay.core.errors import ConfigError

FIRST_STAGE_NAMES = {"order": "arrange"}  # of stages that have another name now; lines of the ledger hash them
JOINT = "+"  # between the parts of a key, in the lake's text form


@dataclass(frozen=True, slots=True)
class StageKey:
    """The key of a stage's result: its id in the ledger, and the id that its rows in other tables carry.

    For most stages the two are one id. The rows of `split` and `score` carry an id of their own, which pools share:
    that of the held-out draw, and that of the scoring. `ingest` has one part per source, and each of them is a line of
    the ledger and the id of a pool.
    """

    parts: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.parts or not all(self.parts) or any(JOINT in part for part in self.parts):
            raise ValueError(f"a stage's key has parts that are not empty and hold no {JOINT!r}, not {self.parts}")

    @classmethod
    def of(cls, *parts: str) -> "StageKey":
        """Make a key of its parts: the ledger's id, and the id of the rows where it is another one."""
        return cls(parts)

    @classmethod
    def parse(cls, text: str) -> "StageKey":
        """Read a key's text form, as in `stages.key`.

        Raises:
            ValueError: an empty part.

        >>> StageKey.parse("1ff8+71df").rows
        '71df'
        """
        return cls(tuple(text.split(JOINT)))

    @property
    def ledger(self) -> str:
        """Hash of everything that the result depends on."""
        return self.parts[0]

    @property
    def rows(self) -> str:
        """The id that the stage's rows carry, such as `scores.scoring_id` and `selections.selection_id`."""
        return self.parts[-1]

    def __str__(self) -> str:
        """The text form.

        >>> str(StageKey.of("1ff8", "71df"))
        '1ff8+71df'
        """
        return JOINT.join(self.parts)


@dataclass(frozen=True, slots=True)
class PoolColumns:
    """What a stage knows of each problem, as columns that a selector or a curriculum may need.

    Attributes:
        source: what stands behind FROM: a table or view with `problem_id`, and a `?` for the id of the stage's rows.
        expressions: SQL over it, by the column's name in the pool; null = the problem lacks the column.
    """

    source: str = ""
    expressions: Mapping[str, str] = field(default_factory=dict)


COLUMNS: dict[str, PoolColumns] = {}  # of the stages whose classes are loaded, by name; `Stage` enters them


@dataclass(frozen=True, slots=True)
class StageResult:
    """What one stage did: rows in and out, details and time."""

    stage: str
    key: StageKey
    rows_in: int
    rows_out: int
    detail: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    reused: bool = False  # it was in the ledger: nothing was done
    partly: bool = False  # a limit stopped it: not in the ledger

    @property
    def columns(self) -> PoolColumns:
        """What the stage knows of each problem."""
        return COLUMNS.get(self.stage, PoolColumns())


@dataclass(frozen=True, slots=True)
class StageResults:
    """The results of stages in their order: those of all earlier stages for a stage, those of all stages for a run.

    Iterates over the results; `"score" in results` asks by name.
    """

    results: tuple[StageResult, ...] = ()

    def of(self, stage: str) -> StageResult:
        """Return the result of a stage by its name.

        Raises:
            ConfigError: the stage is not among them.
        """
        if (result := self.get(stage)) is None:
            raise ConfigError(f"{stage} is not done: run `curate {stage} CONFIG` first, or `curate run CONFIG`")
        return result

    def get(self, stage: str) -> StageResult | None:
        """Return the result of a stage by its name, None where it is not among them."""
        return next((result for result in self.results if result.stage == stage), None)

    def rows_of(self, stage: str) -> str:
        """Return the id that a stage's rows carry.

        Raises:
            ConfigError: as `of`.
        """
        return self.of(stage).key.rows

    def plus(self, *results: StageResult) -> "StageResults":
        """Return these results and more; a result replaces an earlier one of its stage."""
        names = {result.stage for result in results}
        return StageResults((*(result for result in self.results if result.stage not in names), *results))

    def only(self, *stages: str) -> "StageResults":
        """Return the results of these stages alone."""
        return StageResults(tuple(result for result in self.results if result.stage in stages))

    @property
    def ledger_lines(self) -> list[str]:
        """The keys of their lines in the ledger; `ingest` has one per source."""
        return [
            line
            for result in self.results
            for line in (result.key.parts if result.stage == "ingest" else [str(result.key)])
        ]

    def __iter__(self) -> Iterator[StageResult]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, place: int) -> StageResult:
        return self.results[place]

    def __contains__(self, stage: object) -> bool:
        return any(result.stage == stage for result in self.results)


@dataclass(frozen=True, slots=True)
class Remaining:
    """What a stage still has to do, before it starts; None = it does not count in this unit."""

    sources: int | None = None
    problems: int | None = None
    texts: int | None = None  # to embed
    steps: int | None = None  # of training
    rollouts: int | None = None  # of training
    attempts_min: int | None = None  # completions of the policy, where scoring stops early
    attempts_max: int | None = None  # completions of the policy, at most
    iterations_max: int | None = None  # of tree searches, each of several completions
    tokens_max: int | None = None  # generated tokens, at most
    rows_in: int | None = None  # rows that come in, done ones included

    @property
    def by_unit(self) -> dict[str, int]:
        """Counts under the unit that people read, in the order in which they are printed."""
        exact = self.attempts_min == self.attempts_max
        attempts = None if self.iterations_max is not None else self.attempts_max
        counts = {
            "sources": self.sources,
            "problems": self.problems,
            "texts": self.texts,
            "steps": self.steps,
            "rollouts": self.rollouts,
            "samples": attempts if exact else None,
            "samples at least": None if exact else self.attempts_min,
            "samples at most": None if exact else attempts,
            "iterations at most": self.iterations_max,
            "tokens at most": self.tokens_max,
        }
        return {unit: count for unit, count in counts.items() if count is not None}
