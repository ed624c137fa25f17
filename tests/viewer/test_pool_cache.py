"""A large pool: some rows at once, all of them soon, and at once the next time."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import LakeError
from assay.stores.lake import Lake
from assay.stores.maintenance.compaction import forget
from assay.stores.pool_table import PoolTable, store_pool
from assay.stores.reader import LakeReader
from assay.viewer import state
from assay.viewer.keys import ViewKeys
from assay.viewer.pool import FACETS, PoolIndex, read_pool, read_some
from assay.viewer.pool_cache import FILES, PoolCache


@pytest.fixture(autouse=True)
def small_pools_count_as_large(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    for name in ("state", "pool_cache"):
        monkeypatch.setattr(f"assay.viewer.{name}.FROM", 100)


def test_some_rows_are_what_they_are_among_all(reader: LakeReader, keys: ViewKeys) -> None:
    some = read_some(reader, keys)
    assert some is not None
    whole = {row["id"]: row for row in read_pool(reader, keys).to_pylist()}
    assert len(some) == 200
    assert all({**row, "place": whole[row["id"]]["place"]} == whole[row["id"]] for row in some.to_pylist())


def test_a_stored_pool_answers_as_the_one_that_was_read(reader: LakeReader, keys: ViewKeys, pool: PoolIndex) -> None:
    cache = PoolCache("here")
    cache.keep("1", keys, read_pool(reader, keys))
    stored = cache.find("1", keys)
    assert stored is not None
    index = PoolIndex(stored)
    condition, chosen = "rate < 0.5 AND question ILIKE '%marbles%'", {"source": ["GSM8K"]}
    ours, theirs = (found.open_view(condition, chosen, "rate", True) for found in (index, pool))
    assert (len(ours.rows), dict(ours.facets)) == (len(theirs.rows), dict(theirs.facets))
    assert {row["id"] for row in index.page(ours, 0, 500)} == {row["id"] for row in pool.page(theirs, 0, 500)}
    assert set(index.facets) == set(FACETS)
    with pytest.raises(LakeError, match="disabled"):  # its conditions reach no file, as in memory
        stored.query("SELECT content FROM read_text('/etc/hostname')")
    index.close()
    assert cache.find("2", keys) is None
    assert PoolCache("elsewhere").find("1", keys) is None


def test_a_damaged_file_is_read_anew_and_the_oldest_ones_go(reader: LakeReader, keys: ViewKeys, tmp_path: Path) -> None:
    cache, table = PoolCache("here"), read_pool(reader, keys)
    for version in range(FILES + 2):
        cache.keep(str(version), keys, table)
    files = list((tmp_path / "cache" / "viewer").iterdir())
    assert len(files) == FILES
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    for file in files:
        file.write_bytes(b"no database")
    assert cache.find(str(FILES + 1), keys) is None
    assert len(list((tmp_path / "cache" / "viewer").iterdir())) == FILES - 1
    (tmp_path / "file").write_text("")
    with pytest.raises(LakeError, match="cannot be written"):
        store_pool(table, tmp_path / "file" / "pool.duckdb")
    with pytest.raises(LakeError, match="cannot be read"):
        PoolTable.stored(tmp_path / "file")


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Reading the whole pool waits for this event."""
    event = threading.Event()

    def read(*given: Any, **named: Any) -> Any:
        assert event.wait(60)
        return read_pool(*given, **named)

    monkeypatch.setattr(state, "read_pool", read)
    return event


def test_some_rows_are_shown_until_all_are_read_and_no_number_is_made_of_them(
    lake: Path, serve: Callable[[Path], Any], held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(lake)
    assert (client.get("state")["expected"], client.get("state")["problems"]) == (300, 200)
    early, some = client.get("overview"), client.get("pool")
    assert (early["attempts"], early["warnings"], early["expected"]) == ({"selected": None, "pool": None}, [], 300)
    assert (some["total"], some["expected"], len(some["rows"])) == (200, 300, 60)
    held.set()
    assert client.viewer.state.whole.wait(60)
    assert (client.get("state")["expected"], client.get("pool")["total"]) == (0, 300)
    assert client.get("overview")["attempts"]["pool"] == 300
    assert client.ask(f"/api/rows?view={some['view']}&version={some['version']}&offset=0")[0] == 410
    client.viewer.state._thread.join(60)  # it has stored the pool
    monkeypatch.setattr(state, "read_pool", None)  # which nothing asks for again
    again = serve(lake)
    assert again.viewer.state.whole.wait(60)
    assert (again.get("state")["fault"], again.get("pool")["total"]) == ("", 300)


def test_what_the_others_lack_is_told(
    lake: Path, serve: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: Any, **named: Any) -> Any:
        raise LakeError("a file is broken; `curate lake fsck` names it")

    monkeypatch.setattr(state, "read_pool", fail)
    client = serve(lake)
    assert client.viewer.state.whole.wait(60)
    assert "fsck" in client.get("state")["fault"]


@pytest.mark.service
def test_the_page_shows_some_rows_and_then_all(
    lake: Path, serve: Callable[[Path], Any], browser: Callable[[], Any], held: threading.Event
) -> None:
    client, page = serve(lake), browser()
    page.look()
    page.open(client.viewer.url)
    page.until("document.querySelector('main').innerText.includes('Reading 300 problems')")
    page.open(f"{client.base}/#/problems")
    page.until("document.querySelector('.totals')?.innerText === '200 of 300 problems; the others are being read'")
    held.set()
    page.until("document.querySelector('.totals')?.innerText === '300 problems'")
    assert page.complaints == []


def test_a_lake_that_somebody_adds_to_is_read_again(tmp_path: Path, lake: Path, keys: ViewKeys) -> None:
    shutil.copytree(lake, tmp_path / "lake")
    reader = LakeReader(tmp_path / "lake")
    cache, version = PoolCache("here"), reader.version()
    cache.keep(version, keys, read_pool(reader, keys))
    with Lake(tmp_path / "lake") as other:
        other.append({"drops": [{"id": "d", "key": keys.clean, "stage": "clean", "reason": "late"}]}, run="r")
    assert cache.find(version, keys) is not None
    assert cache.find(reader.version(), keys) is None
    reader.close()


def test_what_a_lake_is_asked_to_delete_leaves_this_machine_too(tmp_path: Path, lake: Path, keys: ViewKeys) -> None:
    shutil.copytree(lake, tmp_path / "lake")
    with Lake(tmp_path / "lake") as opened:
        reader = LakeReader(tmp_path / "lake")
        PoolCache(opened.place).keep("1", keys, read_pool(reader, keys))
        PoolCache("elsewhere").keep("1", keys, read_pool(reader, keys))
        reader.close()
        assert PoolCache(opened.place).find("1", keys) is not None
        forget(opened, "source", "GSM8K")
        assert PoolCache(opened.place).find("1", keys) is None
        assert PoolCache("elsewhere").find("1", keys) is not None
