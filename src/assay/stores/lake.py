"""The lake: append rows, query them with SQL. A process that is killed at any instant leaves the last whole commit."""

import importlib.metadata
import json
import re
import secrets
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.core.errors import DISTRIBUTION, LakeError
from assay.stores.commits import manifest
from assay.stores.commits.concurrency import seal
from assay.stores.commits.known_ids import FROM_ROWS, KnownIds
from assay.stores.commits.sealing import Damaged, read_sealed, seal_json
from assay.stores.commits.snapshot import Snapshot, group_files
from assay.stores.sql import intervals, landlock, views
from assay.stores.sql.kept_answers import KeptAnswers
from assay.stores.sql.select_guard import require_select
from assay.stores.sql.session import Session
from assay.stores.storage.backend import Place, Storage, at
from assay.stores.tables import schema

Tables: TypeAlias = Mapping[str, pa.Table]
NO_TABLES: Tables = {}
Rows: TypeAlias = Sequence[Mapping[str, Any]] | pa.Table
BEFORE = ("manifest", "leases")  # what may lie in a place before its lake.json does
LOOK_EVERY_S = 1.0  # how long an append that checks no ids may go without looking for other writers' commits
LITERAL = re.compile(r"'(?:[^']|'')*'")  # a SQL string; a path inside it names no table
BATCH = 8_192  # rows of an answer that are turned into Python objects at a time


class Lake:
    """Parquet tables in one folder or bucket, read through DuckDB views.

    Opening costs one listing of the manifest; each entry is read once. A lake must not be shared between threads.

    Args:
        root: a folder, or the address of a bucket.
        create: whether a place without a lake becomes one at the first write.

    Attributes:
        root: the folder in which files are opened; of a bucket, its mirror.
        place: the folder or address as people write it.

    Raises:
        LakeError: the folder is no lake, is of a newer format, or (with `create=False`) does not exist.
        ConfigError: the bucket's service does not answer, or refuses.
    """

    def __init__(self, root: Place, *, create: bool = True) -> None:
        self.storage = at(root)
        self.root, self.place = self.storage.root, self.storage.place
        try:
            self._check_format(self.storage.read("lake.json"))
        except (FileNotFoundError, NotADirectoryError):
            if manifest.entry_names(self.storage):
                raise LakeError(
                    f"{self.place}/lake.json is missing; "
                    f"`curate lake fsck --lake {self.place}` writes it again from the manifest"
                ) from None
            if not create:
                raise LakeError(missing_lake_message(self.storage)) from None
            self._empty_or_founded()
        self._snapshot = Snapshot(self.storage)
        self._writer = secrets.token_hex(4)
        self._base: frozenset[str] | None = None  # entries that were there when this opening first looked
        self._others: frozenset[str] | None = None  # the last result of `_foreign`; None = work it out anew
        self._seal = 0
        self._looked = 0.0  # when the manifest was last listed, by time.monotonic()
        self._held = False
        self._session: Session | None = None
        self._groups: dict[str, list[views.FileGroup]] = {}
        self._answers = KeptAnswers()
        self._known: dict[str, KnownIds | None] = {}  # by table; None = looked up once
        self._stale = True  # whether `_groups` are of an earlier snapshot

    def append(
        self, rows: Mapping[str, Rows], *, run: str = "", known: Iterable[str] = ("rollouts", "completions", "verdicts")
    ) -> int:
        """Add the rows whose ids are new, in one commit over all tables.

        Args:
            rows: rows by table.
            run: the run that writes them.
            known: tables that are not checked against stored ids, because the caller has looked up what is missing.

        Returns:
            How many rows were added.

        Raises:
            LakeError: the disk refused; no row of this call is visible, all earlier commits are.
        """
        fresh = {name: self._typed(name, table_rows, run) for name, table_rows in rows.items()}
        checked = {name for name, table in fresh.items() if table.num_rows and name not in known}
        if checked or time.monotonic() - self._looked > LOOK_EVERY_S:
            self._refresh()
        last_seal = None
        # another writer's commit that came between the checks of two tables was seen by the second alone: check again
        while last_seal != self._seal:
            last_seal = self._seal
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
        """Write tables that have their schemas in one commit, without looking for stored ids.

        Raises:
            LakeError: the disk refused; no row of this call is visible.
        """
        self._found()
        name = manifest.new_name()
        with self.storage.writing():
            files = manifest.write_tables(self.storage, tables, name)
            self.commit_entry(manifest.Entry(name, run, manifest.FORMAT, files, self._writer, self._seal))

    def commit_entry(self, entry: manifest.Entry) -> None:
        """Commit files that are already written: write the entry that names them.

        The entry names as its parents the entries that this opening has seen and no other entry has named.
        """
        self._snapshot.add(manifest.write_entry(self.storage, replace(entry, parents=self._snapshot.parents())))
        self._seal ^= seal([entry.name])
        self._stale = True

    @contextmanager
    def pin_snapshot(self) -> Iterator[None]:
        """Hide, inside a `with` block, what other writers commit; what this opening commits is seen."""
        self._refresh()
        self._held = True
        try:
            yield
        finally:
            self._held = False

    def query(self, sql: str, parameters: Any = None, given: Tables = NO_TABLES) -> pa.Table:
        """Run one SELECT over all tables and views.

        Args:
            sql: one SELECT.
            parameters: its parameters.
            given: further tables that it reads, by name; of long lists, a parameter takes several times the memory.

        Returns:
            The answer as an Arrow table.

        Raises:
            ConfigError: not one SELECT, or one that writes.
            LakeError: DuckDB refused.
        """
        require_select(sql)
        try:
            return self._run(self._views(sql), sql, parameters, given)
        except views.Unnamed:
            return self._run(self._views(sql, whole=True), sql, parameters, given)

    def query_again(self, sql: str, parameters: Any = None) -> pa.Table:
        """Run a query that the caller repeats: its answer is kept until one of its tables has other files.

        Args:
            sql: one SELECT that writes out the names of its tables, and whose answer depends on their rows alone.
            parameters: its parameters; short ones.

        Raises:
            ConfigError, LakeError: as `query`.
        """
        self._refresh()
        groups = self._current_groups()
        files = [groups.get(name, []) for name in sorted(views.find_tables(sql))]
        return self._answers.get(sql, parameters, files, self.query)

    def _run(self, connection: duckdb.DuckDBPyConnection, sql: str, parameters: Any, given: Tables) -> pa.Table:
        with _registered(connection, given):
            return views.run(connection, sql, parameters)

    def rows(self, sql: str, parameters: Any = None) -> list[dict[str, Any]]:
        """Run one SELECT and return the answer as a list of dicts."""
        return list(self.query(sql, parameters).to_pylist())

    def iterate_rows(self, sql: str, parameters: Any = None) -> Iterator[dict[str, Any]]:
        """Run one SELECT and yield its rows one by one.

        Use it for large answers: Arrow holds them in a fraction of the memory that a list of dicts takes.
        """
        for batch in self.query(sql, parameters).to_batches(max_chunksize=BATCH):
            yield from batch.to_pylist()

    def stream(
        self, sql: str, parameters: Any = None, *, rows: int = BATCH, given: Tables = NO_TABLES
    ) -> Iterator[pa.RecordBatch]:
        """Run one SELECT and yield its answer in batches while DuckDB works it out, so that memory holds a few of them.

        The answer is of the commits at its start, and other queries and commits may come between two batches.

        Args:
            sql: one SELECT.
            parameters: its parameters.
            rows: per batch, at most.
            given: further tables that it reads, by name.

        Raises:
            ConfigError, LakeError: as `query`.
        """
        require_select(sql)
        self._refresh()
        with views.branch() as connection:
            self._shown(Session(connection, self.storage, kind="TEMP"), sql, whole=False)
            for name, table in given.items():
                connection.register(name, table)
            yield from views.stream(connection, sql, parameters, rows)

    def ask(self, sql: str) -> pa.Table:
        """Run one SELECT that somebody else wrote: it can read only the lake, change no setting and write no file.

        Returns:
            The answer as an Arrow table.

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
        """Note that the caller knows every row that is stored by now.

        A later `append` compares the tables in its `known` only with what others commit after this call.
        """
        self._refresh()
        self._base, self._others = frozenset(self._snapshot.entries), None

    def ids(self, table: str, ids: Sequence[str], *, among: frozenset[str] | None = None) -> set[str]:
        """Return those of the ids that the table holds.

        Args:
            table: a table's name.
            ids: the ids to look up.
            among: names of commits; only rows that these added count, unless one of them was compacted away.
        """
        return set(self._stored_ids(table, pa.array(ids, pa.string()), among).to_pylist())

    def _stored_ids(self, table: str, ids: pa.Array | pa.ChunkedArray, among: frozenset[str] | None) -> pa.ChunkedArray:
        nothing = pa.chunked_array([], pa.string())
        if not self.files().get(table):
            return nothing
        id_table = pa.table({"id": ids})
        if among is None and (known_ids := self._known_ids(table)) is not None:
            id_table = known_ids.filter(id_table, self._hash_ids)
            if not len(id_table):
                return nothing
        source = f'"{table}"'
        if among is not None and not among - {entry.name for entry in self._snapshot.live()}:  # none was compacted away
            files = [
                file for name in sorted(among) for file in self._snapshot.entries[name].files if file.table == table
            ]
            if not files:
                return nothing
            source = f"({views.table_query(schema(table), group_files(self.root, files)[table])})"
        return self._ask_of(id_table, f"SELECT DISTINCT id FROM {source} SEMI JOIN wanted_ids USING (id)")["id"]

    def _ask_of(self, ids: pa.Table, sql: str) -> pa.Table:
        """Run a query that reads the table `wanted_ids`."""
        return self._run(self._views(sql), sql, None, {"wanted_ids": ids})

    def _hash_ids(self, ids: pa.Table) -> pa.Table:
        return self._ask_of(ids, "SELECT id, hash(id) AS hash FROM wanted_ids")

    def _known_ids(self, table: str) -> KnownIds | None:
        """Return the ids of a large table that is looked up again, those of all commits; None = its files are read."""
        if table not in self._known:
            live = self._snapshot.live()
            if sum(file.rows for entry in live for file in entry.files if file.table == table) >= FROM_ROWS:
                self._known[table] = None
            return None
        known_ids = self._known[table] = self._known[table] or KnownIds()
        for files in known_ids.uncovered(self._snapshot.live(), table):
            for group in group_files(self.root, files)[table]:
                sql = f"SELECT hash(id) AS hash FROM ({views.group_query(group)})"
                known_ids.add(views.run(self._views(sql), sql)["hash"].to_numpy())
        return known_ids

    def files(self) -> dict[str, list[str]]:
        """Return the absolute paths of every table's committed files, oldest first."""
        self._refresh()
        return self._snapshot.files()

    def entries(self) -> list[manifest.Entry]:
        """Return the commits that count, oldest first."""
        self._refresh()
        return self._snapshot.live()

    def all_entries(self) -> list[manifest.Entry]:
        """Return every commit in the manifest, also those that a compaction has replaced."""
        self._refresh()
        return [self._snapshot.entries[name] for name in sorted(self._snapshot.entries)]

    def groups(self) -> dict[str, list[views.FileGroup]]:
        """Return the files by table, in groups of equal columns; files that may share rows are a group of their own."""
        self._refresh()
        return self._snapshot.groups()

    def has_duplicates(self) -> bool:
        """Return whether two writers may have added one row, so that readers must drop duplicates."""
        return any(group.doubled for groups in self.groups().values() for group in groups)

    @property
    def older_format(self) -> int | None:
        """The format in which this lake began, where it is older than the one that is written now; None = it is not."""
        try:
            form = int(read_mark(self.storage.read("lake.json"), self.place)["format"])
        except FileNotFoundError:
            return None
        return form if form < manifest.FORMAT else None

    def catalogue(self) -> Path:
        """Bring `assay.duckdb` up to date, so that other tools can open the lake, and the stored interval ends.

        A bucket has no catalogue, because the paths in it hold on one machine only.

        Returns:
            Where the catalogue lies.

        Raises:
            LakeError: the disk refused.
        """
        self._refresh()
        ends = self._intervals()
        if self.storage.remote:
            return self.root / "assay.duckdb"
        return views.write_catalogue(self.root, self._snapshot.groups(), ends)

    def has_moved(self) -> bool:
        """Return whether the catalogue's absolute paths lead elsewhere, because the folder has moved since."""
        return (self.root / "assay.duckdb").is_file() and views.catalogue_root(self.root / "assay.duckdb") not in (
            "",
            str(self.root),
        )

    def interrupt(self) -> None:
        """Stop the query of `query` or `rows` that another thread waits for; it then raises an error."""
        if (session := self._session) is not None:
            session.connection.interrupt()

    def close(self) -> None:
        """Close the connection; files need no closing."""
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
        """Return the rows whose ids are not stored; of rows with one id the first."""
        stored_ids = self._stored_ids(name, table["id"], among)
        if len(stored_ids):
            table = table.filter(pc.invert(pc.is_in(table["id"], value_set=stored_ids.combine_chunks())))
        if pc.count_distinct(table["id"]).as_py() == table.num_rows:
            return table
        numbered_rows = pa.table({"id": table["id"], "row": np.arange(table.num_rows)})
        first = numbered_rows.group_by("id").aggregate([("row", "min")])["row_min"]
        return table.take(first.take(pc.sort_indices(first)))

    def _locked(self, sql: str, spill: str, *, whole: bool) -> pa.Table:
        self._fetch(sql)  # before the thread is confined: it writes into a bucket's mirror

        def answer() -> pa.Table:
            with views.connect() as connection:
                self._shown(Session(connection, self.storage), sql, whole)
                views.lock(connection, self.root, spill)
                if not landlock.available():
                    views.check_plan(connection, sql)
                return views.run(connection, sql)

        return landlock.run_confined(answer, writable=spill)

    def _views(self, sql: str, *, whole: bool = False) -> duckdb.DuckDBPyConnection:
        """Return the connection with all that a query may read, as it is now; `whole` = with every table and view."""
        self._refresh()
        if self._session is None:
            self._session = Session(views.branch(), self.storage, kind="TEMP")
        return self._shown(self._session, sql, whole)

    def _shown(self, session: Session, sql: str, whole: bool) -> duckdb.DuckDBPyConnection:
        fetched = self._fetch(sql)
        names = views.list_names() if whole or views.CATALOGUE.search(sql) else views.find_names(sql)
        groups = self._current_groups()
        session.show(names, groups, withheld=set(groups) - fetched if self.storage.remote else ())
        # raised here: in a join, the view that would raise it may never be read
        for name in sorted(views.find_tables(LITERAL.sub("''", sql)) & session.faults.keys()):
            raise LakeError(f"{name}: {session.faults[name]}")
        return session.connection

    def _current_groups(self) -> dict[str, list[views.FileGroup]]:
        if self._stale:
            self._groups, self._stale = self._snapshot.groups(), False
        return self._groups

    def _fetch(self, sql: str) -> set[str]:
        """Fetch from a bucket the files that a query reads, by table name or by path; return the tables."""
        if not self.storage.remote:
            return set()
        tables, files, prefix = views.find_tables(sql), self._snapshot.files(), f"{self.root}/"
        paths = [path for name in tables for path in files.get(name, ())] + re.findall(
            rf"'({re.escape(prefix)}tables/[^']+)'", sql
        )
        self.storage.fetch(path.removeprefix(prefix) for path in paths)
        return tables

    def _refresh(self) -> bool:
        """List the manifest and read what is new; return whether anything was."""
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
        """Refuse a lake whose manifest is gone while its files are there: it is not an empty lake."""
        if self._base or self.storage.names("manifest") is not None:
            return
        if any(path.endswith(".parquet") for path in self.storage.files("tables")):
            raise LakeError(
                f"{self.place}/manifest is missing, but there are files in tables/: "
                f"`curate lake fsck --lake {self.place}` enters them again"
            )

    def _foreign(self) -> frozenset[str]:
        """Return the entries that others have committed since this opening first looked.

        A caller may not have known of their rows when it looked up what was missing.
        """
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
        """Return the stored interval ends, after adding the pairs that this lake's counts need and the table lacks."""
        table = intervals.load_intervals(self.storage)
        lacking: list[dict[str, Any]] = []
        with suppress(LakeError):  # a file is damaged or missing: a query for its rows says so
            if (self.rows(intervals.MOST_ATTEMPTS)[0]["n"] or 0) > intervals.MOST:
                lacking = self.rows("SELECT DISTINCT n_correct, n_wrong FROM pass_rates WHERE low IS NULL")
        if lacking:
            table = pa.concat_tables(
                [table, intervals.compute_intervals((row["n_correct"], row["n_wrong"]) for row in lacking)]
            )
        if lacking or not intervals.is_stored(self.storage):
            intervals.store_intervals(self.storage, table)
            self.close()
        return table

    def _found(self) -> None:
        """Write `lake.json` where there is none, whole or not at all."""
        self.storage.found(mark_of(manifest.FORMAT))

    def _empty_or_founded(self) -> None:
        """Refuse a place that holds other things.

        Another writer may be creating the lake at this moment, or may have been killed while it did.
        """
        if self.root.is_file():
            raise LakeError(f"{self.place} is a file, but a lake is a folder")
        names = self.storage.names("") or ()
        if "lake.json" in names:
            self._check_format(self.storage.read("lake.json"))
        elif self.storage.names("manifest") or any(
            name not in BEFORE and not name.startswith(".lake.") for name in names
        ):
            raise LakeError(f"{self.place} contains other files and no lake.json; name an empty or new folder")

    def _check_format(self, text: bytes) -> None:
        mark = read_mark(text, self.place)
        if not isinstance(mark["format"], int) or mark["format"] > manifest.FORMAT:
            by = mark.get("version", "")
            remedy = (
                f"pip install '{DISTRIBUTION}>={by}'" if re.fullmatch(r"[\w.]+", str(by)) else f"upgrade {DISTRIBUTION}"
            )
            raise LakeError(
                f"{self.place} has lake format {mark['format']}, but this version reads formats up to "
                f"{manifest.FORMAT}: {remedy}"
            )


@contextmanager
def _registered(connection: duckdb.DuckDBPyConnection, given: Tables) -> Iterator[None]:
    """Let a connection's queries read Arrow tables by name, inside a `with` block."""
    for name, table in given.items():
        connection.register(name, table)
    try:
        yield
    finally:
        for name in given:
            connection.unregister(name)


def mark_of(form: int) -> bytes:
    """Return the bytes of `lake.json`: the format in which the lake began and the package version that began it.

    From format 3 on they hold their own hash.
    """
    tree = {"format": form, "version": _version()}
    return seal_json(tree) if form >= 3 else json.dumps(tree).encode()


def read_mark(text: bytes, place: str) -> dict[str, Any]:
    """Return the content of a `lake.json`.

    Raises:
        LakeError: it is cut off or changed.
    """
    try:
        tree, digest = read_sealed(text)
        if tree["format"] == 3 and not digest:
            raise Damaged("its SHA-256 is missing")
    except (ValueError, KeyError, TypeError) as error:
        raise LakeError(
            f"{place}/lake.json cannot be read: {error}; `curate lake fsck --lake {place}` writes it again from the "
            "manifest"
        ) from error
    return tree


def missing_lake_message(storage: Storage) -> str:
    """Return the message that there is no lake, with up to three that lie beside, and how to make one."""
    beside = [] if storage.remote else sorted(str(mark.parent) for mark in storage.root.parent.glob("*/lake.json"))
    others = f"; lakes nearby, for --lake: {', '.join(beside[:3])}" if beside else "; name another place with --lake"
    return f"no lake at {storage.place}{others}; `curate run CONFIG --lake {storage.place}` creates one"


@cache
def _version() -> str:
    """Return this package's version; "" where it is not installed. Looked up once: it takes 4 ms, per commit."""
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return ""
