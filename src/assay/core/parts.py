"""Parts are found by their file names and imported only when named.

`selector = "kmeans_quality"` is the class `KmeansQuality` in `selectors/kmeans_quality.py`; `python:package.module:Name` is a part
that lives outside the package. A part is a frozen dataclass; its fields are its whole configuration.
"""

import importlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from assay.core.errors import ConfigError, nearest

ROOMS = {
    "source": "sources",
    "filter": "filters",
    "verifier": "verifiers",
    "scorer": "scorers",
    "selector": "selectors",
    "curriculum": "curricula",
    "engine": "engines",
    "objective": "training/objectives",
    "table": "stores/tables",
    "export": "exports",
}
HOUSE = Path(__file__).resolve().parent.parent
SHAPES = {
    "tuple_type": "should be a list",
    "list_type": "should be a list",
    "dict_type": "should be a table",
    "model_type": "should be a table",
}
BRANCHES = ("int", "float", "str", "bool")  # of a union, as pydantic names them; the others are no identifiers
CREDENTIALS = re.compile(r"//[^/@\s]*@")  # in a URL; no message may show them


def names(kind: str) -> list[str]:
    """The parts of one kind, ascending; nothing is imported.

    >>> "frontier" in names("selector")
    True
    """
    room = HOUSE / ROOMS[kind]
    files = {path.stem for path in room.glob("*.py") if not path.stem.startswith("_")}
    return sorted(files | {path.parent.name for path in room.glob("*/__init__.py") if _exports_part(path)})


@cache
def _exports_part(init: Path) -> bool:
    """Whether a folder is a part: its `__init__.py` exports the class of its name. Folders that export none hold machinery."""
    return f'__all__ = ["{class_name(init.parent.name)}"]' in init.read_text(encoding="utf-8")


def load(kind: str, name: str) -> Any:
    """The class of a part.

    Raises:
        ConfigError: unknown name; the message holds its neighbours.
    """
    if name.startswith("python:"):
        return _load_outside(kind, name)
    if name not in names(kind):
        raise ConfigError(f"unknown {kind} {name!r}; {nearest(name, names(kind))}")
    module = importlib.import_module(f"assay.{ROOMS[kind].replace('/', '.')}.{name}")
    return getattr(module, class_name(name))


def class_name(name: str) -> str:
    """The class that a part's file holds.

    >>> class_name("kmeans_quality")
    'KmeansQuality'
    """
    return "".join(word.capitalize() for word in name.split("_"))


def build(kind: str, name: str, settings: Mapping[str, Any] | None = None, *, beside: Iterable[str] = ()) -> Any:
    """A configured part; every setting is checked for its name and type. `beside` are other keys that its table in a plan may hold.

    Raises:
        ConfigError: an unknown part or setting, or a value of the wrong type or out of range.
    """
    part, given = load(kind, name), dict(settings or {})
    known = [each.name for each in fields(part) if each.init] if is_dataclass(part) else []
    for key in given:
        if key not in known:
            raise ConfigError(f"{kind} {name!r} has no setting {key!r}; {nearest(key, [*known, *beside])}")
    if not is_dataclass(part):
        return part  # a plain function or object from outside
    try:
        return _checked(part).validate_python(given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ConfigError(f"{kind} {name!r}: {complaint(error)}") from error
    except ValueError as error:
        raise ConfigError(f"{kind} {name!r}: {error}") from error


@lru_cache(maxsize=256)  # building one takes 3 ms, and a plan names some ten parts
def _checked(part: Any) -> TypeAdapter[Any]:
    return TypeAdapter(part)


def complaint(error: ValidationError) -> str:
    """The first complaint of a validation error in a plan's own words, in one line with the key and what was found."""
    first = error.errors()[0]
    key = ".".join(
        str(step) for step in first["loc"] if isinstance(step, int) or (step.isidentifier() and step not in BRANCHES)
    )
    if first["type"] == "missing":
        return f"{key} is missing"
    said = SHAPES.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    said = f"{key}: {said[0].lower()}{said[1:]}" if key else said
    if isinstance(first.get("input"), Mapping):  # of a whole table: the message names what is wrong in it
        return said
    found = CREDENTIALS.sub("//***@", repr(first.get("input")))
    return f"{said}, found {found if len(found) < 80 else found[:77] + '...'}"


def _load_outside(kind: str, name: str) -> Any:
    try:
        _, module, attribute = name.split(":")
    except ValueError:
        raise ConfigError(f"{kind} {name!r} is not of the form python:package.module:name") from None
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{kind} {name!r}: {error}") from error
    except Exception as error:  # whatever a module of the user's does when it is imported
        raise ConfigError(
            f"{kind} {name!r}: importing {module!r} raises {type(error).__name__}: {' '.join(str(error).split())}"
        ) from error
