"""Copies that were used longest ago go first, and none that a query may be reading."""

import os
from pathlib import Path

import pytest

from assay.core.errors import ConfigError
from assay.stores.storage.mirror import IN_USE_S, evict, use


def copies(root: Path, ages: dict[str, float], now: float) -> None:
    (root / "tables" / "completions").mkdir(parents=True)
    for name, age_s in ages.items():
        path = root / "tables" / "completions" / f"{name}.parquet"
        path.write_bytes(b"x" * 10)
        os.utime(path, (now - age_s, now - age_s))


def left(root: Path) -> list[str]:
    return sorted(path.stem for path in root.rglob("*.parquet"))


def test_the_copy_used_longest_ago_goes_first(tmp_path: Path) -> None:
    copies(tmp_path, {"old": 3 * IN_USE_S, "older": 4 * IN_USE_S, "new": 2 * IN_USE_S}, now=1e9)
    assert evict(tmp_path, limit_bytes=25, now=1e9) == 1
    assert left(tmp_path) == ["new", "old"]
    assert evict(tmp_path, limit_bytes=25, now=1e9) == 0


def test_a_copy_that_was_just_used_stays_though_there_are_too_many(tmp_path: Path) -> None:
    copies(tmp_path, {"now": 0, "old": 2 * IN_USE_S}, now=1e9)
    assert evict(tmp_path, limit_bytes=0, now=1e9) == 1
    assert left(tmp_path) == ["now"]


def test_the_limit_is_taken_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies(tmp_path, {"old": 2 * IN_USE_S}, now=1e9)
    assert evict(tmp_path, now=1e9) == 0
    monkeypatch.setenv("ASSAY_LAKE_CACHE_GIB", "0")
    assert evict(tmp_path, now=1e9) == 1
    monkeypatch.setenv("ASSAY_LAKE_CACHE_GIB", "plenty")
    with pytest.raises(ConfigError, match="'plenty' must be a number of GiB"):
        evict(tmp_path)


def test_using_a_copy_renews_it_and_tells_whether_it_is_there(tmp_path: Path) -> None:
    copies(tmp_path, {"a": 2 * IN_USE_S}, now=1e9)
    path = tmp_path / "tables" / "completions" / "a.parquet"
    assert use(path)
    assert path.stat().st_mtime > 1e9
    assert not use(tmp_path / "nothing")
