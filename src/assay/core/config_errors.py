"""Apply overrides to a config, and say in one line what is wrong with it."""

import re
import tomllib
from typing import Any

from pydantic import BaseModel, ValidationError

from assay.core.errors import ConfigError, suggest_names
from assay.core.parts import describe_error

STEP = r"""\"[^"]+\"|'[^']+'|[^.="']+"""  # of a key: a quoted one may hold dots and "="
KEY = re.compile(rf"((?:{STEP})(?:\.(?:{STEP}))*)=")
SHORT_NUMBER = re.compile(r"[+-]?(\.\d+|\d+\.)([eE][+-]?\d+)?")  # .3 and 3., which TOML does not know


def apply_override(tree: dict[str, Any], override: str) -> None:
    """Set one key of a nested mapping, as `--set` does.

    Args:
        tree: the config as TOML gives it; it is changed.
        override: `table.key=value`, the value as TOML or as a bare word; a step that holds dots stands in quotes, as in
            `grade.settings."python:rewards.py:near".correct_at=0.9`.

    Raises:
        ConfigError: it has another form, or a step of the key is not a table.
    """
    key = KEY.match(override)
    steps = [step.strip().strip("\"'") for step in re.findall(STEP, key[1])] if key else []
    if not key or not all(steps):
        raise ConfigError(f"--set {override!r} is not of the form key=value")
    text = override[key.end() :]
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        bare = text.strip()
        value = float(bare) if SHORT_NUMBER.fullmatch(bare) else bare  # any other bare word is a string
    for step in steps[:-1]:
        tree = tree.setdefault(step, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"--set {override!r}: {step!r} is not a table")
    tree[steps[-1]] = value


def describe_config_error(error: ValidationError, model: type[BaseModel]) -> str:
    """Return what is wrong with a config in one line, with the nearest names of a key that does not exist.

    Args:
        error: of pydantic.
        model: of the whole config.
    """
    errors = error.errors()
    unknown_keys = [item for item in errors if item["type"] == "extra_forbidden"]
    first = (unknown_keys or errors)[0]  # a misspelt key is also reported as missing under its right name
    if first["type"] == "extra_forbidden":
        *path, key = [str(step) for step in first["loc"]]
        complaint = f"[{'.'.join(path)}] has no key" if path else "unknown table or key"
        return f"{complaint} {key!r}; {suggest_names(key, _list_keys(model, path))}"
    if first["type"] in ("missing", "too_short") and first["loc"] == ("source",):
        return "the config has no [[source]], so there is nothing to read"
    if first["type"] == "missing":
        return f"the config needs {'.'.join(str(step) for step in first['loc'])!r}"
    return describe_error(error)


def _list_keys(model: Any, path: list[str]) -> list[str]:
    for step in path:
        if step.isdigit():
            continue
        annotation = model.model_fields[step].annotation
        types = [item for item in (annotation, *getattr(annotation, "__args__", ())) if isinstance(item, type)]
        model = types[0] if types else None
        if model is None or not issubclass(model, BaseModel):
            return []
    return list(model.model_fields)
