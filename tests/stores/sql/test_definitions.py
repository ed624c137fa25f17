"""Views and macros lie in files of their own, and a wheel holds them."""

import tomllib
from pathlib import Path

import pytest

import assay
from assay.stores.sql.definitions import FOLDER, definitions, parse, views

ROOT = Path(__file__).resolve().parents[3]


def test_every_definition_is_named_like_its_file_and_says_what_it_is() -> None:
    assert {path.stem for path in FOLDER.glob("*.sql")} == set(definitions())
    assert {name: each.name for name, each in definitions().items()} == {name: name for name in definitions()}
    assert [name for name, each in definitions().items() if not each.says] == []
    assert [name for name, each in views().items() if not each.columns] == []


def test_each_reads_only_earlier_ones() -> None:
    order = list(definitions())
    for place, each in enumerate(definitions().values()):
        assert each.words & set(order[place + 1 :]) == set(), each.name


def test_what_defines_neither_view_nor_macro_is_refused() -> None:
    with pytest.raises(ValueError, match="neither CREATE VIEW nor CREATE MACRO: 'DROP TABLE"):
        parse("-- A slip.\nDROP TABLE rollouts")


def test_a_wheel_holds_every_file_of_a_definition() -> None:
    globs = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["assay"]
    package = Path(assay.__file__).parent
    packed = {path for glob in globs for path in package.glob(glob)}
    assert set(FOLDER.glob("*.sql")) - packed == set()
