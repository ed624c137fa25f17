"""Find parts by their file names, and import them only when a config names them.

`selector = "kmeans_quality"` is the class `KmeansQuality` in `selectors/kmeans_quality.py`;
`python:package.module:Name` is a part that lies outside the package. A part is a frozen dataclass; its fields are its
whole configuration. Outside it may be a plain function (`core.functions`).
"""

import importlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from assay.core.errors import ConfigError, suggest_names
from assay.core.functions import build_outside, check_methods

ROOMS = {
    "source": "sources",
    "filter": "filters",
    "verifier": "verifiers",
    "scorer": "scorers",
    "selector": "selectors",
    "curriculum": "curricula",
    "engine": "engines",
    "method": "synthesis",
    "objective": "training/objectives",
    "table": "stores/tables",
    "export": "exports",
    "training_set": "exports/training_sets",
}
PACKAGE = Path(__file__).resolve().parent.parent
SHAPES = {
    "tuple_type": "should be a list",
    "list_type": "should be a list",
    "dict_type": "should be a table",
    "model_type": "should be a table",
}
BRANCHES = ("int", "float", "str", "bool")  # of a union, as pydantic names them; the others are no identifiers
OUTSIDE = "python:"  # begins the name of a part that lies outside the package
CREDENTIALS = re.compile(r"//[^/@\s]*@")  # in a URL; no message may show them


def list_parts(kind: str) -> list[str]:
    """Return the names of the parts of one kind, ascending; nothing is imported.

    >>> "frontier" in list_parts("selector")
    True
    """
    room = PACKAGE / ROOMS[kind]
    files = {path.stem for path in room.glob("*.py") if not path.stem.startswith("_")}
    return sorted(files | {path.parent.name for path in room.glob("*/__init__.py") if _exports_part(path)})


@cache
def _exports_part(init: Path) -> bool:
    """Return whether a folder is a part: its `__init__.py` exports the class of its name. Others hold machinery."""
    return f'__all__ = ["{class_name(init.parent.name)}"]' in init.read_text(encoding="utf-8")


def load_part(kind: str, name: str) -> Any:
    """Import the class of a part.

    Args:
        kind: selector, engine and so on, a key of ROOMS.
        name: of the part, or `python:package.module:Name`.

    Raises:
        ConfigError: unknown name; the message holds the closest ones.
    """
    if name.startswith(OUTSIDE):
        return _load_outside(kind, name)
    if name not in list_parts(kind):
        raise ConfigError(f"unknown {kind} {name!r}; {suggest_names(name, list_parts(kind))}")
    module = importlib.import_module(f"assay.{ROOMS[kind].replace('/', '.')}.{name}")
    return getattr(module, class_name(name))


def lazy_classes(kind: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of the package in which the parts of one kind lie.

    With them `from assay.selectors import Frontier` works, and only the part that is named is imported.
    """
    room = f"assay.{ROOMS[kind].replace('/', '.')}"

    def find(name: str) -> Any:
        part = next((part for part in list_parts(kind) if class_name(part) == name), "") if name[:1].isupper() else ""
        if not part:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return load_part(kind, part)

    return find, lambda: [class_name(part) for part in list_parts(kind)]


def class_name(name: str) -> str:
    """Return the name of the class that a part's file holds.

    >>> class_name("kmeans_quality")
    'KmeansQuality'
    """
    return "".join(word.capitalize() for word in name.split("_"))


def build_part(
    kind: str, name: str, settings: Mapping[str, Any] | None = None, *, other_keys: Iterable[str] = ()
) -> Any:
    """Build a part from its settings; every setting is checked for its name and type.

    Args:
        kind: selector, engine and so on, a key of ROOMS.
        name: of the part, or `python:package.module:Name`.
        settings: by name; a missing one has its default.
        other_keys: further keys that its table in the config may hold; they are suggested for misspelt ones.

    Raises:
        ConfigError: an unknown part or setting, or a value of the wrong type or out of range.
    """
    part, values = load_part(kind, name), dict(settings or {})
    if name.startswith(OUTSIDE) and not is_dataclass(part):
        return build_outside(kind, name, part, values)
    setting_names = [setting.name for setting in fields(part) if setting.init] if is_dataclass(part) else []
    for key in values:
        if key not in setting_names:
            raise ConfigError(
                f"{kind} {name!r} has no setting {key!r}; {suggest_names(key, [*setting_names, *other_keys])}"
            )
    try:
        built = _type_adapter(part).validate_python(values)
    except ValidationError as error:
        raise ConfigError(f"{kind} {name!r}: {describe_error(error)}") from error
    except ValueError as error:
        raise ConfigError(f"{kind} {name!r}: {error}") from error
    return check_methods(kind, name, built) if name.startswith(OUTSIDE) else built


@lru_cache(maxsize=256)  # building one takes 3 ms, and a config names some ten parts
def _type_adapter(part: Any) -> TypeAdapter[Any]:
    return TypeAdapter(part)


def describe_error(error: ValidationError) -> str:
    """Return the first complaint of a validation error in one line of the config's words, with key and value."""
    first = error.errors()[0]
    key = ".".join(
        str(key_part)
        for key_part in first["loc"]
        if isinstance(key_part, int) or (key_part.isidentifier() and key_part not in BRANCHES)
    )
    if first["type"] == "missing":
        return f"{key} is missing"
    message = SHAPES.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    message = f"{key}: {message[0].lower()}{message[1:]}" if key else message
    if isinstance(first.get("input"), Mapping):  # a whole table: the message names what is wrong in it
        return message
    value = CREDENTIALS.sub("//***@", repr(first.get("input")))
    return f"{message}, found {value if len(value) < 80 else value[:77] + '...'}"


def allow_imports(folder: str) -> None:
    """Let parts from outside be imported from a folder, after all other places, so that no library is shadowed."""
    if folder not in sys.path:
        sys.path.append(folder)
        importlib.invalidate_caches()


def _load_outside(kind: str, name: str) -> Any:
    try:
        _, module, attribute = name.split(":")
    except ValueError:
        raise ConfigError(f"{kind} {name!r} is not of the form python:package.module:name") from None
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{kind} {name!r}: {error}") from error
    except Exception as error:  # a user's module may raise anything when it is imported
        raise ConfigError(
            f"{kind} {name!r}: importing {module!r} raises {type(error).__name__}: {' '.join(str(error).split())}"
        ) from error
