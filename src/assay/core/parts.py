"""Find parts by their file names, and import them only when a config names them.

`selector = "kmeans_quality"` is the class `KmeansQuality` in `selectors/kmeans_quality.py`;
`python:package.module:Name` is a part that lies outside the package, in a module or in a file that ends with `.py`. A
verifier may also be a trainer's own reward: `verl:FILE:FUNCTION`, `trl:MODULE:FUNCTION` or `verifiers:TASKSET`. A part
is a frozen dataclass; its fields are its whole configuration. Outside it may be a plain function (`core.functions`).
"""

import functools
import importlib
import importlib.util
import inspect
import math
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from assay.core.errors import ConfigError, suggest_names
from assay.core.setting_names import new_name

if TYPE_CHECKING:  # help texts list parts, and wait neither for pydantic nor for numpy
    from pydantic import TypeAdapter, ValidationError

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
OUTSIDE = ("python:", "verl:", "trl:", "verifiers:")  # beginnings of the names of parts that lie outside
CONFIG_FOLDERS: list[str] = []  # of configs that name parts from outside, as this process read them
BRANCHES = ("int", "float", "str", "bool")  # of a union, as pydantic names them; the others are no identifiers
ANY_SETTING = "**"  # of a function that takes any keyword
CREDENTIALS = re.compile(r"//[^/@\s]*@")  # in a URL; no message may show them


def is_outside(name: str) -> bool:
    """Return whether a name is that of a part outside the package.

    >>> is_outside("verl:reward.py:compute_score"), is_outside("math")
    (True, False)
    """
    return name.startswith(OUTSIDE)


def list_parts(kind: str) -> list[str]:
    """Return the names of the parts of one kind, ascending; nothing is imported.

    >>> "frontier" in list_parts("selector")
    True
    """
    room = PACKAGE / ROOMS[kind]
    return list(_list_files(room, room.stat().st_mtime_ns))


@lru_cache(maxsize=64)
def _list_files(room: Path, _changed: int) -> tuple[str, ...]:
    """Return the names of a room's parts; looked up again once a file was added to it or removed."""
    files = {path.stem for path in room.glob("*.py") if not path.stem.startswith("_")}
    return tuple(sorted(files | {path.parent.name for path in room.glob("*/__init__.py") if _exports_part(path)}))


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
    if is_outside(name):
        return _load_outside(kind, name)
    if name not in list_parts(kind):
        raise ConfigError(f"unknown {kind} {name!r}; {suggest_names(name, list_parts(kind))}")
    module = importlib.import_module(f"assay.{ROOMS[kind].replace('/', '.')}.{name}")
    return getattr(module, class_name(name))


def find_class(kind: str, name: str) -> Any:
    """Import the class of a part by the class's name, as `from assay.selectors import Frontier` does.

    Raises:
        AttributeError: no part of this kind has a class of this name.
    """
    part = next((part for part in list_parts(kind) if class_name(part) == name), "")
    if not part:
        raise AttributeError(f"no {kind} is called {name!r}; known: {', '.join(map(class_name, list_parts(kind)))}")
    return load_part(kind, part)


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
    from pydantic import ValidationError

    from assay.core.functions import build_outside, check_methods

    part, values = load_part(kind, name), dict(settings or {})
    if is_outside(name) and not is_dataclass(part) and (kind != "verifier" or isinstance(part, type)):
        return build_outside(kind, name, part, values)
    setting_names = _list_settings(part)
    for key in values:
        if key not in setting_names and ANY_SETTING not in setting_names:
            hint = new_name(kind, name, key) or suggest_names(key, [*setting_names, *other_keys])
            raise ConfigError(f"{kind} {name!r} has no setting {key!r}; {hint}")
    if not is_dataclass(part):  # a reward function or object from outside
        return _bind(part, values) if values else part
    try:
        built = _type_adapter(part).validate_python(values)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ConfigError(f"{kind} {name!r}: {describe_error(error)}") from error
    except ValueError as error:
        raise ConfigError(f"{kind} {name!r}: {error}") from error
    return check_methods(kind, name, built) if is_outside(name) else built


def _bind(function: Any, values: Mapping[str, Any]) -> Any:
    """Return the function with its settings; its attributes, such as `evaluates_text`, stay."""
    bound_function = functools.partial(function, **values)
    bound_function.__dict__.update(getattr(function, "__dict__", {}))
    return bound_function


def _list_settings(part: Any) -> list[str]:
    """Return the names of a part's settings: a dataclass's fields, or a function's parameters with a default."""
    if is_dataclass(part):
        return [setting.name for setting in fields(part) if setting.init]
    if not inspect.isroutine(part):
        return []
    parameters = inspect.signature(part).parameters.values()
    names = [p.name for p in parameters if p.default is not p.empty or p.kind is p.KEYWORD_ONLY]
    return names + [ANY_SETTING for p in parameters if p.kind is p.VAR_KEYWORD]


def split_correct_at(verifier: str, settings: Mapping[str, Any]) -> tuple[dict[str, Any], float | None]:
    """Split a verifier's settings into its own and the reward from which an answer is correct.

    Args:
        verifier: its name.
        settings: of `grade.settings`.

    Returns:
        Its own settings, and `correct_at`: None where there is none, where it is the part's own field, and for a part
        of this package.

    Raises:
        ConfigError: the part cannot be loaded, or `correct_at` is no finite number.
    """
    own = dict(settings)
    if "correct_at" not in own or not is_outside(verifier):
        return own, None
    part = load_part("verifier", verifier)
    if "correct_at" in _list_settings(part):
        return own, None
    value = own.pop("correct_at")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"verifier {verifier!r}: correct_at must be a finite number, found {value!r}")
    return own, float(value)


@lru_cache(maxsize=256)  # building one takes 3 ms, and a config names some ten parts
def _type_adapter(part: Any) -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter

    return TypeAdapter(part)


def describe_error(error: "ValidationError") -> str:
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
        CONFIG_FOLDERS.append(folder)


def check_imports(folder: str, names: Iterable[str]) -> None:
    """Check that what a config's folder holds is not taken from the folder of a config that was read before.

    Args:
        folder: of the config.
        names: of parts from outside.

    Raises:
        ConfigError: both folders hold a file of the name, and their contents differ.
    """
    for name in names:
        place = name.partition(":")[2].split(":")[0]
        file = place if place.endswith(".py") else place.split(".")[0] + ".py"
        own = Path(folder, file)
        if not os.path.isfile(own) or (file_path := find_file(file)) == own.resolve():
            continue
        elsewhere = any(file_path == Path(other, file).resolve() for other in CONFIG_FOLDERS)
        if elsewhere and file_path.read_bytes() != own.read_bytes():
            raise ConfigError(
                f"{name!r} would be imported from {str(file_path)!r} and not from {folder!r}, since a config in that "
                "folder was "
                "read before in this process: rename one of the files, or use a process for each config"
            )


def _load_outside(kind: str, name: str) -> Any:
    prefix, _, place = name.partition(":")
    if prefix != "python" and kind != "verifier":
        raise ConfigError(f"{kind} {name!r}: only verifiers may begin with {prefix}:; use python:package.module:name")
    if prefix == "verifiers":
        return importlib.import_module("assay.verifiers.outside.tasksets").load_taskset(place)
    try:
        module, attribute = place.split(":")
    except ValueError:
        form = "verl:file.py:function" if prefix == "verl" else f"{prefix}:package.module:name"
        raise ConfigError(f"{kind} {name!r} is not of the form {form}") from None
    try:
        place_module = import_place(module)
    except (ImportError, AttributeError, OSError) as error:
        raise ConfigError(f"{kind} {name!r}: {error}") from error
    except Exception as error:  # a user's module may raise anything when it is imported
        raise ConfigError(
            f"{kind} {name!r}: importing {module!r} raises {type(error).__name__}: {' '.join(str(error).split())}"
        ) from error
    if not hasattr(place_module, attribute):
        names = [key for key, value in vars(place_module).items() if callable(value) and not key.startswith("_")]
        raise ConfigError(f"{kind} {name!r}: {module!r} has no {attribute!r}; {suggest_names(attribute, names)}")
    return getattr(place_module, attribute)


def import_place(place: str) -> Any:
    """Import a module by its dotted name, or from a file that ends with `.py`.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: there is no such module.
    """
    if not place.endswith(".py"):
        return importlib.import_module(place)
    path = find_file(place)
    name = f"assay_outside_{path.stem}_{abs(hash(str(path)))}"
    return sys.modules.get(name) or run_file(name, path)


def run_file(name: str, path: Path) -> ModuleType:
    """Run a Python file as the module of a name; a file that raises leaves no module behind.

    Raises:
        ImportError: the file is no Python file.
    """
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{str(path)!r} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: dataclasses and pickle look themselves up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def find_file(place: str) -> Path:
    """Return the path of a part's file: as written, or below a folder of the import path.

    Raises:
        FileNotFoundError: it is in none of them.
    """
    places = [Path(place), *(Path(folder or ".") / place for folder in sys.path)]
    file_path = next((path for path in places if path.is_file()), None)
    if file_path is None:
        raise FileNotFoundError(f"no file {place!r} here or on the import path")
    return file_path.resolve()
