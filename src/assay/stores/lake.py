"""The lake: append rows, ask SQL. A process killed at any instant leaves the last whole commit."""

import importlib.metadata
import json
import re
import secrets
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import pyarrow as pa

from assay.core.errors import DISTRIBUTION, LakeError
from assay.stores.commits import manifest
from assay.stores.commits.concurrency import seal
from assay.stores.commits.sealing import Damaged, sealed, unsealed
from assay.stores.commits.snapshot import Snapshot, group_files
from assay.stores.sql import intervals, landlock, views
from assay.stores.sql.select_guard import require_select
from assay.stores.sql.session import Session
from assay.stores.storage.backend import Place, Storage, at
from assay.stores.tables import schema

Rows: TypeAlias = Sequence[Mapping[str, Any]] | pa.Table
BEFORE = ("manifest", "leases")  # what may lie in a place before its lake.json does
LOOK_EVERY_S = 1.0  # how long an append that checks nothing may go without looking for other writers' commits
LITERAL = re.compile(r"'(?:[^']|'')*'")  # of SQL; a path in it names no table
BATCH = 8_192  # rows that an answer turns into Python at a time


class Lake:
    """Parquet tables in one folder or bucket, read through DuckDB views. `root` is where files are opened, `place` what people call it.

    Opening costs one listing of the manifest; entries are read once. Not for sharing between threads.

    Raises:
        LakeError: the folder is no lake, is of a newer format, or (with `create=False`) does not exist.
        ConfigError: of a bucket: nobody answers, or with a refusal.
    """

    def __init__(self, root: Place, *, create: bool = True) -> None:
        self.storage = at(root)
        self.root, self.place = self.storage.root, self.storage.place
        try:
            self._check_format(self.storage.read("lake.json"))
        except (FileNotFoundError, NotADirectoryError):
            if manifest.entry_names(self.storage):
                raise LakeError(
                    f"{self.place}/lake.json is gone; `curate fsck --lake {self.place}` writes it again from the manifest"
                ) from None
            if not create:
                raise LakeError(nowhere(self.storage)) from None
            self._empty_or_founded()
        self._snapshot = Snapshot(self.storage)
        self._writer = secrets.token_hex(4)
        self._base: frozenset[str] | None = None  # entries that were there when this opening first looked
        self._others: frozenset[str] | None = None  # what `_foreign` found; None = look anew
        self._seal = 0
        self._looked = 0.0
        self._held = False
        self._session: Session | None = None
        self._groups: dict[str, list[views.FileGroup]] = {}
        self._stale = True  # whether `_groups` are of an earlier snapshot

    def append(
        self, rows: Mapping[str, Rows], *, run: str = "", known: Iterable[str] = ("rollouts", "completions", "verdicts")
    ) -> int:
        """Adds the rows whose ids are new, in one commit over all tables; returns how many rows were added.

        Tables named in `known` are not checked against stored ids: their caller has already asked what is missing.

        Raises:
            LakeError: the disk refused; nothing of this call is visible, all earlier commits are.
        """
        fresh = {name: self._typed(name, given, run) for name, given in rows.items()}
        checked = {name for name, table in fresh.items() if table.num_rows and name not in known}
        if checked or time.monotonic() - self._looked > LOOK_EVERY_S:
            self._refresh()
        seen = None
        while (
            seen != self._seal
        ):  # another's commit that came between two tables' checks was seen by the second alone: check again
            seen = self._seal
            foreign = self._foreign() if len(checked) < len(rows) else frozenset()
            fresh = {
                name: self._unseen(name, table, None if name in checked else foreign)
                if name in checked or foreign
                else table
                for name, table in fresh.items()
            }
            fresh = {name: table for name, table in fresh.items() if table.num_rows}
        if not fresh:
            return 0
        self.commit(fresh, run)
        return sum(table.num_rows for table in fresh.values())

    def commit(self, tables: Mapping[str, pa.Table], run: str) -> None:
        """One commit of typed tables, unchecked.

        Raises:
            LakeError: the disk refused; nothing of this call is visible.
        """
        self._found()
        name = manifest.new_name()
        with self.storage.writing():
            with ThreadPoolExecutor(
                len(tables)
            ) as tables_at_once:  # a disk answers three waiting fsyncs about as fast as one
                files = tuple(
                    tables_at_once.map(
                        lambda table: manifest.write_parquet(self.storage, table, tables[table], name), tables
                    )
                )
            self.commit_entry(manifest.Entry(name, run, manifest.FORMAT, files, self._writer, self._seal))

    def commit_entry(self, entry: manifest.Entry) -> None:
        """Writes an entry whose files lie there: the commit itself. It names as its parents what this opening has seen."""
        self._snapshot.add(manifest.write_entry(self.storage, replace(entry, parents=self._snapshot.parents())))
        self._seal ^= seal([entry.name])
        self._stale = True

    @contextmanager
    def pin_snapshot(self) -> Iterator[None]:
        """Inside, the lake is as it was at the beginning, whatever others commit; what this opening commits is seen."""
        self._refresh()
        self._held = True
        try:
            yield
        finally:
            self._held = False

    def query(self, sql: str, parameters: Any = None) -> pa.Table:
        """The answer of one SELECT over all views, as an Arrow table.

        Raises:
            ConfigError: not one SELECT, or one that writes.
            LakeError: DuckDB refused.
        """
        require_select(sql)
        try:
            return views.run(self._views(sql), sql, parameters)
        except views.Unnamed:
            return views.run(self._views(sql, whole=True), sql, parameters)

    def rows(self, sql: str, parameters: Any = None) -> list[dict[str, Any]]:
        """The answer as a list of dicts."""
        return list(self.query(sql, parameters).to_pylist())

    def iterate_rows(self, sql: str, parameters: Any = None) -> Iterator[dict[str, Any]]:
        """The answer's rows one by one: as Arrow it takes a fraction of what as many dicts would take at once."""
        for batch in self.query(sql, parameters).to_batches(max_chunksize=BATCH):
            yield from batch.to_pylist()

    def ask(self, sql: str) -> pa.Table:
        """The answer of a stranger's query: one SELECT, nothing but the lake readable, no setting to change, no file to write.

        Raises:
            ConfigError: not one SELECT, or one that writes.
            LakeError: DuckDB refused.
        """
        require_select(sql)
        self._refresh()
        with tempfile.TemporaryDirectory(prefix="assay-sql-", ignore_cleanup_errors=True) as spill:
            try:
                return self._locked(sql, spill, whole=False)
            except views.Unnamed:
                return self._locked(sql, spill, whole=True)

    def mark_known(self) -> None:
        """The caller knows all that is stored by now: later appends of known tables are held only against what others commit from here on."""
        self._refresh()
        self._base, self._others = frozenset(self._snapshot.entries), None

    def ids(self, table: str, ids: Sequence[str], *, among: frozenset[str] | None = None) -> set[str]:
        """Those of the ids that the table already holds; with `among`, that these commits added to it."""
        if not self.files().get(table):
            return set()
        wanted = pa.table({"id": pa.array(ids, pa.string())})
        source = f'"{table}"'
        if among is not None and not among - {entry.name for entry in self._snapshot.live()}:  # none was compacted away
            files = [
                file for name in sorted(among) for file in self._snapshot.entries[name].files if file.table == table
            ]
            if not files:
                return set()
            source = f"({views.table_query(schema(table), group_files(self.root, files)[table])})"
        sql = f"SELECT DISTINCT id FROM {source} SEMI JOIN wanted_ids USING (id)"
        connection = self._views(sql)
        connection.register("wanted_ids", wanted)
        found = views.run(connection, sql)
        connection.unregister("wanted_ids")
        return set(found["id"].to_pylist())

    def files(self) -> dict[str, list[str]]:
        """Absolute paths of every table's committed files, oldest first."""
        self._refresh()
        return self._snapshot.files()

    def entries(self) -> list[manifest.Entry]:
        """The commits that count, oldest first."""
        self._refresh()
        return self._snapshot.live()

    def all_entries(self) -> list[manifest.Entry]:
        """Every commit in the manifest, those included for which another stands."""
        self._refresh()
        return [self._snapshot.entries[name] for name in sorted(self._snapshot.entries)]

    def groups(self) -> dict[str, list[views.FileGroup]]:
        """The files by table, apart where columns differ and where a row may lie in two of them."""
        self._refresh()
        return self._snapshot.groups()

    def has_duplicates(self) -> bool:
        """Whether two writers may have added one row, so that readers must fold."""
        return any(group.doubled for groups in self.groups().values() for group in groups)

    @property
    def older_format(self) -> int | None:
        """The format in which this lake began, where it is older than the one that is written now."""
        try:
            form = int(read_mark(self.storage.read("lake.json"), self.place)["format"])
        except FileNotFoundError:
            return None
        return form if form < manifest.FORMAT else None

    def catalogue(self) -> Path:
        """`assay.duckdb` brought up to date, for other tools; of a bucket only the interval ends are, since a catalogue's paths lie on one machine.

        Raises:
            LakeError: the disk refused.
        """
        self._refresh()
        ends = self._intervals()
        if self.storage.remote:
            return self.root / "assay.duckdb"
        return views.write_catalogue(self.root, self._snapshot.groups(), ends)

    def has_moved(self) -> bool:
        """Whether the catalogue's absolute paths lead elsewhere, because the folder has moved since it was written."""
        return (self.root / "assay.duckdb").is_file() and views.catalogue_root(self.root / "assay.duckdb") not in (
            "",
            str(self.root),
        )

    def close(self) -> None:
        """Lets the connection go; files need no closing."""
        if self._session is not None:
            self._session.connection.close()
            self._session = None

    def __enter__(self) -> "Lake":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _typed(self, name: str, rows: Rows, run: str) -> pa.Table:
        if isinstance(rows, pa.Table):
            return rows.select(schema(name).names).cast(schema(name))
        return pa.Table.from_pylist([{**row, "run": run} for row in rows], schema=schema(name))

    def _unseen(self, name: str, table: pa.Table, among: frozenset[str] | None) -> pa.Table:
        ids = table["id"].to_pylist()
        stored = self.ids(name, ids, among=among)
        first: dict[str, int] = {}
        for position, id_ in enumerate(ids):
            if id_ not in stored:
                first.setdefault(id_, position)
        return table if len(first) == len(ids) else table.take(pa.array(first.values(), pa.int64()))

    def _locked(self, sql: str, spill: str, *, whole: bool) -> pa.Table:
        self._fetch(sql)  # outside of what is confined: it writes into a bucket's mirror

        def answer() -> pa.Table:
            with views.connect() as connection:
                self._shown(Session(connection, self.storage), sql, whole)
                views.lock(connection, self.root, spill)
                if not landlock.available():
                    views.planned(connection, sql)
                return views.run(connection, sql)

        return landlock.run_confined(answer, writable=spill)

    def _views(self, sql: str, *, whole: bool = False) -> duckdb.DuckDBPyConnection:
        """The connection on which all that a query may read is shown as it lies in the lake now; `whole` = everything is."""
        self._refresh()
        if self._session is None:
            self._session = Session(views.branch(), self.storage, kind="TEMP")
        return self._shown(self._session, sql, whole)

    def _shown(self, session: Session, sql: str, whole: bool) -> duckdb.DuckDBPyConnection:
        fetched = self._fetch(sql)
        wanted = views.everything() if whole or views.CATALOGUE.search(sql) else views.named(sql)
        if self._stale:
            self._groups, self._stale = self._snapshot.groups(), False
        session.show(wanted, self._groups, withheld=set(self._groups) - fetched if self.storage.remote else ())
        for name in sorted(
            views.read_by(LITERAL.sub("''", sql)) & session.faults.keys()
        ):  # said here: in a join, the view that says so may never be asked
            raise LakeError(f"{name}: {session.faults[name]}")
        return session.connection

    def _fetch(self, sql: str) -> set[str]:
        """Of a bucket: fetches the files that a query reads, by the names of its tables or by path; returns the tables."""
        if not self.storage.remote:
            return set()
        named, files, here = views.read_by(sql), self._snapshot.files(), f"{self.root}/"
        paths = [path for name in named for path in files.get(name, ())] + re.findall(
            rf"'({re.escape(here)}tables/[^']+)'", sql
        )
        self.storage.fetch(path.removeprefix(here) for path in paths)
        return named

    def _refresh(self) -> bool:
        """Looks into the manifest; whether there was anything new."""
        if self._held:
            return False
        self._looked = time.monotonic()
        fresh = self._snapshot.refresh()
        if fresh:
            self._seal, self._stale, self._others = self._snapshot.seal(), True, None
        if self._base is None:
            self._base = frozenset(self._snapshot.entries)
            self._not_bereft()
        return fresh

    def _not_bereft(self) -> None:
        """A lake whose manifest is gone is not an empty lake."""
        if self._base or self.storage.names("manifest") is not None:
            return
        if any(path.endswith(".parquet") for path in self.storage.files("tables")):
            raise LakeError(
                f"{self.place}/manifest is missing, but there are files in tables/: `curate fsck --lake {self.place}` enters them again"
            )

    def _foreign(self) -> frozenset[str]:
        """Entries that others have committed since this opening first looked: what a caller may not have known when it asked what is missing."""
        if self._base is None:
            return frozenset()
        if self._others is None:
            entries = self._snapshot.entries
            fresh = (
                name
                for name in entries.keys() - self._base
                if entries[name].writer != self._writer and not entries[name].replaces
            )
            self._others = frozenset(fresh)
        return self._others

    def _intervals(self) -> pa.Table:
        """The stored interval ends, with the pairs that this lake's counts need and the table lacks added and stored."""
        table = intervals.known(self.storage)
        lacking: list[dict[str, Any]] = []
        with suppress(LakeError):  # a file is damaged or away: who asks for its rows is told
            lacking = self.rows("SELECT DISTINCT n_correct, n_wrong FROM pass_rates WHERE low IS NULL")
        if lacking:
            table = pa.concat_tables(
                [table, intervals.intervals((row["n_correct"], row["n_wrong"]) for row in lacking)]
            )
        if lacking or not intervals.stored(self.storage):
            intervals.store(self.storage, table)
            self.close()
        return table

    def _found(self) -> None:
        """Marks a new place as a lake, whole or not at all."""
        self.storage.found(mark_of(manifest.FORMAT))

    def _empty_or_founded(self) -> None:
        """Refuses a place that holds other things; another writer may be founding the lake at this moment, or was killed when it began to."""
        if self.root.is_file():
            raise LakeError(f"{self.place} is a file; a lake is a folder")
        there = self.storage.names("") or ()
        if "lake.json" in there:
            self._check_format(self.storage.read("lake.json"))
        elif self.storage.names("manifest") or any(
            name not in BEFORE and not name.startswith(".lake.") for name in there
        ):
            raise LakeError(f"{self.place} holds other files and no lake.json; name an empty folder")

    def _check_format(self, text: bytes) -> None:
        mark = read_mark(text, self.place)
        if not isinstance(mark["format"], int) or mark["format"] > manifest.FORMAT:
            by = mark.get("version", "")
            remedy = (
                f"pip install '{DISTRIBUTION}>={by}'" if re.fullmatch(r"[\w.]+", str(by)) else f"upgrade {DISTRIBUTION}"
            )
            raise LakeError(
                f"{self.place} is of lake format {mark['format']}; this version reads up to {manifest.FORMAT}: {remedy}"
            )


def mark_of(form: int) -> bytes:
    """Return what `lake.json` holds: the format in which the lake began and the version that began it, with their hash from format 3 on."""
    tree = {"format": form, "version": _version()}
    return sealed(tree) if form >= 3 else json.dumps(tree).encode()


def read_mark(text: bytes, place: str) -> dict[str, Any]:
    """Return what a `lake.json` says.

    Raises:
        LakeError: it is torn or changed.
    """
    try:
        tree, digest = unsealed(text)
        if tree["format"] == 3 and not digest:
            raise Damaged("its SHA-256 is gone")
    except (ValueError, KeyError, TypeError) as error:
        raise LakeError(
            f"{place}/lake.json cannot be read: {error}; `curate fsck --lake {place}` writes it again from the manifest"
        ) from error
    return tree


def nowhere(storage: Storage) -> str:
    """That no lake is here, which folders beside it are some, and how one is made."""
    beside = [] if storage.remote else sorted(str(mark.parent) for mark in storage.root.parent.glob("*/lake.json"))
    others = f"; --lake names another: {', '.join(beside[:3])}" if beside else "; --lake names another place"
    return f"no lake at {storage.place}{others}; `curate run PLAN --lake {storage.place}` makes one"


@cache
def _version() -> str:
    """Of this package; "" where it runs from a folder that nobody installed. Looked up once: that takes 4 ms, and each commit asks."""
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return ""
