"""Levels of difficulty of reasoning-gym's generators: the settings that a generator's own curriculum has at each."""

from collections.abc import Mapping
from typing import Any

from assay.core.errors import ConfigError, require, suggest_names

KEYS = ("field_name", "lower_field_name", "upper_field_name")  # of an attribute: the settings that it decides


def level_configs(generator: str, levels: int, config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the settings of a generator at its easiest levels.

    A level holds its own difficulty alone and none of the levels below it: a range goes from the level's value to that
    value, or to the next where the generator needs two. An attribute with fewer levels stays at its highest.

    Args:
        generator: Name of a generator.
        levels: How many, from the easiest on.
        config: Settings that hold at every level.

    Returns:
        One set of settings per level.

    Raises:
        ConfigError: the generator has no levels, or fewer.
    """
    curricula = require("reasoning_gym.factory", extra="gym").CURRICULA
    if generator not in curricula:
        raise ConfigError(
            f"reasoning_gym generator {generator!r} has no levels; {suggest_names(generator, sorted(curricula))}"
        )
    curriculum = curricula[generator]()
    attributes = curriculum.attributes.values()
    known = max((len(attribute.levels) for attribute in attributes), default=0)
    if levels > known:
        raise ConfigError(f"reasoning_gym generator {generator!r} has {known} levels, and {levels} are asked for")
    keys = [getattr(attribute, name) for attribute in attributes for name in KEYS if hasattr(attribute, name)]
    coaching = require("reasoning_gym.coaching.base_curriculum", extra="gym")
    alone = coaching.DefaultCurriculumContext(mode=coaching.RangeAttributeMode.UPPER_BOUND)
    configs = []
    for level in range(levels):
        curriculum.set_global_level(level)
        settings = curriculum.generate_configuration(context=alone)
        configs.append({key: getattr(settings, key) for key in keys} | dict(config))
    return configs
