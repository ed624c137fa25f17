"""Parts are found by file name, built with checked settings, and may live outside the package."""

import sys
from pathlib import Path

import pytest

from assay.core.errors import ConfigError, require
from assay.core.parts import build_part, list_parts, load_part


def test_an_unknown_part_answers_with_its_neighbours() -> None:
    with pytest.raises(ConfigError, match="unknown selector 'unifrom'; nearest: 'uniform'"):
        load_part("selector", "unifrom")


def test_private_files_are_no_parts() -> None:
    assert not [
        name
        for kind in ("engine", "verifier", "selector", "source")
        for name in list_parts(kind)
        if name.startswith("_")
    ]


def test_settings_are_checked_for_name_type_and_range() -> None:
    assert build_part("selector", "frontier", {"group_size": 4}).group_size == 4
    for settings in ({"group": 4}, {"group_size": "many"}, {"group_size": 1}):
        with pytest.raises(ConfigError, match="selector 'frontier'"):
            build_part("selector", "frontier", settings)


def test_a_part_from_outside_is_named_by_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lab_parts.py").write_text(
        "from dataclasses import dataclass\n\n@dataclass(frozen=True)\nclass Mine:\n    k: int = 3\n"
        "    needs = ()\n\n    def select(self, pool, budget, rng): ...\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert build_part("selector", "python:lab_parts:Mine", {"k": 5}).k == 5
    with pytest.raises(ConfigError, match="python:lab_parts:Yours"):
        build_part("selector", "python:lab_parts:Yours")
    with pytest.raises(ConfigError, match="not of the form"):
        build_part("selector", "python:lab_parts")
    sys.modules.pop("lab_parts")


def test_a_missing_extra_is_named_with_its_command() -> None:
    with pytest.raises(ConfigError, match=r"no_such_module is not installed: pip install 'assay-curation\[vllm\]'"):
        require("no_such_module", extra="vllm")
