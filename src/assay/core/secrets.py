"""Keep keys and passwords out of what is written: settings name an environment variable, `api_key = "env:JUDGE_KEY"`.

A reference is stored, hashed and exported as it stands; only the process that judges looks the variable up.
"""

import os
import re
from collections.abc import Mapping
from typing import Any

from assay.core.errors import ConfigError

REFERENCE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
SECRET_KEY = re.compile(  # `answer_key` and `eos_token` are none
    r"(?i)(^|[_-])((api|access|secret|private|auth|bearer|hf|judge|client)[_-]?(key|token)"
    r"|secret|password|passwd|passphrase|credentials?|authorization)$|^(key|token)$"
)
CREDENTIALS = re.compile(r"//[^/@\s]+@")  # in a URL
HIDDEN = "***"


def environment_variables(settings: Any) -> list[str]:
    """Return the names of the environment variables to which settings refer, once each.

    >>> environment_variables({"api_key": "env:JUDGE_KEY", "url": "http://localhost"})
    ['JUDGE_KEY']
    """
    if isinstance(settings, str):
        match = REFERENCE.fullmatch(settings)
        return [match[1]] if match else []
    return list(dict.fromkeys(name for value in _children(settings) for name in environment_variables(value)))


def resolve_environment(settings: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """Return settings with the values of the environment variables to which they refer.

    Args:
        settings: by name; tables and lists inside are looked through too.
        owner: whose settings they are, for the message.

    Raises:
        ConfigError: a variable is not set.
    """
    return {name: _resolve(value, f"{owner}: {name}") for name, value in settings.items()}


def redact_secrets(value: Any) -> Any:
    """Return a value of JSON in which keys, tokens and passwords that stand as they are read `***`.

    What is secret is known by its name in a table, and in a URL by its place before the host.

    >>> redact_secrets({"judge": {"api_key": "sk-1", "other_key": "env:KEY", "max_tokens": 8}, "url": "http://me:pw@host/"})
    {'judge': {'api_key': '***', 'other_key': 'env:KEY', 'max_tokens': 8}, 'url': 'http://***@host/'}
    """
    if isinstance(value, Mapping):
        return {key: HIDDEN if _is_secret(key, item) else redact_secrets(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_secrets(item) for item in value]
    return CREDENTIALS.sub(f"//{HIDDEN}@", value) if isinstance(value, str) else value


def find_secrets(value: Any, place: str = "") -> list[str]:
    """Return where in nested tables a secret stands as it is, as dotted names.

    >>> find_secrets({"judge": {"api_key": "sk-1", "url": "http://host/"}})
    ['judge.api_key']
    """
    if not isinstance(value, Mapping):
        return []
    names = []
    for key, item in value.items():
        name = f"{place}.{key}" if place else str(key)
        names += [name] if _is_secret(key, item) else find_secrets(item, name)
    return names


def _is_secret(key: Any, value: Any) -> bool:
    return bool(isinstance(value, str) and value and SECRET_KEY.search(str(key)) and not REFERENCE.fullmatch(value))


def _children(value: Any) -> Any:
    return value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()


def _resolve(value: Any, place: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _resolve(item, f"{place}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_resolve(item, place) for item in value]
    if not isinstance(value, str) or not (match := REFERENCE.fullmatch(value)):
        return value
    if match[1] not in os.environ:
        raise ConfigError(f"{place} = {value!r}: the environment variable {match[1]} is not set")
    return os.environ[match[1]]
