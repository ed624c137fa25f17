"""What a lake needs of its storage, be it a folder or a bucket that speaks S3: the Protocol `Storage`, and `at`."""

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
    """A folder or bucket that holds a lake. Paths are relative to the lake.

    A data file or an entry is never rewritten, so a copy of it stays valid.
    """

    @property
    def root(self) -> Path:
        """The folder in which files are opened: the lake itself, or the mirror of a bucket."""

    @property
    def place(self) -> str:
        """The address as people write it: an absolute path, or s3://bucket/prefix."""

    @property
    def remote(self) -> bool:
        """Whether a file may have to be fetched before it can be opened."""

    def found(self, data: bytes) -> None:
        """Write lake.json where there is none; called before the first write of an opening."""

    def writing(self) -> AbstractContextManager[None]:
        """Enclose all writes of one commit, so that the removal of killed writes' files waits until it has ended."""

    def undisturbed(self) -> AbstractContextManager[bool]:
        """Keep commits out of a `with` block; yields False where the storage cannot."""

    def write(self, path: str, data: bytes | pa.Buffer) -> None:
        """Write a data file under a name that no other file has; it is durable when this returns."""

    def create(self, path: str, data: bytes) -> None:
        """Write an entry, whole or not at all, under a name that must be new; it is durable when this returns."""

    def put(self, path: str, data: bytes | pa.Buffer) -> None:
        """Write a derived file, whole or not at all, in place of the one before."""

    def read(self, path: str) -> bytes:
        """Return a file's present bytes. Raises FileNotFoundError."""

    def names(self, folder: str) -> list[str] | None:
        """Return what lies directly in a folder ("" = the lake), unordered; None where there is no such folder."""

    def files(self, folder: str) -> dict[str, int]:
        """Return the size in bytes of every file under a folder, by path; -1 = no regular file."""

    def remove(self, path: str) -> bool:
        """Delete a file; return whether there was one, as far as the storage tells."""

    def move(self, path: str, target: str) -> None:
        """Move a file; does nothing where there is none."""

    def fetch(self, paths: Iterable[str]) -> None:
        """Make immutable files readable under `root`; those that are gone stay absent."""

    def local(self, path: str) -> Path:
        """Return where one immutable file can be opened. Raises FileNotFoundError."""

    def kept(self, path: str) -> bytes:
        """Return one immutable file's bytes, possibly from a copy. Raises FileNotFoundError."""

    def stale(self, path: str) -> None:
        """Drop the copy of a file, because the file may have been repaired."""


Place: TypeAlias = str | Path | Storage


def at(place: Place) -> Storage:
    """Return the storage of a folder, of an address such as s3://bucket/prefix, or of a bucket's mirror.

    Raises:
        ConfigError: the address is none, the extra `s3` is not installed, or nobody answers there.
    """
    if not isinstance(place, str | Path):
        return place
    if re.match(r"s3:/", str(place)):
        return _bucket(str(place))
    root = Path(place).expanduser().resolve()
    marker = root / MIRROR
    # not Path.is_file, which raises where a folder may not be read
    return _bucket(marker.read_text()) if os.path.isfile(marker) else Local(root)


def _bucket(address: str) -> Storage:
    from assay.stores.storage.s3 import bucket

    return bucket(address)
