"""Verifies every file against the manifest; what fails is set aside, and what that takes away is named with the stage that restores it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from assay.core.errors import LakeError
from assay.core.identity import file_sha256
from assay.stores import manifest, upkeep
from assay.stores.lake import Lake, nowhere
from assay.stores.manifest import Entry, File
from assay.stores.mirror import MARK
from assay.stores.storage import Place, Storage, at
from assay.stores.tables import schemas
from assay.stores.views import catalogue_fault, quoted

OURS = {"lake.json", "manifest", "tables", "derived", "leases", "quarantine", "checkpoints", "reports", "assay.duckdb"}
CATALOGUE = "assay.duckdb"
NAME = re.compile(r"(\d{20}-[0-9a-f]{8}(?:-c)?)(?:-\d+)?\.parquet")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as the manifest says, or that no commit accounts for."""

    kind: str  # broken, missing, entry, manifest, catalogue, left_over, foreign
    path: str  # relative to the lake
    said: str  # what is wrong, with both numbers
    table: str = ""
    rows: int = 0  # that are gone from the views
    run: str = ""
    restore: str = ""  # the command that makes the rows anew

    @property
    def harm(self) -> bool:
        """Whether rows are gone, or entries or the catalogue had to be mended; what is left over or foreign harms nothing."""
        return self.kind not in ("left_over", "foreign")


def fsck(place: Place, *, repair: bool = True, run: str = "") -> list[Finding]:
    """Everything that is wrong with a lake, worst first; with `repair`, broken files lie in `quarantine/` and the rest of the lake works.

    Raises:
        LakeError: there is no lake, or the disk refused.
    """
    root = at(place)
    if "lake.json" not in (root.names("") or ()):
        raise LakeError(nowhere(root))
    found = list(_entries(root, repair))
    readable = repair or not found
    if not readable:
        return found + list(_strangers(root, []))
    with Lake(root, create=False) as lake:
        live = lake.entries()
        there = root.files("tables")
        broken = [finding for entry in live for file in entry.files if (finding := _file(root, entry, file, there.get(file.path)))]
        if broken and repair:
            _set_aside(lake, broken, run)
        faults = list(_catalogue(lake, repair))
        if repair and (found or broken or faults) and (lake.root / CATALOGUE).exists():
            lake.catalogue()
    return found + broken + faults + list(_strangers(root, lake.all_entries()))


def _entries(root: Storage, repair: bool) -> Iterator[Finding]:
    """Entries that cannot be read, and a manifest that is gone; both are rebuilt from the files that bear the commits' names."""
    files = _by_commit(root)
    if files and root.names("manifest") is None:
        count = sum(len(each) for each in files.values())
        if repair:
            for name in files:
                _adopt(root, name, files[name])
        yield Finding("manifest", "manifest", f"missing; {count} files of {len(files)} commits in tables/ are entered again, folded by id")
        return
    names = manifest.entry_names(root)
    for name in names:
        root.stale(manifest.entry_path(name))
    root.fetch(map(manifest.entry_path, names))
    for name in names:
        try:
            manifest.read_entry(root, name)
        except LakeError as error:
            if "upgrade" in str(error):
                raise
            if repair:
                _move(root, manifest.entry_path(name))
                _adopt(root, name, files.get(name, []))
            yield Finding("entry", f"manifest/{name}.json", f"{error}; entered again from its {len(files.get(name, []))} files")


def _catalogue(lake: Lake, repair: bool) -> Iterator[Finding]:
    """The catalogue that other tools open, where it lies there and cannot be read; it holds nothing that the lake does not."""
    path = lake.root / CATALOGUE
    if lake.storage.remote or not path.exists() or not (fault := catalogue_fault(path)):
        return
    yield Finding("catalogue", CATALOGUE, f"{fault}; " + ("written anew" if repair else "fsck, or the next command that writes, writes it anew"))


def _file(root: Storage, entry: Entry, file: File, size: int | None) -> Finding | None:
    restore = f"curate {upkeep.STAGE[file.table]} PLAN" if file.table in upkeep.STAGE else ""

    def found(kind: str, said: str) -> Finding:
        return Finding(kind, file.path, said, file.table, file.rows, entry.run, restore)

    if size is None:
        return found("missing", f"{file.rows} rows, {file.bytes} bytes in the manifest, no file on disk")
    if size != file.bytes:
        return found("broken", f"{size} bytes on disk, {file.bytes} in the manifest")
    root.stale(file.path)
    path = root.local(file.path)
    if (digest := file_sha256(path)) != file.sha256:
        return found("broken", f"SHA-256 {digest[:12]} on disk, {file.sha256[:12]} in the manifest")
    if (rows := pq.read_metadata(path).num_rows) != file.rows:
        return found("broken", f"{rows} rows on disk, {file.rows} in the manifest")
    return None


def _set_aside(lake: Lake, broken: list[Finding], run: str) -> None:
    """Moves broken files away, and in one commit leaves out what refers to rows that are gone and the ledger lines that claim them."""
    lost = [str(lake.root / each.path) for each in broken]
    removed: dict[str, int] = {}
    for each in broken:
        removed[each.table] = removed.get(each.table, 0) + each.rows
    gone = {}
    if "rollouts" in removed:  # an attempt that is drawn again must not meet the old one's text and verdict
        whole = [path for path in lake.files().get("rollouts", []) if path not in lost]
        left = f"SELECT id FROM read_parquet([{', '.join(map(quoted, whole))}])" if whole else "SELECT '' AS id WHERE false"
        gone = {"texts": f"id NOT IN ({left})", "verdicts": f"rollout_id NOT IN ({left})"}
    upkeep.erase(lake, gone, removed, "lost", ", ".join(each.path for each in broken), run=run, lost=lost)
    for each in broken:
        _move(lake.storage, each.path)


def _move(root: Storage, path: str) -> None:
    root.move(path, f"quarantine/{path}")


def _by_commit(root: Storage) -> dict[str, list[str]]:
    commits: dict[str, list[str]] = {}
    for path in sorted(root.files("tables")):
        if match := NAME.fullmatch(PurePosixPath(path).name):
            commits.setdefault(match[1], []).append(path)
    return commits


def _adopt(root: Storage, name: str, paths: list[str]) -> None:
    """An entry for files that lost theirs. It claims to have seen nothing, so that readers fold its rows with all others'."""
    files = []
    for inside in paths:
        path = root.local(inside)
        try:
            rows = pq.read_metadata(path).num_rows
        except (pa.ArrowException, OSError):
            _move(root, inside)
            continue
        files.append(File(path.parent.name, inside, rows, path.stat().st_size, file_sha256(path)))
    plain = name.removesuffix(manifest.STAND_IN)
    manifest.write_entry(root, Entry(plain, "", manifest.FORMAT, tuple(files), writer=plain, seen=-1))


def _strangers(root: Storage, entries: list[Entry]) -> Iterator[Finding]:
    """What no commit accounts for: rests of killed writes, and files that are not ours."""
    named = {file.path for entry in entries for file in entry.files}
    for name in sorted(root.names("") or ()):
        if name not in OURS:
            kind = "left_over" if name.endswith(".tmp") or name.startswith(".assay.") else "foreign"
            yield Finding(kind, name, "a write that never finished" if kind == "left_over" else "not of this lake; nobody reads it")
    for inside in sorted(path for folder in ("tables", "manifest") for path in root.files(folder)):
        path = PurePosixPath(inside)
        if inside == MARK:
            continue
        if path.name.startswith(".") and path.name.endswith(".tmp"):
            yield Finding("left_over", inside, "a write that never finished; nobody reads it")
        elif inside.startswith("manifest") and path.suffix == ".json" and path.name[0].isdigit():
            continue
        elif NAME.fullmatch(path.name) and path.parent.name in schemas():
            if inside not in named:
                yield Finding("left_over", inside, "of a commit that never happened; nobody reads it")
        else:
            yield Finding("foreign", inside, "not of this lake; nobody reads it")
