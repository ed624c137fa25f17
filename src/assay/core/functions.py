"""Parts from outside that are a plain function, or a class that is no dataclass.

`def select(pool, budget, rng)` is a selector, as `score`, `arrange` and `sift` are a scorer, a curriculum and a filter:
the one method of their Protocol. Keyword parameters behind these are the part's settings; attributes of the function
(`select.needs = ("mean", "length")`, `joint`, `queries`) are those of the part.
"""

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from assay.core.errors import ConfigError, suggest_names
from assay.core.types import Curriculum, Phase, Pool, Selection

METHODS = {  # by kind: its one method, what this is called with, and the attributes that a class must have
    "selector": ("select", ("pool", "budget", "rng"), ("needs",)),
    "curriculum": ("arrange", ("pool", "rng"), ("needs",)),
    "scorer": ("score", ("ids", "attempts"), ("joint",)),
    "filter": ("sift", ("problems", "labels", "context"), ("joint", "needs")),
}
ATTRIBUTES = {
    "needs": 'the columns that it reads, such as needs = ("mean",)',
    "joint": "True where one problem's result depends on the others",
}


@dataclass(frozen=True)
class FunctionPart:
    """A part whose one method is a function.

    Attributes:
        name: of the part, as in the config.
        function: that is called, with the settings as keywords.
        settings: keyword arguments from the config.
    """

    name: str
    function: Callable[..., Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    default_needs: ClassVar[tuple[str, ...]] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the columns that the function reads."""
        needs = getattr(self.function, "needs", self.default_needs)
        return (needs,) if isinstance(needs, str) else tuple(needs)

    @property
    def joint(self) -> bool:
        """Return whether one row's result depends on the others; it does unless the function says otherwise."""
        return bool(getattr(self.function, "joint", True))

    @property
    def queries(self) -> Mapping[str, str]:
        """Return the queries of the columns that no stage makes."""
        return dict(getattr(self.function, "queries", {}))

    @property
    def version(self) -> str:
        """Return a hash of the file in which the function lives."""
        return hash_source(self.function)

    def call(self, *arguments: Any) -> Any:
        """Call the function with its settings.

        Raises:
            LookupError: it reads a column that the pool lacks; the message says how a function names its columns.
        """
        try:
            return self.function(*arguments, **self.settings)
        except LookupError as error:
            if "has no column" not in str(error):
                raise
            own = f"{self.function.__name__}.needs"
            raise LookupError(
                f'{error.args[0]}; a function declares the columns it reads: {own} = ("mean", "length")'
            ) from None


class FunctionSelector(FunctionPart):
    """A selector that is a function; it sees the column `mean`, or those of its attribute `needs`."""

    default_needs = ("mean",)

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """Return what the function chose: a Selection, or ids, row numbers or ids with weights of what is kept."""
        return build_selection(self.call(pool, budget, rng), pool, budget)


class FunctionCurriculum(FunctionPart):
    """A curriculum that is a function; it sees the column `mean`, or those of its attribute `needs`."""

    default_needs = ("mean",)

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return the function's order: a Curriculum, or the ids or row numbers in their order."""
        order = self.call(pool, rng)
        return order if isinstance(order, Curriculum) else Curriculum((Phase(tuple(list_ids(order, pool))),))


class FunctionScorer(FunctionPart):
    """A scorer that is a function."""

    def score(self, ids: Sequence[str], attempts: Any) -> Any:
        """Return the function's scores."""
        return self.call(ids, attempts)


class FunctionFilter(FunctionPart):
    """A filter that is a function."""

    def sift(self, problems: Any, labels: Any, context: Any) -> Any:
        """Return the function's drops, labels and notes."""
        return self.call(problems, labels, context)


KINDS: dict[str, type[FunctionPart]] = {
    "selector": FunctionSelector,
    "curriculum": FunctionCurriculum,
    "scorer": FunctionScorer,
    "filter": FunctionFilter,
}


def build_outside(kind: str, name: str, part: Any, settings: Mapping[str, Any]) -> Any:
    """Build a part that is no dataclass: from a function, or from a class without settings.

    Args:
        kind: selector, scorer and so on.
        name: as in the config.
        part: what the module holds under that name.
        settings: from the config.

    Raises:
        ConfigError: the function or method is not called as it would be here, or an attribute is missing.
    """
    if isinstance(part, type):
        return check_methods(kind, name, _build_class(kind, name, part, settings))
    if inspect.isroutine(part) and kind in KINDS:
        method, arguments, _ = METHODS[kind]
        _check_call(f"{kind} {name!r}", part, method, arguments, settings)
        return KINDS[kind](name, part, dict(settings))
    if settings:
        raise ConfigError(f"{kind} {name!r} has no setting {next(iter(settings))!r}: it is a {type(part).__name__}")
    return part if kind == "verifier" else check_methods(kind, name, part)


def check_methods(kind: str, name: str, part: Any) -> Any:
    """Return a part from outside that has the method and the attributes of its kind.

    Raises:
        ConfigError: it lacks one, or its method is not called as it would be here.
    """
    if kind not in METHODS:
        return part
    method, arguments, attributes = METHODS[kind]
    form = f"{method}({', '.join(arguments)})"
    if not callable(getattr(part, method, None)):
        raise ConfigError(f"{kind} {name!r} is a {type(part).__name__} without a method {form}")
    _check_call(f"{kind} {name!r}", getattr(part, method), method, arguments, {})
    for attribute in attributes:
        if not hasattr(part, attribute):
            raise ConfigError(f"{kind} {name!r} has no attribute {attribute!r}: {ATTRIBUTES[attribute]}")
    return part


def _build_class(kind: str, name: str, part: type, settings: Mapping[str, Any]) -> Any:
    if settings:
        key = next(iter(settings))
        raise ConfigError(f"{kind} {name!r} has no setting {key!r}: settings are the fields of a @dataclass")
    try:
        return part()
    except TypeError as error:
        raise ConfigError(f"{kind} {name!r}: {error}; as a @dataclass its fields would be its settings") from error


def _check_call(
    what: str, function: Callable[..., Any], method: str, arguments: Sequence[str], settings: Mapping[str, Any]
) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a builtin, which does not say
        return
    form, own = f"{method}({', '.join(arguments)})", f"{getattr(function, '__name__', method)}{signature}"
    names = [name for name in list(signature.parameters)[len(arguments) :] if name not in ("args", "kwargs")]
    for key in settings:
        if key not in signature.parameters and not _takes_any(signature):
            raise ConfigError(f"{what} has no setting {key!r}; {suggest_names(key, names)}: it is {own}")
    try:
        signature.bind(*arguments, **settings)
    except TypeError as error:
        raise ConfigError(f"{what} is {own}, and is called as {form}: {error}") from None


def _takes_any(signature: inspect.Signature) -> bool:
    return any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in signature.parameters.values())


def build_selection(answer: Any, pool: Pool, budget: int) -> Selection:
    """Build a Selection of what a function returned; every problem that it did not choose is `not_chosen`.

    Raises:
        ValueError: it is nothing of the kind, names a problem that the pool lacks, or names more than the budget.
    """
    if isinstance(answer, Selection):
        return answer
    ids = list_ids(answer, pool)
    if len(ids) > budget:
        raise ValueError(f"{len(ids)} problems were returned for a budget of {budget}")
    weights = {id_: float(answer[id_]) for id_ in ids} if isinstance(answer, Mapping) else dict.fromkeys(ids, 1.0)
    kept_ids = sorted(ids)
    rest = tuple(id_ for id_ in pool.ids if id_ not in weights)
    return Selection(tuple(kept_ids), tuple(weights[id_] for id_ in kept_ids), {"not_chosen": rest})


def list_ids(answer: Any, pool: Pool) -> list[str]:
    """List problem ids that were given as ids or as row numbers of the pool, in their order.

    Raises:
        ValueError: they are neither, or one is not in the pool or there twice.
    """
    if isinstance(answer, str | bytes) or not hasattr(answer, "__iter__"):
        raise ValueError(
            f"the function returned {type(answer).__name__}; it must return problem ids, row numbers, or what a part "
            "of its kind returns"
        )
    ids = [_id_of(value, pool) for value in answer]
    pool_ids, returned_ids = set(pool.ids), set[str]()
    for id_ in ids:
        if id_ not in pool_ids or id_ in returned_ids:
            raise ValueError(
                f"the function returned {id_!r}, which is {'twice' if id_ in returned_ids else 'not'} in the pool"
            )
        returned_ids.add(id_)
    return ids


def _id_of(value: Any, pool: Pool) -> str:
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        if not 0 <= value < len(pool):
            raise ValueError(f"the function returned row {value} of a pool of {len(pool)}")
        return pool.ids[int(value)]
    return str(value)


def hash_source(function: Callable[..., Any]) -> str:
    """Return a hash of the file in which a function lives, "" where there is none."""
    try:
        path = inspect.getsourcefile(function)
    except TypeError:
        path = None
    if path is None or not Path(path).is_file():
        return ""
    return "source-" + hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]
