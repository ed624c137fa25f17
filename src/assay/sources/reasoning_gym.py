"""`reasoning_gym`: endless problems with their own verifiers, from a seed."""

import importlib.metadata
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from assay.core.errors import ConfigError, require, suggest_names
from assay.core.identity import canonical_json, content_id
from assay.core.ports import SourceRow
from assay.core.types import OPEN, Drop, Label, Problem
from assay.sources._rows import shorten

WITNESSES = (
    "possible_answer",
    "example_answer",
    "example_correct_answer",
)  # where generators without an oracle keep one solution
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
    """`size` problems of one generator.

    The same seed and config give the same problems under one version of reasoning-gym.

    Most generators seed item i with seed + i: two sources of one generator share problems unless their seeds lie at
    least `size` apart.

    The metadata holds {"reasoning_gym": {"dataset", "entry", "tuples"}}: what the generator's scorer needs, as plain
    JSON. Scorers that compare tuples (arc_agi, rearc) reject plain JSON, so `tuples` says that lists must become
    tuples again. Each stored entry has been scored: its gold answer gets 1, or it is a drop. Five generators (boxnet,
    graph_color, propositional_logic, rubiks_cube, rush_hour) have a scorer and no oracle: the gold is then the
    solution that the entry carries where it scores 1, else the sentence `OPEN`. So it is where
    intermediate_integration answers with the integral of its question. Only text of the library's own making is
    scored here.

    Some generators differ from process to process under one seed: isomorphic_strings, knight_swap,
    polynomial_multiplication, ransom_note and word_ladder unless PYTHONHASHSEED is fixed, list_functions always. A
    lake keeps what it read first. Source: reasoning-gym 0.1.25 (arXiv:2505.24760).

    Raises (when reading starts, and in `check`):
        ConfigError: an unknown generator or config key, or a config that the generator refuses.
    """

    generator: str
    size: int = 100
    seed: int = 0
    config: dict[str, Any] = field(
        default_factory=dict
    )  # the generator's own settings, e.g. {min_terms = 2, max_terms = 3}
    name: str = ""  # the problems' source; "" = reasoning_gym/<generator>

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size {self.size} must be at least 1")

    def read(self) -> Iterator[SourceRow]:
        """Problems with labels in the generator's order.

        An item that cannot be made or stored is a drop with its number.
        """
        gym = self._gym()
        return (self._item(gym, index) for index in range(self.size))

    def fingerprint(self) -> str:
        """Hash of the version that generates; the library, whose import takes over a second, is not loaded."""
        try:
            return content_id("reasoning_gym", importlib.metadata.version("reasoning-gym"))
        except importlib.metadata.PackageNotFoundError:
            return content_id("reasoning_gym", require("reasoning_gym", extra="gym").__version__)

    def check(self) -> None:
        """Passes where the generator takes the settings."""
        self._gym()

    def _item(self, gym: Any, index: int) -> SourceRow:
        source = self.name or f"reasoning_gym/{self.generator}"
        try:
            entry = gym[index]
            answer, stored = _check_entry(gym, entry, self.generator)
            problem = Problem.of(entry["question"], source=source, metadata={"reasoning_gym": stored})
        except FAILURES as error:
            what = (
                str(error)
                if isinstance(error, GeneratorRejected)
                else f"{type(error).__name__}: {shorten(str(error), 200)}"
            )
            reason = error.reason if isinstance(error, GeneratorRejected) else "generator_failed"
            return Drop("ingest", reason, detail=what, source=source, file=self.generator, line=index + 1)
        return problem, Label.of(problem.id, answer, verifier="reasoning_gym")

    def _gym(self) -> Any:
        factory = require("reasoning_gym.factory", extra="gym")
        require("reasoning_gym", extra="gym")  # registers the generators
        if self.generator not in factory.DATASETS:
            raise ConfigError(
                f"unknown reasoning_gym generator {self.generator!r}; {suggest_names(self.generator, factory.DATASETS)}"
            )
        settings = factory.DATASETS[self.generator][1]
        known = [each.name for each in fields(settings) if each.name not in ("size", "seed")]
        for key in self.config:
            if key not in known:
                raise ConfigError(
                    f"reasoning_gym generator {self.generator!r} has no config {key!r}; {suggest_names(key, known)}"
                )
        try:
            return factory.create_dataset(self.generator, size=self.size, seed=self.seed, **self._config())
        except FAILURES as error:
            raise ConfigError(
                f"reasoning_gym generator {self.generator!r} refuses {shorten(self.config, 200)}: {error}"
            ) from error

    def _config(self) -> dict[str, Any]:
        if self.generator != "composite":
            return self.config
        spec = require("reasoning_gym.composite", extra="gym").DatasetSpec
        given = [{"weight": 1.0, "config": {}, **each} for each in self.config.get("datasets", ())]
        return {**self.config, "datasets": [spec(**each) for each in given]}


class GeneratorRejected(ValueError):
    """An item that was generated but cannot become a problem."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def _check_entry(gym: Any, entry: dict[str, Any], generator: str) -> tuple[str, dict[str, Any]]:
    """The gold answer and what the verifier needs, scored once against each other."""
    plain: dict[str, Any] = json.loads(json.dumps(entry, default=_to_plain))
    name = str(
        plain["metadata"].get("source_dataset", generator)
    )  # a composite's items are scored by the generator that made them
    answer = plain["answer"]
    if answer is None:
        answer = _find_witness(gym, plain)
        return answer, {"dataset": name, "entry": plain}
    if not isinstance(answer, str) or not answer.strip():
        raise GeneratorRejected("answer_empty", f"the oracle answers {shorten(answer)}")
    stored = {"dataset": name, "entry": plain}
    if (
        "Integral(" in answer
    ):  # what the generator could not integrate it repeats, and its scorer takes the repeated question for an answer
        return OPEN, stored
    if _score_answer(gym, answer, plain) >= 1:
        return answer, stored
    if _score_answer(gym, answer, {**plain, "metadata": lists_to_tuples(plain["metadata"])}) >= 1:
        return answer, {**stored, "tuples": True}
    raise GeneratorRejected(
        "oracle_rejected",
        f"the scorer gives its own answer {shorten(answer)} {_score_answer(gym, answer, plain)}, not 1",
    )


def _find_witness(gym: Any, plain: dict[str, Any]) -> str:
    for key in WITNESSES:
        found = plain["metadata"].get(key)
        text = found if isinstance(found, str) else canonical_json(found)
        if found is not None and _score_answer(gym, text, plain) >= 1:
            return text
    return OPEN


def _score_answer(gym: Any, answer: str, entry: dict[str, Any]) -> float:
    return float(gym.score_answer(answer, entry))


def lists_to_tuples(value: Any) -> Any:
    """The value with every list as a tuple.

    >>> lists_to_tuples({"grid": [[1, 2], [3]]})
    {'grid': ((1, 2), (3,))}
    """
    if isinstance(value, dict):
        return {key: lists_to_tuples(each) for key, each in value.items()}
    return tuple(lists_to_tuples(each) for each in value) if isinstance(value, list) else value


def _to_plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()  # numpy
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return str(value)
