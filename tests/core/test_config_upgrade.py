"""A config is rewritten with present names: comments, order and layout stay, and a second time changes nothing."""

import pytest

from assay.core.config_upgrade import upgrade_text
from assay.core.errors import ConfigError

OLD = """# mine
source = [{part = "files", paths = "a.jsonl"}]

[clean] # first
filters   = ["contaminated"]
settings = { contaminated = { against = [{ part = "files", paths = "b.jsonl" }] } }
"""
TABLES = """[[source]] # one
  part = 'files' # of it
keep  =  ["level"]
# the other
[[source]]
part = "python:mine:Rows"
keep = 3
"""


def test_inline_tables_are_renamed_in_their_place() -> None:
    new, changes = upgrade_text(OLD)
    assert new == OLD.replace("part = ", "type = ")
    assert changes == [("source.part", "source.type")]
    assert upgrade_text(new) == (new, [])


def test_comments_spaces_and_settings_of_parts_from_outside_stay() -> None:
    new, _ = upgrade_text(TABLES)
    expected = TABLES.replace("part =", "type =").replace("keep  =", "metadata_fields  =")
    assert new == expected


def test_what_is_not_toml_is_refused() -> None:
    with pytest.raises(ConfigError, match="not TOML"):
        upgrade_text("a = ")
