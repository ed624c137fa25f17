"""Upkeep: small files merged, rows removed on request; a reader sees the lake before or after, never between.

Each of these is one commit that stands for the commits before it. Replaced files stay for a day, for readers that have them open.
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
from assay.stores.references import SUBJECTS, ledger_keys, names_of, restored_by, rows_of
from assay.stores.renames import present_name
from assay.stores.schema import quoted
from assay.stores.sql.session import unlike
from assay.stores.sql.views import table_query
from assay.stores.tables import schema

SMALL = 32 << 20  # bytes; a file above it is left as it is
BIN = 128 << 20  # bytes of small files that are merged into one
REST = re.compile(r"\.?(\d{20})-[0-9a-f]{8}(?:-c)?(?:-\d+)?(?:\.tmp|\.parquet)")
CLOCKS_NS = 3600 * 10**9  # clocks of machines differ by less
KEEP_S = 86_400.0  # replaced files stay so long


@dataclass(frozen=True, slots=True)
class MaintenanceResult:
    """What an upkeep command did."""

    before: int  # files that counted
    after: int
    removed: Mapping[str, int]  # rows by table
    swept: int  # replaced files that were deleted
    rests: int = 0  # files of killed writes that were deleted


def compact(lake: Lake, *, run: str = "", keep_s: float = KEEP_S) -> MaintenanceResult:
    """Small files merged and doubled rows folded, in one commit; what was replaced more than `keep_s` ago is deleted.

    Raises:
        LakeError: another compaction is under way, or the disk refused.
    """
    with lease(lake.storage, "compact", limit_s=3600) as mine:
        if not mine:
            raise LakeError(f"another compaction of {lake.place} is under way; its lease ends by itself within an hour")
        with lake.pin_snapshot():
            files = [file for entry in lake.entries() for file in entry.files]
            if sum(file.bytes < SMALL for file in files) > len({file.table for file in files}) or lake.has_duplicates():
                restate(lake, {}, run=run, merge=True)
            after = sum(len(entry.files) for entry in lake.entries())
        return MaintenanceResult(len(files), after, {}, sweep(lake, keep_s=keep_s))


def forget(lake: Lake, by: str, value: str, *, run: str = "", keep_s: float = KEEP_S) -> MaintenanceResult:
    """Every row of a policy or a source removed in one commit, which leaves a tombstone a table; nothing of it is in any view afterwards.

    Ledger lines of stages that lost rows go too. The replaced files hold the rows until `keep_s` has passed and `compact` or `forget` sweeps; what
    killed writes have left in `tables/` goes at once.

    Raises:
        LakeError: unknown kind, another compaction is under way, or the disk refused.
    """
    if by not in SUBJECTS:
        raise LakeError(f"nothing is forgotten by {by!r}; known: {', '.join(SUBJECTS)}")
    gone = rows_of(by, value)
    with lease(lake.storage, "compact", limit_s=3600) as mine:
        if not mine:
            raise LakeError(f"a compaction of {lake.place} is under way; its lease ends by itself within an hour")
        with lake.pin_snapshot():
            counts = {name: _count(lake, name, condition) for name, condition in gone.items()}
            removed = {name: count for name, count in counts.items() if count}
            before = sum(len(entry.files) for entry in lake.entries())
            if removed:
                erase(lake, {name: gone[name] for name in removed}, removed, by, value, run=run)
            after = sum(len(entry.files) for entry in lake.entries())
        return MaintenanceResult(before, after, removed, sweep(lake, keep_s=keep_s), sweep_rests(lake))


def must_know(lake: Lake, by: str, value: str) -> None:
    """Refuses to forget what nothing here is called, a misspelt name say; what was forgotten before may be asked for again.

    Raises:
        LakeError: no such policy or source, with the names that there are.
    """
    names = [str(row["name"]) for row in lake.rows(names_of(by))]
    if value not in names and not lake.rows(
        "SELECT id FROM tombstones WHERE what = ? AND value = ? LIMIT 1", [by, value]
    ):
        raise LakeError(f"no {by} here is called {value!r}; {suggest_names(value, names)}")


def erase(
    lake: Lake,
    gone: Mapping[str, str],
    removed: Mapping[str, int],
    by: str,
    value: str,
    *,
    run: str,
    lost: Sequence[str] = (),
) -> None:
    """Takes the rows out of the views, with a tombstone a table and without the ledger lines that claim they are there."""
    claims = _ledger_claims(gone, removed)
    if claims:
        gone = {**gone, "stages": " OR ".join(f"({claim})" for claim in claims)}
    now = time.time()
    rows = [
        {"id": manifest.new_name(), "table": name, "what": by, "value": value, "rows": count, "time": now, "run": run}
        for name, count in removed.items()
    ]
    restate(
        lake, gone, run=run, extra={"tombstones": pa.Table.from_pylist(rows, schema=schema("tombstones"))}, lost=lost
    )


def _ledger_claims(gone: Mapping[str, str], removed: Iterable[str]) -> list[str]:
    """SQL of the ledger lines that claim rows which are gone.

    Where every table of a stage that lost rows holds the stage's key, only those keys' lines: doing another training again would cost hours.
    Lines under a key that a removed row holds go whatever their stage, since a stage from outside is in no schema.
    """
    keyed = [name for name in removed if name in gone and ledger_keys(name)]
    claims = [f"key IN (SELECT {ledger_keys(name)} FROM {name} WHERE {gone[name]})" for name in keyed]
    tables: dict[str, list[str]] = {}
    for name in removed:
        for stage in restored_by(name):
            tables.setdefault(stage, []).append(name)
    for stage, names in sorted(tables.items()):
        claim = f"stage = {quoted(stage)}"
        if all(name in gone and ledger_keys(name) for name in names):
            keys = " UNION ".join(
                f"SELECT {ledger_keys(name)} FROM {name} WHERE {gone[name]}" for name in sorted(names)
            )
            claim += f" AND key IN ({keys})"
        claims.append(claim)
    return claims


def restate(
    lake: Lake,
    gone: Mapping[str, str],
    *,
    run: str,
    merge: bool = False,
    extra: Mapping[str, pa.Table] | None = None,
    lost: Sequence[str] = (),
) -> str:
    """One commit that stands for all commits so far, without the rows of `gone` (SQL by table) and the files of `lost`."""
    entries = lake.entries()
    records = {str(lake.root / file.path): (file, entry.format) for entry in entries for file in entry.files}
    name, files, written = manifest.new_name(stand_in=True), list[File](), list[str]()

    def write(table: str, content: pa.Table) -> None:
        written.append(f"tables/{table}/{name}-{len(written)}.parquet")
        files.append(manifest.write_parquet(lake.storage, table, content, f"{name}-{len(written) - 1}"))

    with _nothing_left(lake, written), lake.storage.writing():
        for table in sorted({file.table for file, _ in records.values()}):
            carried, fresh = _kept(lake, table, records, gone.get(table, "false"), set(lost))
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
        replaced = sorted({old for entry in entries for old in (entry.name, *entry.replaces)})
        lake.commit_entry(manifest.Entry(name, run, manifest.FORMAT, tuple(files), replaces=tuple(replaced)))
    return name


@contextmanager
def _nothing_left(lake: Lake, written: Sequence[str]) -> Iterator[None]:
    """Takes the files away where what should have named them was not written."""
    try:
        yield
    except BaseException:
        for path in written:
            with suppress(LakeError):
                lake.storage.remove(path)
        raise


def sweep_rests(lake: Lake) -> int:
    """Delete what killed writes have left in `tables/`: files that no commit names, and temporary ones; returns how many.

    Where no lock tells whether a commit is under way, only what is older than an hour.

    Raises:
        LakeError: a writer has been in the middle of a commit for long, or the disk refused.
    """
    with lake.storage.undisturbed() as alone:
        if not alone and not lake.storage.remote:
            raise LakeError(
                f"{lake.place}: a commit is under way, so rests of killed writes stay in tables/; everything else is done: run this again"
            )
        named = {file.path for entry in lake.all_entries() for file in entry.files}
        rests = [path for path in lake.storage.files("tables") if path not in named and _rest(path, alone)]
        return sum(lake.storage.remove(path) for path in rests)


def _rest(path: str, alone: bool) -> bool:
    """Whether a file that no commit names is what a killed write has left."""
    match = REST.fullmatch(PurePosixPath(path).name)
    if match is None or not present_name(PurePosixPath(path).parent.name):
        return False
    return alone or time.time_ns() - int(match[1]) > CLOCKS_NS


def sweep(lake: Lake, *, keep_s: float = KEEP_S) -> int:
    """Deletes files that were replaced more than `keep_s` ago, and then their entries; returns how many files."""
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
    lake: Lake, table: str, records: Mapping[str, tuple[File, int]], gone: str, lost: set[str]
) -> tuple[list[File], list[pa.Table]]:
    """Files that stay as they are, and the rest's rows as new content."""
    carried, fresh = list[File](), list[pa.Table]()
    for group in lake.groups().get(table, ()):
        whole = group.without(lost)
        for piece in [whole] if whole.doubled else [replace(whole, paths=(path,)) for path in whole.paths]:
            if not piece.paths:
                continue
            file, form = records[piece.paths[0]]
            # an older file may lack columns or call them otherwise, and files of one entry have equal ones
            same = not piece.doubled and not piece.renamed and form == manifest.FORMAT
            if same and gone == "false":
                carried.append(file)
                continue
            _require_sound(lake, [records[path][0] for path in piece.paths])
            rows = lake.query(f"SELECT * FROM ({table_query(schema(table), [piece])}) WHERE ({gone}) IS NOT TRUE")
            if same and rows.num_rows == file.rows:
                carried.append(file)
            elif rows.num_rows:
                fresh.append(typed(rows, table))
    return carried, fresh


def _merged(lake: Lake, table: str, files: Sequence[File]) -> Iterator[pa.Table]:
    """The small files' rows, in pieces of about BIN bytes on disk."""
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
    return pa.concat_tables([typed(pq.read_table(lake.storage.local(file.path)), table) for file in files])


def _require_sound(lake: Lake, files: Sequence[File]) -> None:
    """What is damaged is not written anew, under a hash that would call it whole."""
    lake.storage.fetch([file.path for file in files])
    for file in files:
        try:
            fault = unlike(str(lake.storage.local(file.path)), file.bytes, file.sha256)
        except FileNotFoundError:
            fault = f"{lake.place}/{file.path} is gone"
        if fault:
            raise LakeError(
                f"{fault}; nothing was changed: `curate fsck` names what is broken and restores what can be restored"
            )


def typed(rows: pa.Table, table: str) -> pa.Table:
    """Rows under the table's present schema; a column that an older format lacks is null."""
    wanted = schema(table)
    columns = [
        rows[field.name].cast(field.type) if field.name in rows.column_names else pa.nulls(rows.num_rows, field.type)
        for field in wanted
    ]
    return pa.table(columns, schema=wanted)


def _count(lake: Lake, table: str, gone: str) -> int:
    return int(lake.rows(f'SELECT count(*) AS n FROM "{table}" WHERE {gone}')[0]["n"])
