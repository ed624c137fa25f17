"""The lake: append rows, ask SQL. A process killed at any instant leaves the last whole commit."""

import importlib.metadata
import json
import os
import re
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import pyarrow as pa

from assay.core.errors import DISTRIBUTION, LakeError
from assay.stores import intervals, manifest, views
from assay.stores.concurrency import seal
from assay.stores.snapshot import Snapshot
from assay.stores.tables import schema, schemas

Rows: TypeAlias = Sequence[Mapping[str, Any]] | pa.Table
LOOK_EVERY_S = 1.0  # how long an append that checks nothing may go without looking for other writers' commits


class Lake:
    """Parquet tables in one folder, read through DuckDB views.

    Opening costs one listing of the manifest; entries are read once. Not for sharing between threads.

    Raises:
        LakeError: the folder is no lake, is of a newer format, or (with `create=False`) does not exist.
    """

    def __init__(self, root: str | Path, *, create: bool = True) -> None:
        self.root = Path(root).expanduser().resolve()
        if not create and not (self.root / "lake.json").exists():
            raise LakeError(f"no lake at {self.root}; `curate ingest PLAN --lake {root}` makes one")
        if (self.root / "lake.json").exists():
            self._check_format()
        elif self.root.exists() and (not self.root.is_dir() or any(self.root.iterdir())):
            raise LakeError(f"{self.root} holds other files and no lake.json; name an empty folder")
        self._snapshot = Snapshot(self.root)
        self._writer = secrets.token_hex(4)
        self._base: frozenset[str] | None = None  # entries that were there when this opening first looked
        self._others: frozenset[str] | None = None  # what `_foreign` found; None = look anew
        self._seal = 0
        self._looked = 0.0
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._shown: dict[str, list[views.Group]] = {}
        self._stale = False

    def append(self, rows: Mapping[str, Rows], *, run: str = "", known: Iterable[str] = ("rollouts", "texts", "verdicts")) -> int:
        """Adds the rows whose ids are new, in one commit over all tables; returns how many rows were added.

        Tables named in `known` are not checked against stored ids: their caller has already asked what is missing.

        Raises:
            LakeError: the disk refused; nothing of this call is visible, all earlier commits are.
        """
        fresh = {name: self._typed(name, given, run) for name, given in rows.items()}
        checked = {name for name, table in fresh.items() if table.num_rows and name not in known}
        if checked or time.monotonic() - self._looked > LOOK_EVERY_S:
            self._refresh()
        foreign = self._foreign() if len(checked) < len(fresh) else frozenset()
        fresh = {
            name: self._unseen(name, table, None if name in checked else foreign) if name in checked or foreign else table
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
        with ThreadPoolExecutor(len(tables)) as tables_at_once:  # a disk answers three waiting fsyncs about as fast as one
            files = tuple(tables_at_once.map(lambda table: manifest.write_parquet(self.root, table, tables[table], name), tables))
        self.restated(manifest.Entry(name, run, manifest.FORMAT, files, self._writer, self._seal))

    def restated(self, entry: manifest.Entry) -> None:
        """Writes an entry whose files lie there: the commit itself."""
        manifest.write_entry(self.root, entry)
        self._snapshot.entries[entry.name] = entry
        self._seal ^= seal([entry.name])
        self._stale = True

    def query(self, sql: str, parameters: Any = None) -> pa.Table:
        """The answer of one SQL query over all views, as an Arrow table."""
        return views.run(self._views(), sql, parameters)

    def rows(self, sql: str, parameters: Any = None) -> list[dict[str, Any]]:
        """The answer as a list of dicts."""
        return list(self.query(sql, parameters).to_pylist())

    def ask(self, sql: str) -> pa.Table:
        """The answer of a stranger's query: one SELECT, nothing but the lake readable, no setting to change.

        Raises:
            PlanError: not one SELECT.
            LakeError: DuckDB refused.
        """
        views.only_select(sql)
        with views.connect() as connection:
            self._refresh()
            views.create_intervals(connection, intervals.known(self.root))
            views.create_views(connection, self._snapshot.groups())
            views.lock(connection, self.root)
            return views.run(connection, sql)

    def caught_up(self) -> None:
        """The caller knows all that is stored by now: later appends of known tables are held only against what others commit from here on."""
        self._refresh()
        self._base, self._others = frozenset(self._snapshot.entries), None

    def ids(self, table: str, ids: Sequence[str], *, among: frozenset[str] | None = None) -> set[str]:
        """Those of the ids that the table already holds; with `among`, that these commits added to it."""
        if not self.files().get(table):
            return set()
        wanted = pa.table({"id": pa.array(ids, pa.string())})
        connection, source = self._views(), f'"{table}"'
        if among is not None and not among - {entry.name for entry in self._snapshot.live()}:  # none was compacted away
            paths = [str(self.root / file.path) for name in sorted(among) for file in self._snapshot.entries[name].files if file.table == table]
            if not paths:
                return set()
            source = f"({views.table_query(schema(table), [views.Group(tuple(paths))])})"
        connection.register("wanted_ids", wanted)
        found = views.run(connection, f"SELECT DISTINCT id FROM {source} SEMI JOIN wanted_ids USING (id)")
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

    def groups(self) -> dict[str, list[views.Group]]:
        """The files by table, apart where columns differ and where a row may lie in two of them."""
        self._refresh()
        return self._snapshot.groups()

    def doubled(self) -> bool:
        """Whether two writers may have added one row, so that readers must fold."""
        return any(group.doubled for groups in self.groups().values() for group in groups)

    @property
    def older(self) -> int | None:
        """The format in which this lake began, where it is older than the one that is written now."""
        form = self._format()
        return form if form is not None and form < manifest.FORMAT else None

    def catalogue(self) -> Path:
        """`assay.duckdb` brought up to date, for other tools.

        Raises:
            LakeError: the disk refused.
        """
        self._refresh()
        with manifest.disk(self.root / "assay.duckdb.tmp"):
            return views.write_catalogue(self.root, self._snapshot.groups(), self._intervals())

    def moved(self) -> bool:
        """Whether the catalogue's absolute paths lead elsewhere, because the folder has moved since it was written."""
        return (self.root / "assay.duckdb").exists() and views.catalogue_root(self.root / "assay.duckdb") not in ("", str(self.root))

    def close(self) -> None:
        """Lets the connection go; files need no closing."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._shown = {}

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

    def _views(self) -> duckdb.DuckDBPyConnection:
        fresh = self._refresh()
        if self._connection is None:
            self._connection = views.connect()
            views.create_intervals(self._connection, intervals.known(self.root))
            self._shown = self._snapshot.groups()
            views.create_views(self._connection, self._shown)
        elif fresh or self._stale:
            groups = self._snapshot.groups()
            views.create_views(self._connection, groups, only={name for name in schemas() if groups.get(name) != self._shown.get(name)})
            self._shown = groups
        self._stale = False
        return self._connection

    def _refresh(self) -> bool:
        """Looks into the manifest; whether there was anything new."""
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
        if not self._base and not (self.root / "manifest").is_dir() and any((self.root / "tables").glob("*/*.parquet")):
            raise LakeError(
                f"{self.root / 'manifest'} is missing, but there are files in tables/: `curate fsck --lake {self.root}` enters them again"
            )

    def _foreign(self) -> frozenset[str]:
        """Entries that others have committed since this opening first looked: what a caller may not have known when it asked what is missing."""
        if self._base is None:
            return frozenset()
        if self._others is None:
            entries = self._snapshot.entries
            fresh = (name for name in entries.keys() - self._base if entries[name].writer != self._writer and not entries[name].replaces)
            self._others = frozenset(fresh)
        return self._others

    def _intervals(self) -> pa.Table:
        """The stored interval ends, with the pairs that this lake's counts need and the table lacks added and stored."""
        table = intervals.known(self.root)
        lacking = self.rows("SELECT DISTINCT n_correct, n_wrong FROM pass_rates WHERE low IS NULL")
        if lacking:
            table = pa.concat_tables([table, intervals.intervals((row["n_correct"], row["n_wrong"]) for row in lacking)])
        if lacking or not intervals.path(self.root).exists():
            intervals.store(self.root, table)
            self.close()
        return table

    def _found(self) -> None:
        """Marks a new folder as a lake, whole or not at all."""
        if (self.root / "lake.json").exists():
            return
        temporary = self.root / f".lake.{os.getpid()}.tmp"
        with manifest.disk(temporary):
            (self.root / "manifest").mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps({"format": manifest.FORMAT, "version": _version()}))
            os.replace(temporary, self.root / "lake.json")

    def _check_format(self) -> None:
        if (found := self._format()) is None or found > manifest.FORMAT:
            by = self._mark().get("version", "")
            remedy = f"pip install '{DISTRIBUTION}>={by}'" if re.fullmatch(r"[\w.]+", str(by)) else f"upgrade {DISTRIBUTION}"
            raise LakeError(f"{self.root} is of lake format {found}; this version reads up to {manifest.FORMAT}: {remedy}")

    def _format(self) -> int | None:
        found = self._mark().get("format")
        return found if isinstance(found, int) else None

    def _mark(self) -> dict[str, Any]:
        """What lake.json says: the format in which this lake began, and the version that began it."""
        try:
            found = json.loads((self.root / "lake.json").read_text())
            return {"format": found["format"], **found}
        except FileNotFoundError:
            return {"format": manifest.FORMAT}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LakeError(f"{self.root / 'lake.json'} cannot be read: {error}") from error


def _version() -> str:
    """Of this package; "" where it runs from a folder that nobody installed."""
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return ""
