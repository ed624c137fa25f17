"""An address is taken for what it is, and holds no secret."""

import sys
from pathlib import Path

import pytest

from assay.core.errors import ConfigError
from assay.stores.storage.backend import at
from assay.stores.storage.local import Local


def test_a_folder_is_a_folder_and_a_storage_is_itself(tmp_path: Path) -> None:
    storage = at(tmp_path / "lake")
    assert storage == Local(tmp_path / "lake")
    assert at(storage) is storage
    assert storage.place == str(tmp_path / "lake")


@pytest.mark.parametrize("address", ["s3://", "s3://Big_Bucket/x", "s3://bucket/x?region=eu", "s3:///x"])
def test_what_is_no_address_is_named(address: str) -> None:
    with pytest.raises(ConfigError, match="is not a lake address such as s3://BUCKET/PREFIX"):
        at(address)


def test_credentials_in_an_address_are_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="must not hold credentials") as refused:
        at("s3://me:hush-hush@bucket/lake")
    assert "hush" not in str(refused.value)


def test_a_missing_extra_names_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore", None)
    with pytest.raises(ConfigError, match=r"pip install 'assay-curation\[s3\]'"):
        at("s3://some-bucket/lake")


def test_a_local_file_is_made_once_replaced_moved_and_removed(tmp_path: Path) -> None:
    storage = at(tmp_path)
    storage.put("derived/x", b"1")
    storage.put("derived/x", b"22")
    assert (storage.read("derived/x"), storage.files("derived"), storage.names("derived")) == (
        b"22",
        {"derived/x": 2},
        ["x"],
    )
    storage.move("derived/x", "quarantine/x")
    assert (storage.names("derived"), storage.names("nowhere")) == ([], None)
    assert (storage.remove("quarantine/x"), storage.remove("quarantine/x")) == (True, False)
