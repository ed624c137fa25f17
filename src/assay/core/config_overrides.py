"""Apply `--set key=value` to the tables of a config."""

import re
import tomllib
from typing import Any

from assay.core.errors import ConfigError

SHORT_NUMBER = re.compile(r"[+-]?(\.\d+|\d+\.)([eE][+-]?\d+)?")  # .3 and 3., which TOML does not know


def apply_override(tree: dict[str, Any], override: str) -> None:
    """Set one key of a config's tables, in place.

    Args:
        tree: the tables.
        override: key=value, where the value is TOML or a bare word.

    Raises:
        ConfigError: it is not of this form, or a step of the key is no table.
    """
    key, equals, text = override.partition("=")
    steps = key.strip().split(".")
    if not equals or not all(steps):
        raise ConfigError(f"--set {override!r} is not of the form key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        bare = text.strip()
        value = float(bare) if SHORT_NUMBER.fullmatch(bare) else bare  # any other bare word is a string
    for step in steps[:-1]:
        tree = tree.setdefault(step, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"--set {override!r}: {step!r} is no table")
    tree[steps[-1]] = value
