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

FORMAT = 2  # of what is written; a newer one is refused, an older one is read as it is and never rewritten


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
    writer: str = ""  # the process's opening of the lake that made it
    seen: int | None = None  # seal of the entries that the writer had seen; None = format 1, which did not say
    replaces: tuple[str, ...] = ()  # entries that this one stands for, those that they stood for included

    @property
    def time_ns(self) -> int:
        """When it was committed, in nanoseconds since 1970, by its writer's clock."""
        return int(self.name[:20])


STAND_IN = "-c"  # ends the name of an entry that stands for others


def new_name(*, stand_in: bool = False) -> str:
    """A name that sorts by time and that no other writer has."""
    return f"{time.time_ns():020d}-{secrets.token_hex(4)}{STAND_IN if stand_in else ''}"


def stands_in(name: str) -> bool:
    """Whether the entry of this name stands for others: made by compaction, `forget` or `fsck`."""
    return name.endswith(STAND_IN)


def write_parquet(root: Path, table: str, rows: pa.Table, name: str) -> File:
    """One durable file: written under a temporary name, synced, renamed, its folder synced."""
    folder = root / "tables" / table
    final, temporary = folder / f"{name}.parquet", folder / f".{name}.tmp"
    with disk(temporary):
        folder.mkdir(parents=True, exist_ok=True)
        sink = pa.BufferOutputStream()
        pq.write_table(rows, sink, compression="zstd")
        data = sink.getvalue()
        write_synced(temporary, data)
        os.replace(temporary, final)
        _sync_folder(folder)
    return File(table, str(final.relative_to(root)), rows.num_rows, data.size, hashlib.sha256(data).hexdigest())


def write_entry(root: Path, entry: Entry) -> None:
    """The commit point: the entry appears whole or not at all."""
    folder = root / "manifest"
    final, temporary = folder / f"{entry.name}.json", folder / f".{entry.name}.tmp"
    with disk(temporary):
        folder.mkdir(parents=True, exist_ok=True)
        write_synced(temporary, json.dumps(asdict(entry), separators=(",", ":")).encode())
        _create(temporary, final)
        _sync_folder(folder)


def entry_names(root: Path) -> list[str]:
    """Every commit's name, oldest first; none where there is no manifest."""
    try:
        listed = os.listdir(root / "manifest")
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(name[:-5] for name in listed if name.endswith(".json") and name[0].isdigit())


def read_entry(root: Path, name: str) -> Entry:
    """One commit.

    Raises:
        FileNotFoundError: it was compacted away meanwhile.
        LakeError: the entry is broken, or of a newer format.
    """
    path = root / "manifest" / f"{name}.json"
    text = path.read_text(errors="replace")
    try:
        tree = json.loads(text)
        if tree["format"] > FORMAT:
            raise LakeError(f"{path} is of lake format {tree['format']}; this version reads up to {FORMAT}: upgrade assay-curation")
        files = tuple(File(**each) for each in tree["files"])
        entry = Entry(tree["name"], tree["run"], tree["format"], files, tree.get("writer", ""), tree.get("seen"), tuple(tree.get("replaces", ())))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LakeError(f"manifest entry {path} cannot be read: {error}; `curate fsck` sets it aside") from error
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


def _create(temporary: Path, final: Path) -> None:
    """Gives the file its name, which must be new: a link fails where a rename would overwrite."""
    try:
        os.link(temporary, final)
        temporary.unlink()
    except FileExistsError:
        raise
    except OSError:  # a file system without links; the name holds 32 random bits
        os.replace(temporary, final)


def write_synced(path: Path, data: bytes | pa.Buffer) -> None:
    """A new file whose bytes are on the disk when this returns."""
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
