"""The manifest: one create-only entry a commit. A file that no entry names does not exist for readers.

An append writes its Parquet files under temporary names, syncs and renames them, and last of all creates one entry that names them;
nothing is ever rewritten, so the cost of an append does not grow with the lake and two writers cannot overwrite each other.
"""

import errno
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from assay.core.errors import LakeError

FORMAT = 1  # of the lake; a newer one is refused


@dataclass(frozen=True, slots=True)
class File:
    """One Parquet file of one table, as committed."""

    table: str
    path: str  # relative to the lake
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One commit."""

    name: str  # ascending in time
    run: str
    format: int
    files: tuple[File, ...]


def new_name() -> str:
    """A name that sorts by time and that no other writer has."""
    return f"{time.time_ns():020d}-{secrets.token_hex(4)}"


def write_parquet(root: Path, table: str, rows: pa.Table, name: str) -> File:
    """One durable file: written under a temporary name, synced, renamed, its folder synced."""
    folder = root / "tables" / table
    final, temporary = folder / f"{name}.parquet", folder / f".{name}.tmp"
    with disk(temporary):
        folder.mkdir(parents=True, exist_ok=True)
        sink = pa.BufferOutputStream()
        pq.write_table(rows, sink, compression="zstd")
        data = sink.getvalue()
        _write_synced(temporary, data)
        os.replace(temporary, final)
        _sync_folder(folder)
    return File(table, str(final.relative_to(root)), rows.num_rows, data.size, hashlib.sha256(data).hexdigest())


def write_entry(root: Path, entry: Entry) -> None:
    """The commit point: the entry appears whole or not at all."""
    folder = root / "manifest"
    final, temporary = folder / f"{entry.name}.json", folder / f".{entry.name}.tmp"
    with disk(temporary):
        folder.mkdir(parents=True, exist_ok=True)
        _write_synced(temporary, json.dumps(asdict(entry), separators=(",", ":")).encode())
        os.replace(temporary, final)
        _sync_folder(folder)


def entry_names(root: Path) -> list[str]:
    """Every commit's name, oldest first."""
    return sorted(path.stem for path in (root / "manifest").glob("[0-9]*.json"))


def read_entry(root: Path, name: str) -> Entry:
    """One commit.

    Raises:
        LakeError: the entry is broken, or of a newer format.
    """
    path = root / "manifest" / f"{name}.json"
    try:
        tree = json.loads(path.read_text())
        entry = Entry(tree["name"], tree["run"], tree["format"], tuple(File(**each) for each in tree["files"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LakeError(f"manifest entry {path} cannot be read: {error}") from error
    if entry.format > FORMAT:
        raise LakeError(f"{path} is of lake format {entry.format}; this version reads up to {FORMAT}: upgrade assay-curation")
    return entry


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


def _write_synced(path: Path, data: bytes | pa.Buffer) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
