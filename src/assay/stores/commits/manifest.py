"""The manifest: one create-only entry per commit. A file that no entry names does not exist for readers.

An append writes its Parquet files under temporary names, syncs and renames them, and last of all creates one entry that
names them. No file is ever rewritten, so the cost of an append does not grow with the lake, and two writers cannot
overwrite each other.

An entry holds its own hash. It also names its parents, with their hashes: the entries that its writer had seen and no
other entry had named yet. So a changed entry shows by itself, and a missing one by the entries that came later.
"""

import hashlib
import os
import re
import secrets
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from assay.core.errors import LakeError
from assay.stores.commits.sealing import Damaged, read_sealed, seal_json
from assay.stores.renames import NAMES, RETIRED, present_name
from assay.stores.storage.backend import Place, at
from assay.stores.storage.local import NoFile

FORMAT = 3  # of what is written; a newer one is refused, an older one is read as it is and never rewritten


class CorruptEntry(LakeError):
    """An entry that is not as it was written."""


@dataclass(frozen=True, slots=True)
class File:
    """One Parquet file of one table, as committed."""

    table: str
    path: str  # relative to the lake
    rows: int
    bytes: int
    sha256: str
    names: int = NAMES  # generation of the names of its columns; 1 where an entry does not say


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
    parents: tuple[tuple[str, str], ...] = ()  # (name, hash) of entries that none had named before; () before format 3
    mended: bool = False  # `curate lake fsck` wrote it in place of one that was damaged or gone
    sha256: str = ""  # of its bytes as they lie there; in the file from format 3 on

    @property
    def time_ns(self) -> int:
        """When it was committed, in nanoseconds since 1970, by its writer's clock."""
        return int(self.name[:20])


PATH = re.compile(r"tables/[a-z_]+/[0-9][0-9a-z-]*\.parquet")
ENTRY = re.compile(r"[0-9]{20}-[0-9a-f]{8}(-c)?\.json")
SHA256 = re.compile(r"[0-9a-f]{64}")
STAND_IN = "-c"  # ends the name of an entry that stands for others
PARENT_DIGITS = 16  # of a parent's hash: 64 bits
# folder of the second copies of entries that stand for others: their files do not say what they replace
COPIES = "copies"


def new_name(*, stand_in: bool = False) -> str:
    """Return a name that sorts by time and that no other writer has."""
    return f"{time.time_ns():020d}-{secrets.token_hex(4)}{STAND_IN if stand_in else ''}"


def stands_in(name: str) -> bool:
    """Return whether the entry of this name stands for others: written by compaction, deletion or `fsck`."""
    return name.endswith(STAND_IN)


def write_parquet(place: Place, table: str, rows: pa.Table, name: str) -> File:
    """Write one durable Parquet file, with a checksum on each of its pages.

    Raises:
        LakeError: the disk refused.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd", write_page_checksum=True)
    data = sink.getvalue()
    path = f"tables/{table}/{name}.parquet"
    at(place).write(path, data)
    return File(table, path, rows.num_rows, data.size, hashlib.sha256(data).hexdigest())


def write_tables(place: Place, tables: Mapping[str, pa.Table], name: str) -> tuple[File, ...]:
    """Write the files of one commit side by side: a disk answers three waiting fsyncs about as fast as one.

    Raises:
        LakeError: the disk refused.
    """
    over = map if len(tables) == 1 else _writers().map
    return tuple(over(lambda table: write_parquet(place, table, tables[table], name), tables))


@cache
def _writers() -> ThreadPoolExecutor:
    """Return the threads that write files; to start some per commit would take as long as to write."""
    return ThreadPoolExecutor(8, "writer")


os.register_at_fork(before=_writers.cache_clear)  # a forked child has none of the threads, and would wait for them


def write_entry(place: Place, entry: Entry) -> Entry:
    """Write an entry, whole or not at all: the moment of the commit. Return the entry with its hash.

    Raises:
        LakeError: the disk refused, or there is an entry of this name.
    """
    tree = asdict(entry)
    del tree["sha256"]
    data, storage = seal_json(tree), at(place)
    if stands_in(entry.name):
        storage.create(copy_path(entry.name), data)
    storage.create(entry_path(entry.name), data)
    return replace(entry, sha256=read_sealed(data)[1])


def copy_path(name: str) -> str:
    """Return where the second copy of an entry that stands for others lies."""
    return f"{COPIES}/{name}.json"


def entry_path(name: str) -> str:
    """Return where the entry of this name lies in a lake."""
    return f"manifest/{name}.json"


def entry_names(place: Place) -> list[str]:
    """Return every commit's name, oldest first; none where there is no manifest."""
    return sorted(name[:-5] for name in at(place).names("manifest") or () if ENTRY.fullmatch(name))


def read_entry(place: Place, name: str, *, path: str = "") -> Entry:
    """Read one commit's entry; with `path`, the copy that lies there.

    Raises:
        FileNotFoundError: it was compacted away meanwhile.
        CorruptEntry: its bytes are not those that were written.
        LakeError: it cannot be read now, or is of a newer version.
    """
    storage, path = at(place), path or entry_path(name)
    try:
        data = storage.kept(path)
        tree, digest = read_sealed(data)
        if isinstance(newer := tree.get("format"), int) and newer > FORMAT:
            raise LakeError(
                f"{storage.place}/{path} has lake format {newer}, "
                f"but this version reads formats up to {FORMAT}: upgrade assay-curation"
            )
        return _entry(tree, name, digest or hashlib.sha256(data).hexdigest(), whole=bool(digest))
    except (NoFile, ValueError, KeyError, TypeError, AttributeError) as error:
        storage.stale(path)
        raise CorruptEntry(
            f"manifest entry {storage.place}/{path} cannot be read: {error}; `curate lake fsck` sets it aside"
        ) from error


def _entry(tree: Mapping[str, Any], name: str, digest: str, *, whole: bool) -> Entry:
    """Return the entry that a JSON object describes, as far as it is plausible; `whole` = its hash holds."""
    if tree["format"] >= 3 and not whole:
        raise Damaged("its SHA-256 is missing")
    if tree["name"] != name:
        raise Damaged(f"it calls itself {tree['name']!r}")
    files = tuple([_file(file, name, whole=whole) for file in tree["files"] if file["table"] not in RETIRED])
    parents = tuple(map(tuple, tree.get("parents", ())))
    replaces, mended = tuple(map(str, tree.get("replaces", ()))), bool(tree.get("mended", False))
    return Entry(
        name,
        str(tree["run"]),
        int(tree["format"]),
        files,
        tree.get("writer", ""),
        tree.get("seen"),
        replaces,
        parents,
        mended,
        digest,
    )


def _file(tree: Mapping[str, Any], name: str, *, whole: bool) -> File:
    """Return one file as an entry describes it, under its table's present name."""
    file = File(tree["table"], tree["path"], tree["rows"], tree["bytes"], tree["sha256"], tree.get("names", 1))
    if not (table := present_name(file.table)):
        if whole:
            raise LakeError(
                f"manifest entry {name} holds rows of a table {file.table!r}, "
                "which this version does not know: upgrade assay-curation"
            )
        raise Damaged(f"there is no table {file.table!r}")
    _plausible(file, whole=whole)
    return replace(file, table=table)


def _plausible(file: File, *, whole: bool) -> None:
    """Refuse a description of a file that no writer would make, such as a path that leads out of the lake.

    A hash does not say who wrote the entry: `fsck --drop` would move, and compaction remove, whatever file it names.
    """
    if not PATH.fullmatch(file.path) or not (whole or file.path.split("/")[1] == file.table):
        raise Damaged(f"table {file.table!r} at {file.path!r}")
    if not SHA256.fullmatch(file.sha256) or min(file.rows, file.bytes) < 0:
        raise Damaged(f"{file.rows} rows, {file.bytes} bytes, SHA-256 {file.sha256!r} of {file.path}")
