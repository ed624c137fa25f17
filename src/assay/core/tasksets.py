"""Load the tasks of an installed taskset of the verifiers library (v1): for its problems, and for its rewards."""

import importlib
from collections.abc import Mapping
from typing import Any

from assay.core.errors import ConfigError, require


def load_tasks(taskset: str, settings: Mapping[str, Any], owner: str) -> list[Any]:
    """Return the tasks of a taskset, in its order.

    Args:
        taskset: its name, as `vf-eval` takes it.
        settings: of the taskset's config.
        owner: the part that asks, for messages.

    Raises:
        ConfigError: the library or the taskset is not installed, its settings are wrong, it raises, or it never ends.
    """
    require("verifiers", extra="verifiers")
    loaders = importlib.import_module("verifiers.v1.utils.loaders")
    try:
        config = loaders.taskset_config_type(taskset).model_validate({**settings, "id": taskset})
        loaded = loaders.load_taskset(config)
        bounded = loaded.bounded
        tasks = list(loaded) if bounded else []
    except Exception as error:  # a taskset from outside may raise anything
        raise ConfigError(f"{owner}: {type(error).__name__}: {' '.join(str(error).split())}") from error
    if not bounded:
        raise ConfigError(f"{owner}: the taskset never ends, so its tasks cannot be read")
    return tasks
