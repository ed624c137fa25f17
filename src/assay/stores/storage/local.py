"""A lake in a folder. A file is written under a temporary name, synced and renamed: it appears whole or not at all."""

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

# errors of circular links, sockets and devices: another try to open them will not help
NO_FILE = (errno.ELOOP, errno.ENXIO, errno.ENODEV)
WRITERS_S = 60.0  # longest wait for a moment without a commit; a commit takes milliseconds


@dataclass(frozen=True, slots=True)
class Local:
    """A folder (`backend.Storage`). Files are read where they lie, without copies."""

    root: Path
    remote = False

    @property
    def place(self) -> str:
        """The folder's absolute path."""
        return str(self.root)

    def found(self, data: bytes) -> None:
        """Write lake.json where there is none, whole or not at all."""
        if (self.root / "lake.json").exists():
            return
        temporary = self.root / f".lake.{os.urandom(4).hex()}.tmp"
        with translate_disk_errors(temporary):
            (self.root / "manifest").mkdir(parents=True, exist_ok=True)
            write_synced(temporary, data)
            os.replace(temporary, self.root / "lake.json")
            _sync_folder(self.root)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Share the writers' lock, which the kernel releases when a process dies; does nothing without file locks."""
        with self._lock() as handle:
            if handle is not None:
                with suppress(OSError):
                    fcntl.flock(handle, fcntl.LOCK_SH)
            yield

    @contextmanager
    def undisturbed(self) -> Iterator[bool]:
        """Hold the writers' lock alone, after waiting for it WRITERS_S at most; yields whether it is held."""
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
        """Write one durable file: under a temporary name, synced, renamed, its folder synced."""
        final = self.root / path
        temporary = final.with_name(f".{final.stem}.tmp")
        with translate_disk_errors(temporary):
            final.parent.mkdir(parents=True, exist_ok=True)
            write_synced(temporary, data)
            os.replace(temporary, final)
            _sync_folder(final.parent)

    def create(self, path: str, data: bytes) -> None:
        """Write one durable file under a name that must be new."""
        final = self.root / path
        temporary = final.with_name(f".{final.stem}.tmp")
        with translate_disk_errors(temporary):
            final.parent.mkdir(parents=True, exist_ok=True)
            write_synced(temporary, data)
            _create(temporary, final)
            _sync_folder(final.parent)

    def put(self, path: str, data: bytes | pa.Buffer) -> None:
        """Write a file that can be written again at any time: whole or not at all, not synced."""
        final = self.root / path
        temporary = final.with_name(f".{final.stem}.{os.urandom(4).hex()}.tmp")
        with translate_disk_errors(temporary):
            final.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(data)
            os.replace(temporary, final)

    def read(self, path: str) -> bytes:
        """Return the file's bytes."""
        return self.kept(path)

    def names(self, folder: str) -> list[str] | None:
        """Return what lies directly in a folder, unordered; None where there is no folder."""
        try:
            return os.listdir(self.root / folder)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise unreadable_error(self.root / folder, error) from error

    def files(self, folder: str) -> dict[str, int]:
        """Return the size in bytes of every file under a folder, by path.

        -1 = something else, such as a pipe, or a folder with the name of a data file; it is not opened.
        """
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
            raise unreadable_error(Path(error.filename or self.root), error) from error

    def remove(self, path: str) -> bool:
        """Delete a file; return whether there was one."""
        with translate_disk_errors((self.root / path).with_name(".remove.tmp")):
            try:
                (self.root / path).unlink()
            except FileNotFoundError:
                return False
        return True

    def move(self, path: str, target: str) -> None:
        """Move a file; does nothing where there is none."""
        if os.path.lexists(self.root / path):
            with translate_disk_errors((self.root / target).with_suffix(".tmp")):
                (self.root / target).parent.mkdir(parents=True, exist_ok=True)
                os.replace(self.root / path, self.root / target)

    def fetch(self, paths: Iterable[str]) -> None:
        """Do nothing: the files are in the folder."""

    def local(self, path: str) -> Path:
        """Return the path of the file itself."""
        return self.root / path

    def kept(self, path: str) -> bytes:
        """Return the file's bytes.

        A lake has thousands of entries; joining `Path`s would take half of the time of reading one.

        Raises:
            FileNotFoundError: there is none.
            NoFile: something else is in its place.
            UnreadableFile: it cannot be read now.
        """
        place = f"{self.root}/{path}"
        try:
            # without O_NONBLOCK, opening a pipe would wait for a writer forever
            handle = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise NoFile(f"{place} is not a regular file")
                return file.read()
        except (FileNotFoundError, NotADirectoryError) as error:
            if os.path.islink(place):
                raise NoFile(f"{place} is a broken link") from error
            raise
        except IsADirectoryError as error:
            raise NoFile(f"{place} is a folder, not a file") from error
        except OSError as error:
            if error.errno in NO_FILE:
                raise NoFile(f"{place} is not a regular file: {os.strerror(error.errno or 0)}") from error
            raise unreadable_error(Path(place), error) from error

    def stale(self, path: str) -> None:
        """Do nothing: there are no copies."""


def _size(path: str) -> int | None:
    """Return the size of a file; -1 = it is something else, None = there is nothing, or a broken link."""
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in NO_FILE:
            return -1
        raise unreadable_error(Path(path), error) from error
    return there.st_size if stat.S_ISREG(there.st_mode) else -1


class NoFile(LakeError):
    """Something else lies where a file should be."""


class UnreadableFile(LakeError):
    """A file or folder exists and cannot be read now: no permission, or a disk that fails."""


def unreadable_error(path: Path, error: OSError) -> UnreadableFile:
    """Return the error for a file or folder that cannot be read, in one line."""
    return UnreadableFile(f"cannot read {path}: {os.strerror(error.errno or 0)}")


@contextmanager
def translate_disk_errors(path: Path) -> Iterator[None]:
    """Turn an error of the disk, inside a `with` block, into one line, and remove the temporary file `path`.

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
    """Write a new file; its bytes are on the disk when this returns."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _create(temporary: Path, final: Path) -> None:
    """Give a file its final name, which must be new: a link fails where a rename would overwrite."""
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
