"""Merging of small files, and removal of rows on request; a reader sees the lake before or after, never between.

Each is one commit that stands for the commits before it. Replaced files stay for a day, for readers that have them
open.
"""

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from assay.core.errors import LakeError, suggest_names
from assay.stores.commits import manifest
from assay.stores.commits.lease import lease
from assay.stores.commits.manifest import File
from assay.stores.lake import Lake
from assay.stores.pool_table import discard_pools
from assay.stores.references import SUBJECTS, ledger_keys, names_of, restored_by, rows_of
from assay.stores.renames import present_name
from assay.stores.schema import quoted
from assay.stores.sql.session import describe_difference
from assay.stores.sql.views import table_query
from assay.stores.tables import schema

SMALL = 32 << 20  # bytes; a larger file is left as it is
BIN = 128 << 20  # bytes of small files that are merged into one file
REST = re.compile(r"\.?(\d{20})-[0-9a-f]{8}(?:-c)?(?:-\d+)?(?:\.tmp|\.parquet)")
CLOCKS_NS = 3600 * 10**9  # the clocks of two machines differ by less
KEEP_S = 86_400.0  # how long replaced files stay


@dataclass(frozen=True, slots=True)
class MaintenanceResult:
    """What compaction or deletion did."""

    before: int  # live files before it
    after: int  # and after it
    removed: Mapping[str, int]  # rows by table
    swept: int  # replaced files that were deleted
    rests: int = 0  # files of killed writes that were deleted


def compact(lake: Lake, *, run: str = "", keep_s: float = KEEP_S) -> MaintenanceResult:
    """Merge small files and drop duplicate rows in one commit; then delete files that were replaced long ago.

    Args:
        lake: the lake.
        run: the run that the commit names.
        keep_s: how long replaced files stay.

    Raises:
        LakeError: another compaction is under way, or the disk refused.
    """
    with lease(lake.storage, "compact", limit_s=3600) as mine:
        if not mine:
            raise LakeError(
                f"another compaction of {lake.place} is running; if it was killed, its lease ends within an hour"
            )
        with lake.pin_snapshot():
            files = [file for entry in lake.entries() for file in entry.files]
            if sum(file.bytes < SMALL for file in files) > len({file.table for file in files}) or lake.has_duplicates():
                restate(lake, {}, run=run, merge=True)
            after = sum(len(entry.files) for entry in lake.entries())
        return MaintenanceResult(len(files), after, {}, sweep(lake, keep_s=keep_s))


def compact_scattered(lake: Lake, at: int, *, run: str = "") -> MaintenanceResult | None:
    """Compact a lake that holds many small files, unless somebody else does.

    Args:
        lake: the lake.
        at: so many small files beyond one per table; 0 = never.
        run: the run that the commit names.

    Returns:
        What it did; None = there were fewer, or another compaction was under way.

    Raises:
        LakeError: the disk refused, or a file is damaged.
    """
    files = [file for entry in lake.entries() for file in entry.files if file.bytes < SMALL] if at else []
    if not at or len(files) - len({file.table for file in files}) < at:
        return None
    with lease(lake.storage, "compact", limit_s=3600) as mine:
        if not mine:
            return None
        with lake.pin_snapshot():
            restate(lake, {}, run=run, merge=True)
            after = sum(len(entry.files) for entry in lake.entries())
        return MaintenanceResult(len(files), after, {}, sweep(lake))


def forget(
    lake: Lake, by: str, value: str, *, run: str = "", keep_s: float = KEEP_S, tagged: bool = False
) -> MaintenanceResult:
    """Remove every row of a policy or a source in one commit, which leaves one tombstone per table.

    No view shows such a row afterwards, and the ledger lines of stages that lost rows are removed too. The replaced
    files hold the rows until `keep_s` has passed and `compact` or `forget` runs again; files that killed writes have
    left in `tables/` are deleted at once.

    Args:
        lake: the lake.
        by: a key of `references.SUBJECTS`.
        value: the policy's revision or name, or the source's name.
        run: the run that the commit names.
        keep_s: how long replaced files stay.
        tagged: whether rows that a release holds go too, and the release loses them.

    Raises:
        LakeError: `by` is unknown, a release holds such rows, another compaction is under way, or the disk refused.
    """
    if by not in SUBJECTS:
        raise LakeError(f"rows cannot be deleted by {by!r}; known: {', '.join(SUBJECTS)}")
    conditions = rows_of(by, value)
    with lease(lake.storage, "compact", limit_s=3600) as mine:
        if not mine:
            raise LakeError(f"a compaction of {lake.place} is running; if it was killed, its lease ends within an hour")
        with lake.pin_snapshot():
            if not tagged:
                _refuse_tagged(lake, conditions)
            counts = {name: _count(lake, name, condition) for name, condition in conditions.items()}
            n_removed = {name: count for name, count in counts.items() if count}
            before = sum(len(entry.files) for entry in lake.entries())
            if n_removed:
                erase(lake, {name: conditions[name] for name in n_removed}, n_removed, by, value, run=run)
                discard_pools(lake.place)
            after = sum(len(entry.files) for entry in lake.entries())
        return MaintenanceResult(before, after, n_removed, sweep(lake, keep_s=keep_s), sweep_rests(lake))


def _refuse_tagged(lake: Lake, conditions: Mapping[str, str]) -> None:
    """Refuse to remove rows that releases hold.

    Raises:
        LakeError: a release holds some; the error names the releases.
    """
    releases = lake.rows(
        f"SELECT tag, count(*) AS n FROM tag_rows WHERE {conditions.get('tag_rows', 'false')} GROUP BY tag ORDER BY tag"
    )
    if releases:
        releases_text = ", ".join(f"{row['tag']} ({row['n']} problems)" for row in releases)
        raise LakeError(
            f"nothing was deleted, because releases hold these rows: {releases_text}; `curate lake delete --tagged` removes "
            "them from the "
            "releases too"
        )


def must_know(lake: Lake, by: str, value: str) -> None:
    """Refuse a policy or source that this lake does not know, such as a misspelt one; one forgotten before is known.

    Raises:
        LakeError: there is none of this name; the error holds similar ones.
    """
    names = [str(row["name"]) for row in lake.rows(names_of(by))]
    if value not in names and not lake.rows(
        "SELECT id FROM tombstones WHERE what = ? AND value = ? LIMIT 1", [by, value]
    ):
        raise LakeError(f"no {by} in this lake is called {value!r}; {suggest_names(value, names)}")


def erase(
    lake: Lake,
    conditions: Mapping[str, str],
    removed: Mapping[str, int],
    by: str,
    value: str,
    *,
    run: str,
    lost: Sequence[str] = (),
) -> None:
    """Remove rows, and the ledger lines that claim they are there, and write one tombstone per table, in one commit.

    Args:
        lake: the lake.
        conditions: SQL conditions of the rows by table.
        removed: how many rows that removes, by table.
        by: the tombstones' `what`.
        value: the tombstones' `value`.
        run: the run that the commit names.
        lost: absolute paths of files that are left out with all their rows.
    """
    claims = _ledger_claims(conditions, removed)
    if claims:
        conditions = {**conditions, "stages": " OR ".join(f"({claim})" for claim in claims)}
    now = time.time()
    rows = [
        {"id": manifest.new_name(), "table": name, "what": by, "value": value, "rows": count, "time": now, "run": run}
        for name, count in removed.items()
    ]
    restate(
        lake,
        conditions,
        run=run,
        extra={"tombstones": pa.Table.from_pylist(rows, schema=schema("tombstones"))},
        lost=lost,
    )


def _ledger_claims(conditions: Mapping[str, str], removed: Iterable[str]) -> list[str]:
    """Return SQL conditions of the ledger lines that claim removed rows.

    Where every table of a stage that lost rows holds the stage's key, only the lines of those keys are removed: to
    repeat another training would cost hours. Lines under a key that a removed row holds are removed whatever their
    stage, since no schema names a stage from outside.
    """
    keyed = [name for name in removed if name in conditions and ledger_keys(name)]
    claims = [f"key IN (SELECT {ledger_keys(name)} FROM {name} WHERE {conditions[name]})" for name in keyed]
    tables: dict[str, list[str]] = {}
    for name in removed:
        for stage in restored_by(name):
            tables.setdefault(stage, []).append(name)
    for stage, names in sorted(tables.items()):
        claim = f"stage = {quoted(stage)}"
        if all(name in conditions and ledger_keys(name) for name in names):
            keys = " UNION ".join(
                f"SELECT {ledger_keys(name)} FROM {name} WHERE {conditions[name]}" for name in sorted(names)
            )
            claim += f" AND key IN ({keys})"
        claims.append(claim)
    return claims


def restate(
    lake: Lake,
    conditions: Mapping[str, str],
    *,
    run: str,
    merge: bool = False,
    extra: Mapping[str, pa.Table] | None = None,
    lost: Sequence[str] = (),
) -> str:
    """Write one commit that stands for all commits so far.

    Args:
        lake: the lake.
        conditions: SQL conditions of rows that are left out, by table.
        run: the run that the commit names.
        merge: whether small files are merged.
        extra: rows that are added, by table.
        lost: absolute paths of files that are left out.

    Returns:
        The commit's name.
    """
    entries = lake.entries()
    records = {str(lake.root / file.path): (file, entry.format) for entry in entries for file in entry.files}
    name, files, paths = manifest.new_name(stand_in=True), list[File](), list[str]()

    def write(table: str, content: pa.Table) -> None:
        paths.append(f"tables/{table}/{name}-{len(paths)}.parquet")
        files.append(manifest.write_parquet(lake.storage, table, content, f"{name}-{len(paths) - 1}"))

    with _nothing_left(lake, paths), lake.storage.writing():
        for table in sorted({file.table for file, _ in records.values()}):
            carried, fresh = _kept(lake, table, records, conditions.get(table, "false"), set(lost))
            if merge:
                fresh, carried = (
                    [*fresh, *_merged(lake, table, carried)],
                    [file for file in carried if file.bytes >= SMALL],
                )
            files += carried
            for content in fresh:
                write(table, content)
        for table, content in (extra or {}).items():
            write(table, content)
        replaced_names = sorted({old for entry in entries for old in (entry.name, *entry.replaces)})
        lake.commit_entry(manifest.Entry(name, run, manifest.FORMAT, tuple(files), replaces=tuple(replaced_names)))
    return name


@contextmanager
def _nothing_left(lake: Lake, paths: Sequence[str]) -> Iterator[None]:
    """Delete the files that were written, where the commit that should name them fails."""
    try:
        yield
    except BaseException:
        for path in paths:
            with suppress(LakeError):
                lake.storage.remove(path)
        raise


def sweep_rests(lake: Lake) -> int:
    """Delete what killed writes have left in `tables/`: files that no commit names, and temporary ones.

    Where no lock shows whether a commit is under way, only files older than an hour are deleted.

    Returns:
        How many files were deleted.

    Raises:
        LakeError: commits were under way for the whole wait, or the disk refused.
    """
    with lake.storage.undisturbed() as alone:
        if not alone and not lake.storage.remote:
            raise LakeError(
                f"{lake.place}: a commit is under way, so leftovers of killed writes stay in tables/; "
                "everything else is done; run this again later"
            )
        entry_paths = {file.path for entry in lake.all_entries() for file in entry.files}
        rests = [path for path in lake.storage.files("tables") if path not in entry_paths and _rest(path, alone)]
        return sum(lake.storage.remove(path) for path in rests)


def _rest(path: str, alone: bool) -> bool:
    """Return whether a file that no commit names is what a killed write has left."""
    match = REST.fullmatch(PurePosixPath(path).name)
    if match is None or not present_name(PurePosixPath(path).parent.name):
        return False
    return alone or time.time_ns() - int(match[1]) > CLOCKS_NS


def sweep(lake: Lake, *, keep_s: float = KEEP_S) -> int:
    """Delete files that were replaced more than `keep_s` ago, and then their entries; return how many files."""
    live = {file.path for entry in lake.entries() for file in entry.files}
    old = {
        name for entry in lake.entries() if time.time_ns() - entry.time_ns >= keep_s * 1e9 for name in entry.replaces
    }
    swept = 0
    for name in sorted(old & set(manifest.entry_names(lake.storage))):
        with suppress(FileNotFoundError):
            for file in manifest.read_entry(lake.storage, name).files:
                if file.path not in live:
                    swept += lake.storage.remove(file.path)
            lake.storage.remove(manifest.entry_path(name))
            lake.storage.remove(manifest.copy_path(name)) if manifest.stands_in(name) else None
    return swept


def _kept(
    lake: Lake, table: str, records: Mapping[str, tuple[File, int]], condition: str, lost_paths: set[str]
) -> tuple[list[File], list[pa.Table]]:
    """Return the files that stay as they are, and the remaining rows of the others."""
    carried, fresh = list[File](), list[pa.Table]()
    for group in lake.groups().get(table, ()):
        whole = group.without(lost_paths)
        for piece in [whole] if whole.doubled else [replace(whole, paths=(path,)) for path in whole.paths]:
            if not piece.paths:
                continue
            file, form = records[piece.paths[0]]
            # an older file may lack columns or have other names for them, and files of one entry have equal ones
            same = not piece.doubled and not piece.renamed and form == manifest.FORMAT
            if same and condition == "false":
                carried.append(file)
                continue
            _require_sound(lake, [records[path][0] for path in piece.paths])
            rows = lake.query(f"SELECT * FROM ({table_query(schema(table), [piece])}) WHERE ({condition}) IS NOT TRUE")
            if same and rows.num_rows == file.rows:
                carried.append(file)
            elif rows.num_rows:
                fresh.append(cast_rows(rows, table))
    return carried, fresh


def _merged(lake: Lake, table: str, files: Sequence[File]) -> Iterator[pa.Table]:
    """Yield the small files' rows, in pieces of about BIN bytes on disk."""
    pieces, size = list[File](), 0
    for file in files:
        if file.bytes < SMALL:
            pieces.append(file)
            size += file.bytes
        if size >= BIN:
            yield _together(lake, pieces, table)
            pieces, size = [], 0
    if pieces:
        yield _together(lake, pieces, table)


def _together(lake: Lake, files: Sequence[File], table: str) -> pa.Table:
    _require_sound(lake, files)
    return pa.concat_tables([cast_rows(pq.read_table(lake.storage.local(file.path)), table) for file in files])


def _require_sound(lake: Lake, files: Sequence[File]) -> None:
    """Refuse a damaged file: written anew, its rows would get a hash that calls them undamaged."""
    lake.storage.fetch([file.path for file in files])
    for file in files:
        try:
            fault = describe_difference(str(lake.storage.local(file.path)), file.bytes, file.sha256)
        except FileNotFoundError:
            fault = f"{lake.place}/{file.path} is gone"
        if fault:
            raise LakeError(
                f"{fault}; nothing was changed: `curate lake fsck` reports what is broken and restores what it can"
            )


def cast_rows(rows: pa.Table, table: str) -> pa.Table:
    """Return rows under the table's present schema; a column that an older format lacks is null."""
    wanted = schema(table)
    columns = [
        rows[field.name].cast(field.type) if field.name in rows.column_names else pa.nulls(rows.num_rows, field.type)
        for field in wanted
    ]
    return pa.table(columns, schema=wanted)


def _count(lake: Lake, table: str, condition: str) -> int:
    return int(lake.rows(f'SELECT count(*) AS n FROM "{table}" WHERE {condition}')[0]["n"])
