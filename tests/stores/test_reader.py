"""A lake read by many threads, each read with a time limit."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assay.core.errors import LakeError
from assay.stores.lake import Lake
from assay.stores.reader import LakeReader, ReadTimeout


@pytest.fixture
def reader(tmp_path: Path) -> LakeReader:
    with Lake(tmp_path / "lake") as lake:
        lake.append({"policies": [{"id": "p", "policy": "r", "name": "n"}]}, run="one")
    return LakeReader(tmp_path / "lake")


def test_threads_may_read_at_once(reader: LakeReader) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: reader.one("SELECT count(*) + ? AS n FROM policies", [n])["n"], range(40)))
    assert answers == list(range(1, 41))


def test_a_read_that_never_ends_is_stopped_and_the_next_is_answered(reader: LakeReader) -> None:
    with pytest.raises(ReadTimeout):
        reader.rows(
            "SELECT count(*) FROM range(100000000000) a, range(1000) b WHERE a.range + b.range > 7", limit_s=0.3
        )
    assert reader.one("SELECT 1 AS one") == {"one": 1}


def test_an_error_of_a_query_is_its_own(reader: LakeReader) -> None:
    with pytest.raises(LakeError, match="nothing_of_the_kind"):
        reader.rows("SELECT nothing_of_the_kind FROM policies")


def test_the_version_changes_with_each_commit(reader: LakeReader) -> None:
    before = reader.version()
    assert reader.version() == before
    with Lake(reader.lake.root) as other:
        other.append({"policies": [{"id": "q", "policy": "s", "name": "n"}]}, run="two")
    assert reader.version() != before
    assert reader.one("SELECT count(*) AS n FROM policies")["n"] == 2


def test_there_must_be_a_lake(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="no lake"):
        LakeReader(tmp_path / "none")
