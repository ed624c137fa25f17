"""The schema for editors and the page of settings are made of the dataclasses, and are up to date."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from assay.core.config_schema import config_schema, field_comments, read_meanings
from assay.core.flow_config import FlowConfig

ROOT = Path(__file__).resolve().parents[2]
SCHEMA: dict[str, Any] = config_schema({"split.held_out": "of the pool"})


def test_making_the_files_again_changes_nothing() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_settings.py"))["pages"]()
    stale = [path.name for path, text in made.items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run `python docs/make_settings.py`"


def test_a_key_has_its_type_its_default_and_its_meaning() -> None:
    held_out = SCHEMA["$defs"]["SplitConfig"]["properties"]["held_out"]
    assert (held_out["type"], held_out["default"], held_out["minimum"]) == ("integer", 0, 0)
    assert held_out["description"] == "of the pool"
    assert "additionalProperties" in SCHEMA["$defs"]["SplitConfig"]


def test_a_part_brings_its_settings_where_it_is_named_or_the_default() -> None:
    rules = {rule["if"]["properties"]["selector"]["const"]: rule for rule in SCHEMA["$defs"]["SelectConfig"]["allOf"]}
    assert "frontier_budgets" in rules["frontier"]["then"]["properties"]
    assert (rules["frontier"]["if"]["required"], rules["uniform"]["if"]["required"]) == ([], ["selector"])


@pytest.mark.parametrize("line", ['[a.b]\nkey = "x # y" # meaning', "[a.b]\n# key = 3 # meaning"])
def test_a_comment_behind_a_key_is_its_meaning(line: str) -> None:
    assert read_meanings(line) == {"a.b.key": "meaning"}


def test_a_comment_beside_a_field_is_found() -> None:
    assert field_comments(FlowConfig)["problems_per_shard"] == "problems per task"


def test_the_packaged_schema_is_json() -> None:
    assert json.loads((ROOT / "src/assay/data/config.schema.json").read_text())["$defs"]
