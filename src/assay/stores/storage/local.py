"""A lake in a folder: written under a temporary name, synced, renamed; an entry appears whole or not at all."""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from assay.core.errors import LakeError

NO_FILE = (
    errno.ELOOP,
    errno.ENXIO,
    errno.ENODEV,
)  # links in a circle, sockets, devices: opening them again will not help
WRITERS_S = 60.0  # for which one waits until no commit is under way; a commit takes milliseconds


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
        temporary = self.root / f".lake.{os.urandom(4).hex()}.tmp"
        with disk(temporary):
            (self.root / "manifest").mkdir(parents=True, exist_ok=True)
            write_synced(temporary, data)
            os.replace(temporary, self.root / "lake.json")
            _sync_folder(self.root)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Shares the writers' lock, which the kernel lets go when a process dies; a file system without locks has none to share."""
        with self._lock() as handle:
            if handle is not None:
                with suppress(OSError):
                    fcntl.flock(handle, fcntl.LOCK_SH)
            yield

    @contextmanager
    def undisturbed(self) -> Iterator[bool]:
        """Takes the writers' lock for itself, for which it waits WRITERS_S at most."""
        with self._lock() as handle:
            alone, until = handle is not None, time.monotonic() + WRITERS_S
            while alone:
                try:
                    fcntl.flock(handle or 0, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    alone = time.monotonic() < until
                    time.sleep(0.001)  # writers without a pause leave gaps of this size
                except OSError:
                    alone = False
            yield alone

    @contextmanager
    def _lock(self) -> Iterator[int | None]:
        path = self.root / "leases" / "writers.lock"
        try:
            path.parent.mkdir(exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
        except OSError:
            yield None
            return
        try:
            yield handle
        finally:
            os.close(handle)

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
        return self.kept(path)

    def names(self, folder: str) -> list[str] | None:
        """What lies directly in a folder, unordered; None where there is none."""
        try:
            return os.listdir(self.root / folder)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise unreadable(self.root / folder, error) from error

    def files(self, folder: str) -> dict[str, int]:
        """Every file under a folder, by path, with its bytes; -1 = something else, a pipe or a folder in its place, that nobody opens."""
        sizes: dict[str, int] = {}
        for place, folders, names in os.walk(self.root / folder, onerror=self._refused):
            misplaced = [name for name in folders if name.endswith(".parquet")]
            sizes |= {os.path.relpath(os.path.join(place, name), self.root): -1 for name in misplaced}
            folders[:] = sorted(set(folders) - set(misplaced))
            for name in sorted(names):
                path = os.path.join(place, name)
                if (size := _size(path)) is not None:
                    sizes[os.path.relpath(path, self.root)] = size
        return sizes

    def _refused(self, error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            raise unreadable(Path(error.filename or self.root), error) from error

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
        if os.path.lexists(self.root / path):
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
        place = f"{self.root}/{path}"
        try:
            handle = os.open(
                place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
            )  # a pipe would wait for a writer for ever
            with open(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise NoFile(f"{place} is no regular file")
                return file.read()
        except (FileNotFoundError, NotADirectoryError) as error:
            if os.path.islink(place):
                raise NoFile(f"{place} is a link that leads nowhere") from error
            raise
        except IsADirectoryError as error:
            raise NoFile(f"{place} is a folder, not a file") from error
        except OSError as error:
            if error.errno in NO_FILE:
                raise NoFile(f"{place} is no regular file: {os.strerror(error.errno or 0)}") from error
            raise unreadable(Path(place), error) from error

    def stale(self, path: str) -> None:
        """Nothing: there are no copies."""


def _size(path: str) -> int | None:
    """Bytes of a file; -1 = it is something else, None = there is nothing, or it leads nowhere."""
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in NO_FILE:
            return -1
        raise unreadable(Path(path), error) from error
    return there.st_size if stat.S_ISREG(there.st_mode) else -1


class NoFile(LakeError):
    """What lies where a file should is something else."""


class UnreadableFile(LakeError):
    """A file or folder that is there and cannot be read now: no permission, or a disk that fails."""


def unreadable(path: Path, error: OSError) -> UnreadableFile:
    """The refusal of a file or folder, in one line."""
    return UnreadableFile(f"cannot read {path}: {os.strerror(error.errno or 0)}")


@contextmanager
def disk(path: Path) -> Iterator[None]:
    """Turns what a disk can refuse into one line; a temporary file is taken away.

    Raises:
        LakeError: disk full, no permission, read-only file system.
    """
    try:
        yield
    except OSError as error:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise LakeError(
            f"cannot write {path.parent}: {os.strerror(error.errno or 0)}; what was committed before is safe"
        ) from error


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
