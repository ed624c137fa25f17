"""The problems of a synthesis as a source; with its stage in tests/synthesis/test_scaffold.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.core.errors import ConfigError
from assay.core.parts import build_part
from assay.core.types import Label, Problem
from assay.pipelines.data.derived import StoredDerivations
from assay.stores.lake import Lake
from assay.testing import check_source


class Stored:
    """Two derived problems, one of whose labels was not verified."""

    def newest(self, method: str) -> str:
        return f"newest of {method}"

    def read(self, method: str) -> Iterator[tuple[Problem, Label, str, bool]]:
        for number, rule, verified in ((1, "judge", True), (2, "choice", True), (3, "judge", False)):
            problem = Problem.of(f"question {number}")
            yield problem, Label.of(problem.id, "yes", verifier="exact"), rule, verified


def texts(**settings: object) -> list[str]:
    source = build_part("source", "synthesized", {"method": "forms", **settings}).from_lake(Stored())
    return [problem.text for problem, _ in source.read()]


def test_verified_problems_of_a_rule_are_read() -> None:
    assert texts() == ["question 1", "question 2"]
    assert texts(rule="judge") == ["question 1"]
    assert texts(rule="judge", verified=False) == ["question 1", "question 3"]


def test_it_keeps_the_laws_and_another_synthesis_has_another_fingerprint() -> None:
    source = build_part("source", "synthesized", {"method": "forms"}).from_lake(Stored())
    check_source(source)
    other = build_part("source", "synthesized", {"method": "compose"}).from_lake(Stored())
    assert source.fingerprint() != other.fingerprint()


def test_a_method_that_made_nothing_is_named_with_the_command(tmp_path: Path) -> None:
    with Lake(tmp_path / "lake") as lake:
        source = build_part("source", "synthesized", {"method": "forms"}).from_lake(StoredDerivations(lake))
        with pytest.raises(
            ConfigError, match=r"no problems .*'forms'; make them with `curate synthesize CONFIG forms`"
        ):
            source.check()


def test_without_a_lake_it_says_so() -> None:
    with pytest.raises(ConfigError, match="reads the lake of a config and can only be used in one"):
        list(build_part("source", "synthesized", {"method": "forms"}).read())
