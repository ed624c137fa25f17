"""One key of a config, set on the command line: `--set select.budget=50`."""

import re
import tomllib
from typing import Any

from assay.core.errors import ConfigError

SHORT_NUMBER = re.compile(r"[+-]?(\.\d+|\d+\.)([eE][+-]?\d+)?")  # .3 and 3., which TOML does not know


def apply_override(tree: dict[str, Any], override: str) -> None:
    """Set one key of a config's tree; the value is TOML, and a bare word is a text.

    Args:
        tree: that is changed.
        override: key=value, the key with dots.

    Raises:
        ConfigError: it has another form, or a step of the key is no table.
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
