"""`reasoning_gym`: any number of generated problems with their own verifiers, from a seed."""

import importlib.metadata
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from assay.core.errors import ConfigError, require, suggest_names
from assay.core.identity import canonical_json, content_id
from assay.core.ports import SourceRow
from assay.core.types import OPEN, Drop, Label, Problem
from assay.sources._bad_row import shorten
from assay.sources._gym_levels import level_configs

# Where generators without an oracle keep one solution.
EXAMPLE_KEYS = ("possible_answer", "example_answer", "example_correct_answer")
FAILURES = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    RuntimeError,
    OSError,
)


@dataclass(frozen=True, kw_only=True)
class ReasoningGym:
    """Generate `size` problems with one generator. Seed, config and the version of reasoning-gym decide which.

    Most generators seed item i with seed + i: two sources of one generator share problems unless their seeds differ by
    at least `size`.

    The metadata holds {"reasoning_gym": {"dataset", "entry", "tuples"}}: what the generator's scorer needs, as plain
    JSON. Scorers that compare tuples (arc_agi, rearc) reject lists, so `tuples` says that lists must become tuples
    again. Every stored entry was scored once: its gold answer gets 1, or it is a drop. Five generators (boxnet,
    graph_color, propositional_logic, rubiks_cube, rush_hour) have a scorer but no oracle: their gold answer is the
    example solution of the entry if it scores 1, else the sentence `OPEN`. The same goes for intermediate_integration
    if it answers with the integral of its own question. Only text made by the library itself is scored here.

    With `levels` = n the problems come in equal parts from the n easiest levels of the generator's own curriculum,
    which 102 of the 106 generators have, each part with seeds of its own, and `metadata` holds the `level` from 0 on:
    what the curriculum `levels` (RLVE) follows, and any selector or curriculum can name. A setting in `config` holds at
    every level.

    Some generators give other problems in another process under the same seed: isomorphic_strings, knight_swap,
    polynomial_multiplication, ransom_note and word_ladder unless PYTHONHASHSEED is fixed, list_functions always. A lake
    keeps what it read first.

    Source: reasoning-gym 0.1.25 (arXiv:2505.24760).

    Raises (when reading starts, and in `check`):
        ConfigError: an unknown generator or config key, or a config that the generator refuses.
    """

    generator: str
    size: int = 100
    seed: int = 0
    config: dict[str, Any] = field(default_factory=dict)  # the generator's settings, as {min_terms = 2, max_terms = 3}
    name: str = ""  # the problems' source; "" = reasoning_gym/<generator>
    levels: int = 0  # of the generator's own curriculum, the easiest ones; 0 = `config` alone

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be at least 1, found {self.size}")
        if not 0 <= self.levels <= self.size:
            raise ValueError(f"levels {self.levels} must be from 0 to the size, {self.size}")

    def read(self) -> Iterator[SourceRow]:
        """Yield problems with labels in the generator's order; an unusable item is a drop with its number."""
        datasets = self._create_datasets()
        return (
            self._convert_item(dataset, index, first + index, {} if not self.levels else {"level": level})
            for level, (first, size, dataset) in enumerate(datasets)
            for index in range(size)
        )

    def fingerprint(self) -> str:
        """Return a hash of the generating version, without the library's import, which takes over a second."""
        try:
            return content_id("reasoning_gym", importlib.metadata.version("reasoning-gym"))
        except importlib.metadata.PackageNotFoundError:
            return content_id("reasoning_gym", require("reasoning_gym", extra="gym").__version__)

    def check(self) -> None:
        """Raise unless the generator accepts the settings."""
        self._create_datasets()

    def _convert_item(self, dataset: Any, index: int, number: int, metadata: dict[str, Any]) -> SourceRow:
        source = self.name or f"reasoning_gym/{self.generator}"
        try:
            entry = dataset[index]
            answer, stored = _check_entry(dataset, entry, self.generator)
            problem = Problem.of(entry["question"], source=source, metadata={**metadata, "reasoning_gym": stored})
        except GeneratorRejected as error:
            reason, detail = error.reason, str(error)
        except FAILURES as error:
            reason, detail = "generator_failed", f"{type(error).__name__}: {shorten(str(error), 200)}"
        else:
            return problem, Label.of(problem.id, answer, verifier="reasoning_gym")
        return Drop("ingest", reason, detail=detail, source=source, file=self.generator, line=number + 1)

    def _create_datasets(self) -> list[tuple[int, int, Any]]:
        """Create one dataset per level, or one in all: (number of its first item, items, dataset)."""
        parts = max(1, self.levels)
        ends = [self.size * part // parts for part in range(parts + 1)]
        configs = level_configs(self.generator, self.levels, self.config) if self.levels else [self.config]
        return [
            (first, last - first, self._create_dataset(config, last - first, self.seed + first))
            for config, first, last in zip(configs, ends, ends[1:], strict=False)
        ]

    def _create_dataset(self, config: dict[str, Any], size: int, seed: int) -> Any:
        factory = require("reasoning_gym.factory", extra="gym")
        require("reasoning_gym", extra="gym")  # its import registers the generators
        if self.generator not in factory.DATASETS:
            raise ConfigError(
                f"unknown reasoning_gym generator {self.generator!r}; {suggest_names(self.generator, factory.DATASETS)}"
            )
        settings = factory.DATASETS[self.generator][1]
        keys = [setting.name for setting in fields(settings) if setting.name not in ("size", "seed")]
        for key in config:
            if key not in keys:
                raise ConfigError(
                    f"reasoning_gym generator {self.generator!r} has no setting {key!r}; {suggest_names(key, keys)}"
                )
        try:
            return factory.create_dataset(self.generator, size=size, seed=seed, **self._library_config(config))
        except FAILURES as error:
            raise ConfigError(
                f"reasoning_gym generator {self.generator!r} rejects {shorten(config, 200)}: {error}"
            ) from error

    def _library_config(self, config: dict[str, Any]) -> dict[str, Any]:
        """The config with the specs of `composite` as the library's own objects."""
        if self.generator != "composite":
            return config
        spec_class = require("reasoning_gym.composite", extra="gym").DatasetSpec
        specs = [{"weight": 1.0, "config": {}, **spec} for spec in config.get("datasets", ())]
        return {**config, "datasets": [spec_class(**spec) for spec in specs]}


class GeneratorRejected(ValueError):
    """An item that was generated but cannot become a problem."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def _check_entry(dataset: Any, entry: dict[str, Any], generator: str) -> tuple[str, dict[str, Any]]:
    """Return the gold answer and what the verifier needs, after scoring one against the other."""
    plain: dict[str, Any] = json.loads(json.dumps(entry, default=_to_plain))
    scorer = str(plain["metadata"].get("source_dataset", generator))  # an item of `composite` names its own generator
    content = {"dataset": scorer, "entry": plain}
    answer = plain["answer"]
    if answer is None:
        return _find_example(dataset, plain), content
    if not isinstance(answer, str) or not answer.strip():
        raise GeneratorRejected("answer_empty", f"the oracle answers {shorten(answer)}")
    if "Integral(" in answer:  # the integral repeated, unsolved; the scorer accepts it
        return OPEN, content
    if _score_answer(dataset, answer, plain) >= 1:
        return answer, content
    if _score_answer(dataset, answer, {**plain, "metadata": lists_to_tuples(plain["metadata"])}) >= 1:
        return answer, {**content, "tuples": True}
    raise GeneratorRejected(
        "oracle_rejected",
        f"the scorer gives its own answer {shorten(answer)} {_score_answer(dataset, answer, plain)}, not 1",
    )


def _find_example(dataset: Any, plain: dict[str, Any]) -> str:
    for key in EXAMPLE_KEYS:
        example = plain["metadata"].get(key)
        text = example if isinstance(example, str) else canonical_json(example)
        if example is not None and _score_answer(dataset, text, plain) >= 1:
            return text
    return OPEN


def _score_answer(dataset: Any, answer: str, entry: dict[str, Any]) -> float:
    return float(dataset.score_answer(answer, entry))


def lists_to_tuples(value: Any) -> Any:
    """Convert every list inside a value to a tuple.

    >>> lists_to_tuples({"grid": [[1, 2], [3]]})
    {'grid': ((1, 2), (3,))}
    """
    if isinstance(value, dict):
        return {key: lists_to_tuples(element) for key, element in value.items()}
    return tuple(lists_to_tuples(element) for element in value) if isinstance(value, list) else value


def _to_plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()  # numpy
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return str(value)
