"""Old names of settings are answered with the new ones, and lakes hash settings under their first names."""

from typing import Any

import pytest

from assay.core.config import parse_config, parse_stored_config
from assay.core.errors import ConfigError
from assay.core.parts import list_parts, load_part
from assay.core.setting_names import KINDS, RENAMES, first_clean_settings, first_names, present_names

OLD: dict[str, Any] = {
    "source": [{"part": "files", "paths": "x.jsonl", "keep": ["level"], "skip": 3}],
    "clean": {
        "filters": ["contaminated"],
        "settings": {"contaminated": {"against": [{"part": "files", "paths": "y"}]}},
    },
}


def test_an_old_name_is_answered_with_its_new_one_and_the_command_that_rewrites() -> None:
    with pytest.raises(ConfigError) as error:
        parse_config(OLD)
    assert "source.part is source.type now; source.keep is source.metadata_fields now" in str(error.value)
    assert str(error.value).endswith("run `curate upgrade CONFIG` to rewrite the file")
    assert "\n" not in str(error.value)


def test_a_config_that_a_lake_holds_is_read_under_its_old_names_and_not_changed() -> None:
    config = parse_stored_config(OLD)
    assert (config.source[0].type, config.source[0].settings["offset"]) == ("files", 3)
    assert OLD["source"][0]["part"] == "files"


def test_first_names_and_present_names_are_inverse() -> None:
    present = present_names(OLD)
    assert first_names("source", "files", present["source"][0]) == OLD["source"][0]
    assert first_clean_settings(present["clean"]["settings"]) == OLD["clean"]["settings"]


def test_a_setting_of_a_part_from_outside_keeps_its_name() -> None:
    own = {"source": [{"type": "python:mine:Rows", "keep": 1}]}
    assert present_names(own) == own
    assert first_names("source", "python:mine:Rows", own["source"][0])["keep"] == 1


@pytest.mark.parametrize("table", RENAMES)
def test_every_new_name_is_a_setting_and_no_old_one_is(table: str) -> None:
    kind = next((kind for kind, place in KINDS.items() if place == table), "")
    for rename in (rename for rename in RENAMES[table] if rename.old != rename.new):
        for part in rename.parts:
            assert part in list_parts(kind)
            settings = load_part(kind, part).__dataclass_fields__
            assert rename.new in settings, f"{table}.{rename.new} of {part}"
            assert rename.old not in settings, f"{table}.{rename.old} of {part}"


@pytest.mark.parametrize("part", sorted({part for rename in RENAMES["order"] for part in rename.parts}))
def test_a_state_of_an_online_curriculum_hashes_settings_under_their_first_names(part: str) -> None:
    curriculum = load_part("curriculum", part)
    renames = (rename for rename in RENAMES["order"] if part in rename.parts and rename.old != rename.new)
    if hasattr(curriculum, "begin"):
        names = {rename.new: rename.old for rename in renames if rename.new in curriculum.__dataclass_fields__}
        assert getattr(curriculum, "was", {}) == names
