"""Rewrite a config with the present names of its settings; comments, order and layout stay."""

from collections.abc import Iterator
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import SingleKey

from assay.core.errors import ConfigError
from assay.core.setting_names import OldKey, find_old_keys, move_truncation


def upgrade_text(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Rename what has another name now in the text of a config.

    Args:
        text: TOML. A config that has present names alone comes back unchanged.

    Returns:
        The new text, and what was changed: dotted names before and after.

    Raises:
        ConfigError: the text is not TOML.
    """
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise ConfigError(f"not TOML: {error}") from error
    changes = move_truncation(document)
    for key in find_old_keys(document):
        _rename(key)
        changes.append(key.path)
    return (tomlkit.dumps(document) if changes else text), list(dict.fromkeys(changes))


def _rename(key: OldKey) -> None:
    for body in _bodies(key.place):
        for index, (name, item) in enumerate(body):
            if name is None or name.key != key.old:
                continue
            key_text = name.as_string()
            new = SingleKey(key.new, sep=key_text[len(key_text.rstrip()) :] + name.sep)
            new._dotted = name.is_dotted()
            body[index] = (new, _with_value(item, key))
            for table in item if isinstance(item, tomlkit.items.AoT) else (item,):
                _rename_headers(table, key.old, key.new)


def _bodies(place: Any) -> Iterator[list[Any]]:
    """Yield the lists of keys and items of a table, which may stand in several places of the file."""
    for part in getattr(place, "_tables", [place]):
        container = part if isinstance(part, tomlkit.TOMLDocument) else part.value
        yield container.body


def _with_value(item: Any, key: OldKey) -> Any:
    if not key.values or item.unwrap() not in key.values:
        return item
    new = tomlkit.item(key.values[item.unwrap()])
    for name in ("indent", "comment_ws", "comment", "trail"):
        setattr(new.trivia, name, getattr(item.trivia, name))
    return new


def _rename_headers(table: Any, old: str, new: str) -> None:
    """Rename the first step of a table's header, and of the headers of the tables in it."""
    if not isinstance(table, tomlkit.items.Table):
        return
    first, dot, rest = (table.display_name or "").partition(".")
    if first.strip() == old:
        table.display_name = f"{new}{dot}{rest}"
    for _, item in table.value.body:
        for inner in item if isinstance(item, tomlkit.items.AoT) else (item,):
            _rename_headers(inner, old, new)
