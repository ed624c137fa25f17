"""Repair of manifest entries: those that are damaged, changed or gone are written again.

Their content comes from their copies, or from the data files that have their names.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from assay.core.identity import hash_file
from assay.stores.commits import manifest
from assay.stores.commits.concurrency import SAW_NOTHING
from assay.stores.commits.manifest import CorruptEntry, Entry, File
from assay.stores.commits.snapshot import Snapshot
from assay.stores.renames import generation_of, present_name
from assay.stores.storage.backend import Storage

NAME = re.compile(r"(\d{20}-[0-9a-f]{8}(?:-c)?)(?:-\d+)?\.parquet")
BACK = "; what it replaced may be back: run `curate lake delete` again for what was deleted"


def set_aside(storage: Storage, path: str) -> None:
    """Move a file into `quarantine/`."""
    storage.move(path, f"quarantine/{path}")


def files_by_commit(storage: Storage) -> dict[str, list[str]]:
    """Return the paths of the data files by the name of the commit that wrote them."""
    commits: dict[str, list[str]] = {}
    for path in sorted(storage.files("tables")):
        inside = PurePosixPath(path)
        if (match := NAME.fullmatch(inside.name)) and present_name(inside.parent.name):
            commits.setdefault(match[1], []).append(path)
    return commits


def enter_again(storage: Storage, name: str, paths: Sequence[str], *, repair: bool) -> str:
    """Enter a commit again from its copy, or else from the files that have its name.

    Args:
        storage: the lake.
        name: the commit's name.
        paths: its files.
        repair: whether to write; without it, only say what would be done.

    Returns:
        What was done, as the end of a sentence; "" where there is neither copy nor file.
    """
    if copied := _copy(storage, name):
        if repair:
            storage.create(manifest.entry_path(name), copied)
        return "entered again from its copy"
    if not paths:
        return ""
    if repair:
        _adopt(storage, name, paths)
    return f"entered again from its {len(paths)} files{BACK if manifest.stands_in(name) else ''}"


def mended_entries(storage: Storage, repair: bool) -> Iterator[tuple[str, str, str]]:
    """Repair every entry that is not as it was written, or that is gone; yields (kind, path, what is wrong)."""
    files = files_by_commit(storage)
    if storage.names("manifest") is None and (files or storage.names(manifest.COPIES)):
        yield from _whole_manifest(storage, files, repair)
        return
    yield from _damaged(storage, files, repair)
    snapshot = Snapshot(storage)
    try:
        snapshot.read_new()
    except CorruptEntry:  # `repair` is off
        return
    yield from _changed(snapshot, files, repair)
    yield from _gone(snapshot, files, repair)


def _whole_manifest(storage: Storage, files: dict[str, list[str]], repair: bool) -> Iterator[tuple[str, str, str]]:
    count = sum(len(paths) for paths in files.values())
    copies = [name[:-5] for name in storage.names(manifest.COPIES) or () if manifest.ENTRY.fullmatch(name)]
    for name in sorted({*files, *copies}):
        enter_again(storage, name, files.get(name, ()), repair=repair)
    yield (
        "manifest",
        "manifest",
        f"missing; {count} files of {len(files)} commits in tables/ are entered again, folded by id",
    )


def _damaged(storage: Storage, files: dict[str, list[str]], repair: bool) -> Iterator[tuple[str, str, str]]:
    names = manifest.entry_names(storage)
    for name in names:
        storage.stale(manifest.entry_path(name))
    storage.fetch(map(manifest.entry_path, names))
    for name in names:
        try:
            entry = manifest.read_entry(storage, name)
        except FileNotFoundError:
            continue
        except CorruptEntry as error:
            if repair:
                set_aside(storage, manifest.entry_path(name))
            action = enter_again(storage, name, files.get(name, []), repair=repair) or _empty(storage, name, repair)
            yield "entry", manifest.entry_path(name), f"{error}; {action}"
            continue
        if entry.sha256 and manifest.stands_in(name) and entry.format >= 3 and not _copy(storage, name) and repair:
            storage.put(manifest.copy_path(name), storage.kept(manifest.entry_path(name)))


def _empty(storage: Storage, name: str, repair: bool) -> str:
    if repair:
        _adopt(storage, name, [])
    return "none of its files is left"


def _changed(snapshot: Snapshot, files: dict[str, list[str]], repair: bool) -> Iterator[tuple[str, str, str]]:
    for name in sorted(snapshot.changed):
        if repair:
            set_aside(snapshot.storage, manifest.entry_path(name))
        action = enter_again(snapshot.storage, name, files.get(name, []), repair=repair) or _empty(
            snapshot.storage, name, repair
        )
        if repair:
            snapshot.add(
                manifest.read_entry(
                    snapshot.storage, name if not manifest.stands_in(name) else _there(snapshot.storage, name)
                )
            )
        yield "entry", manifest.entry_path(name), f"not as later entries saw it; {action}"


def _gone(snapshot: Snapshot, files: dict[str, list[str]], repair: bool) -> Iterator[tuple[str, str, str]]:
    for name in snapshot.gone():
        action = enter_again(snapshot.storage, name, files.get(name, []), repair=repair)
        kind = "entry" if action else "lost"
        outcome = action or (
            "neither its copy nor any of its files is left, so its rows are lost, "
            "and queries fail until `curate lake fsck --drop` has recorded that"
        )
        yield kind, manifest.entry_path(name), f"missing, but later entries name it; {outcome}"


def _there(storage: Storage, name: str) -> str:
    return name if f"{name}.json" in (storage.names("manifest") or ()) else name.removesuffix(manifest.STAND_IN)


def _copy(storage: Storage, name: str) -> bytes:
    """Return the bytes of an entry's copy; b"" where there is none or its hash does not hold."""
    if not manifest.stands_in(name):
        return b""
    try:
        storage.stale(manifest.copy_path(name))
        manifest.read_entry(storage, name, path=manifest.copy_path(name))
        return storage.kept(manifest.copy_path(name))
    except (FileNotFoundError, NotADirectoryError, CorruptEntry):
        return b""


def _adopt(storage: Storage, name: str, paths: Sequence[str]) -> None:
    """Write an entry for files that lost theirs.

    It claims to have seen no other entry, so that readers fold its rows with all others'.
    """
    files = [file for path in paths if (file := _measured(storage, path))]
    plain = name.removesuffix(manifest.STAND_IN)
    replaces = (name,) if plain != name else ()
    last_commit = SAW_NOTHING if replaces else -1
    manifest.write_entry(
        storage,
        Entry(plain, "", manifest.FORMAT, tuple(files), writer=plain, seen=last_commit, replaces=replaces, mended=True),
    )


def _measured(storage: Storage, inside: str) -> File | None:
    """Return what an entry says of a file, by its present bytes; set a damaged file aside and return None."""
    storage.stale(inside)
    path = storage.local(inside)
    if not sound(path):
        set_aside(storage, inside)
        return None
    footer, table = pq.read_metadata(path), present_name(PurePosixPath(inside).parent.name)
    names = generation_of(table, footer.schema.to_arrow_schema().names)
    return File(table, inside, footer.num_rows, path.stat().st_size, hash_file(path), names)


def sound(path: Path) -> bool:
    """Return whether every page of a Parquet file can be read and fits its checksum."""
    try:
        pq.ParquetFile(path, page_checksum_verification=True).read()
    except (pa.ArrowException, ValueError, OSError):
        return False
    return True
