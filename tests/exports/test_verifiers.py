"""A taskset package: one task per place, whose key is the problem's id."""

from dataclasses import replace

import pytest

from assay.core.errors import ConfigError
from assay.core.export_rows import ExportRow
from assay.core.parts import build_part
from assay.exports.verifiers import Verifiers


def test_the_system_prompt_stands_apart_from_the_turns(chosen: ExportRow) -> None:
    (row,) = Verifiers().rows([chosen])
    assert (row["system_prompt"], row["prompt"]) == ("Be brief.", [{"role": "user", "content": "2 + 2? Think."}])
    assert (row["key"], row["record"]["assay_id"], row["record"]["gold"]) == ("id", "id", "4")


def test_a_problem_that_returns_has_another_key(chosen: ExportRow) -> None:
    first, again = Verifiers().rows([chosen, replace(chosen, place=9)])
    assert (first["key"], again["key"]) == ("id", "id-9")


def test_the_package_is_named_by_a_setting(chosen: ExportRow) -> None:
    part = Verifiers(package="our_sums")
    assert part.inner_folder == "our_sums"
    assert 'name = "our-sums"' in part.files("sums")["../pyproject.toml"]
    assert "vf-eval our-sums --no-push" in part.snippet("out/our_sums/train.jsonl")
    with pytest.raises(ConfigError, match="package is 'Our-Sums', must be a lower-case Python module name"):
        build_part("export", "verifiers", {"package": "Our-Sums"})
