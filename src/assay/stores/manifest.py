"""The manifest: one create-only entry a commit. A file that no entry names does not exist for readers.

An append writes its Parquet files under temporary names, syncs and renames them, and last of all creates one entry that names them;
nothing is ever rewritten, so the cost of an append does not grow with the lake and two writers cannot overwrite each other.
"""

import hashlib
import json
import secrets
import time
from dataclasses import asdict, dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from assay.core.errors import LakeError
from assay.stores.storage import Place, at

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


def write_parquet(place: Place, table: str, rows: pa.Table, name: str) -> File:
    """One durable file."""
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd")
    data = sink.getvalue()
    path = f"tables/{table}/{name}.parquet"
    at(place).write(path, data)
    return File(table, path, rows.num_rows, data.size, hashlib.sha256(data).hexdigest())


def write_entry(place: Place, entry: Entry) -> None:
    """The commit point: the entry appears whole or not at all."""
    at(place).create(entry_path(entry.name), json.dumps(asdict(entry), separators=(",", ":")).encode())


def entry_path(name: str) -> str:
    """Where the entry of this name lies in a lake."""
    return f"manifest/{name}.json"


def entry_names(place: Place) -> list[str]:
    """Every commit's name, oldest first; none where there is no manifest."""
    return sorted(name[:-5] for name in at(place).names("manifest") or () if name.endswith(".json") and name[0].isdigit())


def read_entry(place: Place, name: str) -> Entry:
    """One commit.

    Raises:
        FileNotFoundError: it was compacted away meanwhile.
        LakeError: the entry is broken, or of a newer format.
    """
    storage, path = at(place), entry_path(name)
    text = storage.kept(path).decode(errors="replace")
    try:
        tree = json.loads(text)
        if tree["format"] > FORMAT:
            raise LakeError(f"{storage.place}/{path} is of lake format {tree['format']}; this version reads up to {FORMAT}: upgrade assay-curation")
        files = tuple(File(**each) for each in tree["files"])
        entry = Entry(tree["name"], tree["run"], tree["format"], files, tree.get("writer", ""), tree.get("seen"), tuple(tree.get("replaces", ())))
    except (OSError, ValueError, KeyError, TypeError) as error:
        storage.stale(path)
        raise LakeError(f"manifest entry {storage.place}/{path} cannot be read: {error}; `curate fsck` sets it aside") from error
    return entry
