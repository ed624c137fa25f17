"""A lake in a folder: written under a temporary name, synced, renamed; an entry appears whole or not at all."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from assay.core.errors import LakeError


@dataclass(frozen=True, slots=True)
class Local:
    """A folder (`storage.Storage`). Every read is the file itself."""

    root: Path
    remote = False

    @property
    def place(self) -> str:
        """What people call it."""
        return str(self.root)

    def found(self, data: bytes) -> None:
        """Marks a new folder as a lake, whole or not at all."""
        if (self.root / "lake.json").exists():
            return
        temporary = self.root / f".lake.{os.getpid()}.tmp"
        with disk(temporary):
            (self.root / "manifest").mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(data)
            os.replace(temporary, self.root / "lake.json")

    def write(self, path: str, data: bytes | pa.Buffer) -> None:
        """One durable file: written under a temporary name, synced, renamed, its folder synced."""
        final = self.root / path
        temporary = final.with_name(f".{final.stem}.tmp")
        with disk(temporary):
            final.parent.mkdir(parents=True, exist_ok=True)
            write_synced(temporary, data)
            os.replace(temporary, final)
            _sync_folder(final.parent)

    def create(self, path: str, data: bytes) -> None:
        """The same, of a name that must be new."""
        final = self.root / path
        temporary = final.with_name(f".{final.stem}.tmp")
        with disk(temporary):
            final.parent.mkdir(parents=True, exist_ok=True)
            write_synced(temporary, data)
            _create(temporary, final)
            _sync_folder(final.parent)

    def put(self, path: str, data: bytes | pa.Buffer) -> None:
        """What may be made again at any time: in its place at once, not synced."""
        final = self.root / path
        temporary = final.with_name(f".{final.stem}.{os.urandom(4).hex()}.tmp")
        with disk(temporary):
            final.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(data)
            os.replace(temporary, final)

    def read(self, path: str) -> bytes:
        """The file's bytes."""
        return (self.root / path).read_bytes()

    def names(self, folder: str) -> list[str] | None:
        """What lies directly in a folder, unordered; None where there is none."""
        try:
            return os.listdir(self.root / folder)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def files(self, folder: str) -> dict[str, int]:
        """Every file under a folder, by path, with its bytes."""
        return {str(path.relative_to(self.root)): path.stat().st_size for path in sorted((self.root / folder).rglob("*")) if path.is_file()}

    def remove(self, path: str) -> bool:
        """Deletes a file; whether there was one."""
        with disk((self.root / path).with_name(".remove.tmp")):
            try:
                (self.root / path).unlink()
            except FileNotFoundError:
                return False
        return True

    def move(self, path: str, target: str) -> None:
        """Gives a file another place."""
        if (self.root / path).exists():
            with disk((self.root / target).with_suffix(".tmp")):
                (self.root / target).parent.mkdir(parents=True, exist_ok=True)
                os.replace(self.root / path, self.root / target)

    def fetch(self, paths: Iterable[str]) -> None:
        """Nothing: they lie here."""

    def local(self, path: str) -> Path:
        """The file itself."""
        return self.root / path

    def kept(self, path: str) -> bytes:
        """The file's bytes; a lake has thousands of entries, and joining paths would take half of the time of reading one."""
        with open(f"{self.root}/{path}", "rb") as file:
            return file.read()

    def stale(self, path: str) -> None:
        """Nothing: there are no copies."""


@contextmanager
def disk(path: Path) -> Iterator[None]:
    """Turns what a disk can refuse into one line; a temporary file is taken away.

    Raises:
        LakeError: disk full, no permission, read-only file system.
    """
    try:
        yield
    except OSError as error:
        path.unlink(missing_ok=True) if error.errno not in (errno.EROFS, errno.EACCES, errno.ENOTDIR) else None
        raise LakeError(f"cannot write {path.parent}: {os.strerror(error.errno or 0)}; what was committed before is safe") from error


def write_synced(path: Path, data: bytes | pa.Buffer) -> None:
    """A new file whose bytes are on the disk when this returns."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _create(temporary: Path, final: Path) -> None:
    """Gives the file its name, which must be new: a link fails where a rename would overwrite."""
    try:
        os.link(temporary, final)
        temporary.unlink()
    except FileExistsError:
        raise
    except OSError:  # a file system without links; the name holds 32 random bits
        os.replace(temporary, final)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
