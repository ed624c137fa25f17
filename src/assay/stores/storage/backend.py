"""Where a lake lies: a folder, or a bucket that speaks S3. All that the rooms of the lake ask of either stands here."""

import os
import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

import pyarrow as pa

from assay.stores.storage.local import Local
from assay.stores.storage.mirror import MIRROR


@runtime_checkable
class Storage(Protocol):
    """Paths are relative to the lake. A data file or an entry is never rewritten, so what was read once may be kept."""

    @property
    def root(self) -> Path:
        """The folder in which files are opened: the lake itself, or the mirror of a bucket."""

    @property
    def place(self) -> str:
        """What people call it: an absolute path, or s3://bucket/prefix."""

    @property
    def remote(self) -> bool:
        """Whether a file may have to be fetched before it can be opened."""

    def found(self, data: bytes) -> None:
        """Writes lake.json where there is none; before every first write of an opening."""

    def writing(self) -> AbstractContextManager[None]:
        """Around all writes of one commit: whoever takes rests of killed writes away waits until it has ended."""

    def undisturbed(self) -> AbstractContextManager[bool]:
        """Inside, no commit is under way; False where nobody can tell."""

    def write(self, path: str, data: bytes | pa.Buffer) -> None:
        """A data file under a name that nobody else has, durable when this returns."""

    def create(self, path: str, data: bytes) -> None:
        """An entry, whole or not at all, under a name that must be new; durable when this returns."""

    def put(self, path: str, data: bytes | pa.Buffer) -> None:
        """A derived file, whole or not at all, in place of the one before."""

    def read(self, path: str) -> bytes:
        """Its present bytes. Raises FileNotFoundError."""

    def names(self, folder: str) -> list[str] | None:
        """What lies directly in a folder ("" = the lake), unordered; None where there is no such folder."""

    def files(self, folder: str) -> dict[str, int]:
        """Every file under a folder, by path, with its bytes."""

    def remove(self, path: str) -> bool:
        """Deletes; whether there was anything, as far as the storage tells."""

    def move(self, path: str, target: str) -> None:
        """Gives it another place; nothing where there is none."""

    def fetch(self, paths: Iterable[str]) -> None:
        """Makes immutable files readable under `root`; those that are gone stay absent."""

    def local(self, path: str) -> Path:
        """Where one immutable file can be opened. Raises FileNotFoundError."""

    def kept(self, path: str) -> bytes:
        """One immutable file's bytes. Raises FileNotFoundError."""

    def stale(self, path: str) -> None:
        """Lets a kept copy go, since what it is a copy of may have been mended."""


Place: TypeAlias = str | Path | Storage


def at(place: Place) -> Storage:
    """The storage of a folder, of an address such as s3://bucket/prefix, or of a bucket's mirror.

    Raises:
        ConfigError: the address is none, the extra `s3` is not installed, or nobody answers there.
    """
    if not isinstance(place, str | Path):
        return place
    if re.match(r"s3:/", str(place)):
        return _bucket(str(place))
    root = Path(place).expanduser().resolve()
    marker = root / MIRROR
    return (
        _bucket(marker.read_text()) if os.path.isfile(marker) else Local(root)
    )  # not Path.is_file, which raises where one may not look


def _bucket(address: str) -> Storage:
    from assay.stores.storage.s3 import bucket

    return bucket(address)
