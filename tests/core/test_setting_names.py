"""Old names of settings are answered with the new ones, and lakes hash settings under their first names."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from assay.core.config import parse_config, parse_stored_config
from assay.core.errors import ConfigError
from assay.core.identity import content_id
from assay.core.parts import list_parts, load_part
from assay.core.setting_names import (
    KINDS,
    RENAMES,
    check_names,
    first_names,
    first_table,
    present_names,
)
from assay.core.types import Pool
from assay.curricula.bins import Bins
from assay.synthesis.dart import Dart

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
    assert first_table("clean.settings", present["clean"]["settings"]) == OLD["clean"]["settings"]


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


CLEAN = {
    "clear": {"attempts": 9, "correction_share": 0.9, "drop_share": 0.7, "min_votes": 5},
    "contaminated": {"ngram_words": 9, "min_coverage": 0.5, "near_threshold": 0.6, "semantic_threshold": 0.7},
    "guessable": {"attempts": 5, "min_solved_share": 0.4, "modal_share": 0.3, "modal_min_problems": 10},
    "language": {"keep_undecided": False},
    "near": {"shingle_words": 4},
    "overlong": {"max_tokens": 9},
    "semantic": {"must_match": "numbers", "min_word_overlap": 0.1},
}
DART = {
    "rule": "uniform",
    "answers_per_problem": 3,
    "max_answers": 4,
    "attempts": 5,
    "max_attempts": 6,
    "attempts_per_batch": 7,
    "level_field": "x",
}


def test_keys_hash_renamed_settings_of_parts_as_before() -> None:
    dart = asdict(Dart(**DART))  # type: ignore[arg-type]
    hashed = [
        first_table("clean.settings", CLEAN),
        first_names("synthesize.settings", "dart", dart),
        first_names("select", "dart", {"max_answers": 7}),
        first_names("order", "bins", {"number_bins": 3, "uniform_fraction": 0.1}),
    ]
    assert [content_id("x", value) for value in hashed] == [
        "fe6eae5782933f8930b5514a",
        "00fb9f87ac9908780a1591f4",
        "0bfec8f96383f866c673e056",
        "77c91c0224ec9b5ee6e444b6",
    ]
    state = Bins(number_bins=3, uniform_fraction=0.1).begin(Pool(("a", "b"), {"source": np.array(["s", "t"])}), seed=0)
    assert str(state.state_dict()["key"]) == "647b51c1fa56cf04d4efb7ec"


def test_old_names_of_settings_by_filter_and_method_are_answered_and_rewritten() -> None:
    tree = {
        "clean": {"filters": ["overlong"], "settings": {"overlong": {"tokens": 9}}},
        "synthesize": {"settings": {"dart": {"max_trials": 5}}},
        "select": {"selector": "dart", "most": 3},
    }
    with pytest.raises(
        ConfigError, match=r"clean\.settings\.overlong\.tokens is clean\.settings\.overlong\.max_tokens now"
    ):
        check_names(tree)
    assert present_names(tree) == {
        "clean": {"filters": ["overlong"], "settings": {"overlong": {"max_tokens": 9}}},
        "synthesize": {"settings": {"dart": {"max_attempts": 5}}},
        "select": {"selector": "dart", "max_answers": 3},
    }
