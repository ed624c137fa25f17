"""Every plan in configs/ loads, and configs/reference.toml shows every key with its default."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from assay.core.config import Config, read_config
from assay.core.parts import load_part
from assay.core.policy_config import PolicyConfig

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
REFERENCE = CONFIGS / "reference.toml"
CHOSEN = {("policy", "shots"), ("grade", "outside")}  # shown by example, because their default is none


def tables(model: type[BaseModel] = Config, path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Every table of a plan with its model: ("", Plan), ("score", ScorePlan), ...; NAME.* is a table of any name."""
    yield path, model
    for name, each in model.model_fields.items():
        for kind in (each.annotation, *get_args(each.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                if kind is PolicyConfig and path:
                    continue  # a teacher: the keys of [policy], shown there
                any_name = ".*" if get_origin(each.annotation) is dict else ""
                yield from tables(kind, f"{path}.{name}{any_name}".strip("."))


def shown(table: str) -> dict[str, Any]:
    """One table of the reference plan; of several with one name, the first."""
    value: Any = tomllib.loads(REFERENCE.read_text(encoding="utf-8"))
    for step in filter(None, table.split(".")):
        if step == "*":
            value = next(iter(value.values()))
            continue
        value = value[step][0] if isinstance(value[step], list) else value[step]
    return dict(value)


def without_value(table: str) -> set[str]:
    """Keys of a table that stand behind a "# ", because their default is to be left out."""
    here, found = "", set()
    for line in REFERENCE.read_text(encoding="utf-8").splitlines():
        if header := re.match(r"\[+([a-z_.]+)(\"[^\"]+\")?\]+", line):
            here = header[1] + ("*" if header[2] else "")
        elif here == table and (key := re.match(r"# ([a-z_]+) = ", line)):
            found.add(key[1])
    return found


ALL = [pytest.param(table, model, id=model.__name__) for table, model in tables()]
PARTS = [("scorer", "score"), ("selector", "select"), ("curriculum", "order"), ("engine", "policy")]


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.name)
def test_a_plan_loads(path: Path) -> None:
    assert read_config(path).source


@pytest.mark.parametrize(("table", "model"), ALL)
def test_the_reference_has_every_key_once(table: str, model: type[BaseModel]) -> None:
    assert set(model.model_fields) - set(shown(table)) == without_value(table) & set(model.model_fields), f"[{table}]"


@pytest.mark.parametrize(("table", "model"), ALL)
def test_the_reference_shows_the_defaults(table: str, model: type[BaseModel]) -> None:
    here = shown(table)
    for name, each in model.model_fields.items():
        if each.is_required() or isinstance(each.default, BaseModel) or (table, name) in CHOSEN:
            continue
        value = here.get(name)
        assert (tuple(value) if isinstance(value, list) else value) == each.default, f"[{table}] {name}"


@pytest.mark.parametrize(("kind", "table"), PARTS)
def test_the_reference_shows_every_setting_of_its_parts(kind: str, table: str) -> None:
    here = shown(table)
    for each in fields(load_part(kind, here[kind])):
        if (table, each.name) == ("score", "truncated"):
            continue  # given by policy.truncated
        left_out = each.default is None and each.name in without_value(table)
        assert left_out or here[each.name] == each.default, f"[{table}] {each.name}"


def test_the_reference_shows_every_setting_of_its_first_source() -> None:
    here = shown("source")
    settings = {each.name for each in fields(load_part("source", here["type"])) if each.init}
    assert settings - set(here) == without_value("source")
    assert set(here) - settings == {"type"}
