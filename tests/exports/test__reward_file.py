"""The reward that an export wrote is loaded from its file as a trainer loads it."""

from pathlib import Path

import pytest

from assay.exports._reward_file import load_function


def test_a_function_of_a_file_is_loaded_and_an_edited_file_is_another(tmp_path: Path) -> None:
    path = tmp_path / "reward.py"
    path.write_text("def reward():\n    return 1\n")
    first = load_function(path, "reward")
    assert first() == 1
    assert load_function(path, "reward") is first, "the same content is run once"
    path.write_text("def reward():\n    return 2\n")
    assert load_function(path, "reward")() == 2


def test_a_name_that_the_file_lacks_is_an_attribute_error(tmp_path: Path) -> None:
    path = tmp_path / "reward.py"
    path.write_text("other = 1\n")
    with pytest.raises(AttributeError, match="reward"):
        load_function(path, "reward")


def test_a_file_that_raises_raises_again_and_leaves_no_half_of_itself(tmp_path: Path) -> None:
    path = tmp_path / "reward.py"
    path.write_text("reward = 1\nraise ValueError('broken')\n")
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            load_function(path, "reward")
