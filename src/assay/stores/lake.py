"""The lake: append rows, ask SQL. A process killed at any instant leaves the last whole commit."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import pyarrow as pa

from assay.core.errors import LakeError
from assay.stores import manifest, views
from assay.stores.tables import schema

Rows: TypeAlias = Sequence[Mapping[str, Any]] | pa.Table


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
        self._entries: dict[str, manifest.Entry] = {}
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._seen: frozenset[str] = frozenset()

    def append(self, rows: Mapping[str, Rows], *, run: str = "", known: Iterable[str] = ("rollouts", "texts", "verdicts")) -> int:
        """Adds the rows whose ids are new, in one commit over all tables; returns how many rows were added.

        Tables named in `known` are not checked against stored ids: their caller has already asked what is missing.

        Raises:
            LakeError: the disk refused; nothing of this call is visible, all earlier commits are.
        """
        fresh = {name: self._typed(name, given, run) for name, given in rows.items()}
        fresh = {name: table if name in known else self._unseen(name, table) for name, table in fresh.items()}
        fresh = {name: table for name, table in fresh.items() if table.num_rows}
        if not fresh:
            return 0
        self._found()
        name = manifest.new_name()
        files = tuple(manifest.write_parquet(self.root, table, content, name) for table, content in fresh.items())
        entry = manifest.Entry(name, run, manifest.FORMAT, files)
        manifest.write_entry(self.root, entry)
        self._entries[name] = entry
        return sum(table.num_rows for table in fresh.values())

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
        with duckdb.connect(":memory:") as connection:
            views.create_views(connection, self.files())
            views.lock(connection, self.root)
            return views.run(connection, sql)

    def ids(self, table: str, ids: Sequence[str]) -> set[str]:
        """Those of the ids that the table already holds."""
        if not self.files().get(table):
            return set()
        wanted = pa.table({"id": pa.array(ids, pa.string())})
        connection = self._views()
        connection.register("wanted_ids", wanted)
        found = views.run(connection, f'SELECT DISTINCT id FROM "{table}" SEMI JOIN wanted_ids USING (id)')
        connection.unregister("wanted_ids")
        return set(found["id"].to_pylist())

    def files(self) -> dict[str, list[str]]:
        """Absolute paths of every table's committed files, oldest first."""
        self._refresh()
        paths: dict[str, list[str]] = {}
        for name in sorted(self._entries):
            for file in self._entries[name].files:
                paths.setdefault(file.table, []).append(str(self.root / file.path))
        return paths

    def catalogue(self) -> Path:
        """`assay.duckdb` brought up to date, for other tools.

        Raises:
            LakeError: the disk refused.
        """
        with manifest.disk(self.root / "assay.duckdb.tmp"):
            return views.write_catalogue(self.root, self.files())

    def close(self) -> None:
        """Lets the connection go; files need no closing."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._seen = frozenset()

    def __enter__(self) -> "Lake":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _typed(self, name: str, rows: Rows, run: str) -> pa.Table:
        if isinstance(rows, pa.Table):
            return rows.select(schema(name).names).cast(schema(name))
        return pa.Table.from_pylist([{**row, "run": run} for row in rows], schema=schema(name))

    def _unseen(self, name: str, table: pa.Table) -> pa.Table:
        ids = table["id"].to_pylist()
        stored = self.ids(name, ids)
        first: dict[str, int] = {}
        for position, id_ in enumerate(ids):
            if id_ not in stored:
                first.setdefault(id_, position)
        return table if len(first) == len(ids) else table.take(pa.array(first.values(), pa.int64()))

    def _views(self) -> duckdb.DuckDBPyConnection:
        self._refresh()
        if self._connection is None:
            self._connection = duckdb.connect(":memory:")
        if self._seen != (now := frozenset(self._entries)) or not now:
            views.create_views(self._connection, self.files())
            self._seen = now
        return self._connection

    def _refresh(self) -> None:
        for name in manifest.entry_names(self.root):
            if name not in self._entries:
                self._entries[name] = manifest.read_entry(self.root, name)

    def _found(self) -> None:
        """Marks a new folder as a lake, whole or not at all."""
        if (self.root / "lake.json").exists():
            return
        temporary = self.root / f".lake.{os.getpid()}.tmp"
        with manifest.disk(temporary):
            self.root.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps({"format": manifest.FORMAT}))
            os.replace(temporary, self.root / "lake.json")

    def _check_format(self) -> None:
        try:
            found = json.loads((self.root / "lake.json").read_text())["format"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LakeError(f"{self.root / 'lake.json'} cannot be read: {error}") from error
        if not isinstance(found, int) or found > manifest.FORMAT:
            raise LakeError(f"{self.root} is of lake format {found}; this version reads up to {manifest.FORMAT}: upgrade assay-curation")
