"""Verification of every file against the manifest: damaged files are set aside, and the stage that restores them named.

A missing file stays in the manifest: its disk may not be mounted, and it counts again when it is back. Rows leave the
views without the caller's consent only where few files are damaged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from assay.core.errors import LakeError
from assay.core.identity import hash_file
from assay.stores.commits import manifest
from assay.stores.commits.manifest import Entry, File
from assay.stores.lake import Lake, mark_of, missing_lake_message, read_mark
from assay.stores.maintenance import compaction, reentry
from assay.stores.maintenance.reentry import NAME, set_aside
from assay.stores.references import part_of, redrawn_tables, restore_command, rows_that_need
from assay.stores.renames import names_of_table, present_name
from assay.stores.sql import intervals
from assay.stores.sql.views import catalogue_fault, table_query
from assay.stores.storage.backend import Place, Storage, at
from assay.stores.storage.local import UnreadableFile, unreadable_error
from assay.stores.storage.mirror import MARK
from assay.stores.tables import schemas

OURS = {
    "lake.json",
    "manifest",
    "copies",
    "tables",
    "derived",
    "leases",
    "quarantine",
    "checkpoints",
    "reports",
    "audits",
    "assay.duckdb",
}
CATALOGUE = "assay.duckdb"
FEW = 8  # damaged files up to which they are set aside without `drop`
DROP = "`curate lake fsck --drop` removes their rows from the views"
NO_WAY_BACK = (
    "; these texts cannot be restored while their attempts count: `curate lake fsck --drop` removes the attempts, "
    "and `curate score CONFIG` samples them again"
)


@dataclass(frozen=True, slots=True)
class LakeFault:
    """One file or entry that is not as the manifest says, or that no commit accounts for."""

    kind: str  # mark, manifest, entry, lost, broken, missing, textless, derived, catalogue, left_over, foreign
    path: str  # relative to the lake
    said: str  # what is wrong, with the expected and the present numbers
    table: str = ""
    rows: int = 0  # that are gone from the views, or cannot be read
    run: str = ""
    restore: str = ""  # the command that makes the rows anew

    @property
    def harm(self) -> bool:
        """Whether rows are gone, or entries or the catalogue were damaged; left-over and foreign files do no harm."""
        return self.kind not in ("left_over", "foreign")


def fsck(place: Place, *, repair: bool = True, drop: bool = False, run: str = "") -> list[LakeFault]:
    """Find everything that is wrong with a lake, and repair it.

    Args:
        place: the lake.
        repair: repair what can be repaired: broken files go into `quarantine/`, and the rest of the lake works;
            without it, change nothing.
        drop: also remove from the views the rows of missing files, of more than FEW broken ones, and attempts whose
            texts are lost.
        run: the run that commits name.

    Returns:
        The findings, worst first.

    Raises:
        LakeError: there is no lake, a file or folder cannot be read, or the disk refused.
    """
    root = at(place)
    marks = list(_mark(root, repair))
    findings = [*marks, *(LakeFault(kind, path, fault) for kind, path, fault in reentry.mended_entries(root, repair))]
    lost_files = [finding for finding in findings if finding.kind == "lost"]
    if lost_files and drop and repair:
        _take_note(root, lost_files, run)
    if (findings and not repair) or (lost_files and not drop):
        return findings + list(_strangers(root, None))
    with Lake(root, create=False) as lake:
        paths = root.files("tables")
        files = [
            finding
            for entry in lake.entries()
            for file in entry.files
            if (finding := _file(root, entry, file, paths.get(file.path)))
        ]
        mistaken = [finding for finding in files if finding.kind == "entry"]
        if mistaken and repair:
            return findings + _entered_anew(root, mistaken) + fsck(root, repair=repair, drop=drop, run=run)
        removable_files = _removable(files, drop)
        # attempts whose texts an earlier fsck set aside; those that are set aside now are reported as broken
        faults = [] if drop else list(_textless(lake, False, run))
        if removable_files and repair:
            _set_aside(lake, removable_files, run)
        faults += [*(_textless(lake, repair, run) if drop else ()), *_derived(root, repair), *_catalogue(lake, repair)]
        if (
            repair
            and (findings or removable_files or faults)
            and (lake.root / CATALOGUE).exists()
            and not lake.storage.remote
        ):
            lake.catalogue()
    return findings + files + faults + list(_strangers(root, lake.all_entries()))


def _mark(root: Storage, repair: bool) -> Iterator[LakeFault]:
    """Find a missing or damaged `lake.json` where there are commits, and write it again from the manifest."""
    names = set(root.names("") or ())
    commits = manifest.entry_names(root) or root.names(manifest.COPIES) or reentry.files_by_commit(root)
    if "lake.json" not in names and not commits:
        raise LakeError(missing_lake_message(root))
    fault = "missing"
    if "lake.json" in names:
        try:
            read_mark(root.read("lake.json"), root.place)
            return
        except UnreadableFile:
            raise
        except LakeError as error:
            fault = str(error).partition(";")[0]
    if not commits:
        raise LakeError(
            f"{root.place}/lake.json is damaged, and the lake has no commits: "
            "delete it, and the next command that writes creates the lake"
        )
    if repair:
        if "lake.json" in names:
            set_aside(root, "lake.json")
        root.create("lake.json", mark_of(_first_format(root)))
    yield LakeFault(
        "mark",
        "lake.json",
        f"{fault}; " + ("written again from the manifest" if repair else "fsck writes it again from the manifest"),
    )


def _first_format(root: Storage) -> int:
    """Return the format in which the lake began, as far as its entries show."""
    for name in manifest.entry_names(root):
        try:
            return manifest.read_entry(root, name).format
        except (LakeError, FileNotFoundError):
            continue
    return manifest.FORMAT


def _take_note(root: Storage, lost_files: Sequence[LakeFault], run: str) -> None:
    """Write one entry that stands for those without copy and files, so that they no longer count as gone."""
    names = tuple(PurePosixPath(finding.path).stem for finding in lost_files)
    manifest.write_entry(
        root, Entry(manifest.new_name(stand_in=True), run, manifest.FORMAT, (), replaces=names, mended=True)
    )


def _entered_anew(root: Storage, mistaken: Sequence[LakeFault]) -> list[LakeFault]:
    """Write entries of old formats, which hold no hash, again where they are wrong and their files undamaged."""
    files = reentry.files_by_commit(root)
    for name in {finding.run for finding in mistaken}:
        set_aside(root, manifest.entry_path(name))
        reentry.enter_again(root, name, files.get(name, []), repair=True)
    return [LakeFault("entry", finding.path, finding.said) for finding in mistaken]


def _removable(files: Sequence[LakeFault], drop: bool) -> list[LakeFault]:
    """Return the files whose rows leave the views: a few broken ones, or with `drop` all that are broken or missing."""
    broken = [finding for finding in files if finding.kind == "broken"]
    if drop:
        return list(files)
    return broken if len(broken) <= FEW else []


def _textless(lake: Lake, drop: bool, run: str) -> Iterator[LakeFault]:
    """Find attempts whose texts an earlier fsck set aside; with `drop`, remove them."""
    for part in filter(part_of, schemas()):
        whole = part_of(part)
        lost_query = (
            "SELECT id FROM tombstones WHERE what = 'lost' AND \"table\" IN (SELECT unnest(?::VARCHAR[])) LIMIT 1"
        )
        if not lake.rows(lost_query, [names_of_table(part)]):
            continue
        ids_left = f"SELECT id FROM {part}"
        try:
            count = int(lake.rows(f"SELECT count(*) AS n FROM {whole} WHERE id NOT IN ({ids_left})")[0]["n"])
        except LakeError:  # other files of these tables are damaged or missing, which is reported already
            continue
        if not count:
            continue
        if drop:
            conditions = rows_that_need(whole, ids_left) | {whole: f"id NOT IN ({ids_left})"}
            compaction.erase(lake, conditions, {whole: count}, "lost", part, run=run)
        message = f"{count} attempts have lost their texts" + (
            "; they were removed from the views" if drop else NO_WAY_BACK
        )
        yield LakeFault(
            "textless", f"tables/{whole}", message, whole, count, "", restore_command(whole) if drop else ""
        )


def _derived(root: Storage, repair: bool) -> Iterator[LakeFault]:
    """Find a damaged table of interval ends, and compute it again."""
    if fault := intervals.find_fault(root):
        if repair:
            root.move(intervals.PATH, f"quarantine/{intervals.PATH}")  # a folder in its place cannot be overwritten
            intervals.store_intervals(root, intervals.usual_intervals())
        yield LakeFault(
            "derived",
            intervals.PATH,
            f"{fault}; " + ("written again" if repair else "fsck writes it again; until then it is not read"),
        )


def _catalogue(lake: Lake, repair: bool) -> Iterator[LakeFault]:
    """Find a catalogue for other tools that cannot be read, and write it again; it holds no data of its own."""
    path = lake.root / CATALOGUE
    if (
        lake.storage.remote
        or not path.exists()
        or not (fault := catalogue_fault(path) if path.is_file() else "it is not a file")
    ):
        return
    if repair and not path.is_file():
        set_aside(lake.storage, CATALOGUE)
        lake.catalogue()
    yield LakeFault(
        "catalogue",
        CATALOGUE,
        f"{fault}; " + ("written again" if repair else "fsck, or the next command that writes, writes it again"),
    )


def _file(root: Storage, entry: Entry, file: File, size: int | None) -> LakeFault | None:
    """Return what is wrong with one file, or with what its entry says of it; None = they agree."""
    restore = restore_command(file.table)

    def report(kind: str, fault: str) -> LakeFault:
        return LakeFault(kind, file.path, fault, file.table, file.rows, entry.run, restore)

    if size is None:
        return report(
            "missing",
            f"{file.rows} rows, {file.bytes} bytes in the manifest, no file on disk; "
            f"its rows count again once it is back; {DROP}",
        )
    if size < 0:
        return report("broken", "not a regular file" + _after(file))
    root.stale(file.path)
    path = root.local(file.path)
    try:
        digest = hash_file(path)
    except OSError as error:
        raise unreadable_error(path, error) from error
    rows = file.rows if digest == file.sha256 and entry.format >= 3 else _rows(path)
    if (size, digest, rows) == (file.bytes, file.sha256, file.rows):
        return None
    if entry.format < 3 and _entry_errs(file, size, digest, rows):
        fault = (
            f"{file.bytes} bytes, {file.rows} rows, SHA-256 {file.sha256[:12]} in the entry, "
            "which has no hash; the file is intact and was entered again"
        )
        return LakeFault("entry", manifest.entry_path(entry.name), fault, run=entry.name)
    if size != file.bytes:
        return report("broken", f"{size} bytes on disk, {file.bytes} in the manifest" + _after(file))
    if digest != file.sha256:
        return report("broken", f"SHA-256 {digest[:12]} on disk, {file.sha256[:12]} in the manifest" + _after(file))
    return report("broken", f"{rows} rows on disk, {file.rows} in the manifest" + _after(file))


def _after(file: File) -> str:
    return NO_WAY_BACK if part_of(file.table) else ""


def _rows(path: object) -> int:
    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError, ValueError):
        return -1


def _entry_errs(file: File, size: int, digest: str, rows: int) -> bool:
    """Return whether the entry is wrong, not the file.

    It is where its hash is the file's, or differs from it in one digit alone, and the file's footer can be read.
    """
    alike = sum(ours != theirs for ours, theirs in zip(digest, file.sha256)) <= 1
    return alike and rows >= 0


def _set_aside(lake: Lake, broken: list[LakeFault], run: str) -> None:
    """Set broken files aside; remove their rows, rows that need them and ledger lines that claim them in one commit."""
    lost_paths = [str(lake.root / finding.path) for finding in broken]
    n_removed: dict[str, int] = {}
    for finding in broken:
        n_removed[finding.table] = n_removed.get(finding.table, 0) + finding.rows
    conditions: dict[str, str] = {}
    for table in redrawn_tables():
        if table in n_removed:  # an attempt that is drawn again must not be joined with the old one's text and verdict
            conditions |= rows_that_need(table, _ids_left(lake, table, lost_paths))
    compaction.erase(
        lake, conditions, n_removed, "lost", ", ".join(finding.path for finding in broken), run=run, lost=lost_paths
    )
    for finding in broken:
        set_aside(lake.storage, finding.path)


def _ids_left(lake: Lake, table: str, lost_paths: Sequence[str]) -> str:
    """Return a SELECT of the ids that a table still has without its lost files."""
    groups = [group.without(lost_paths) for group in lake.groups().get(table, ())]
    return f"SELECT id FROM ({table_query(schemas()[table], groups)})"


def _strangers(root: Storage, entries: Sequence[Entry] | None) -> Iterator[LakeFault]:
    """Find what no commit accounts for: files of killed writes, and files that are not the lake's.

    Args:
        root: the lake.
        entries: all commits; None = unknown, so that no data file is reported.
    """
    entry_paths = {file.path for entry in entries or () for file in entry.files}
    for name in sorted(root.names("") or ()):
        if name not in OURS:
            kind = "left_over" if name.endswith(".tmp") or name.startswith(".assay.") else "foreign"
            yield LakeFault(
                kind,
                name,
                "a write that never finished"
                if kind == "left_over"
                else "does not belong to this lake and is never read",
            )
    for inside in sorted(path for folder in ("tables", "manifest") for path in root.files(folder)):
        path = PurePosixPath(inside)
        if inside == MARK:
            continue
        if path.name.startswith(".") and path.name.endswith(".tmp"):
            yield LakeFault("left_over", inside, "left by a write that never finished; never read")
        elif inside.startswith("manifest") and manifest.ENTRY.fullmatch(path.name):
            continue
        elif NAME.fullmatch(path.name) and present_name(path.parent.name):
            if inside not in entry_paths and entries is not None:
                yield LakeFault(
                    "left_over",
                    inside,
                    "of a commit that never happened, or the last one, whose entry is gone; it is never read",
                )
        else:
            yield LakeFault("foreign", inside, "does not belong to this lake and is never read")
