"""Connections on which the tables are views over the committed files, with the views and macros of `definitions`."""

import os
import re
import secrets
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from assay.core.errors import LakeError
from assay.stores.renames import Pairs, old_name_hint
from assay.stores.schema import quoted, sql_type
from assay.stores.sql.database import MEMORY, open_database, trunk, widen
from assay.stores.sql.definitions import WORD, definitions
from assay.stores.sql.definitions import views as defined_views
from assay.stores.sql.intervals import SCHEMA as INTERVALS
from assay.stores.sql.select_guard import require_reading_plan
from assay.stores.tables import schemas


@dataclass(frozen=True, slots=True)
class FileGroup:
    """Files of one table that have equal columns."""

    paths: tuple[str, ...]
    doubled: bool = False  # a row may lie in two of them
    bytes: int = 0  # of all of them
    sums: tuple[tuple[int, str], ...] = ()  # bytes and SHA-256 of each, as its commit wrote them; () = not compared
    renamed: Pairs = ()  # (name in the files, present name) of columns
    # of a doubled group: the groups of equal column names; () = all its files have the present ones
    parts: tuple["FileGroup", ...] = ()

    def without(self, lost: Collection[str]) -> "FileGroup":
        """Return the group without some of its files."""
        paths = tuple(path for path in self.paths if path not in lost)
        return replace(self, paths=paths, parts=tuple(part.without(lost) for part in self.parts))


# words of a query that may read tables without naming them
CATALOGUE = re.compile(r"\b(information_schema|show|describe|query(_table)?|(duckdb|pg|sqlite|pragma)_\w+)\b", re.I)


class Unnamed(LakeError):
    """A query reads a table or calls a macro whose name it does not hold as a word."""


Groups = Mapping[str, Sequence[FileGroup]]


def connect(database: str = ":memory:", *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Open a database on a connection that prints nothing.

    DuckDB's progress bar for slow queries would stand in the middle of a JSON document.
    """
    return _silent(open_database(database, read_only=read_only))


def branch() -> duckdb.DuckDBPyConnection:
    """Return a connection to this process's one database in memory, for temporary views.

    A database of its own would take 15 ms to fill with DuckDB's functions.
    """
    return _silent(trunk().cursor())


def _silent(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Turn off the progress bar, and the extensions.

    DuckDB would download an extension and run it where a query names s3:// or a spreadsheet.
    """
    for setting in ("enable_progress_bar", "autoinstall_known_extensions", "autoload_known_extensions"):
        connection.execute(f"SET {setting} = false")
    return connection


def create_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Create every table, empty but typed, and every view and macro."""
    for name, schema in schemas().items():
        create_table(connection, name, table_query(schema, ()))
    for name in definitions():
        create_defined(connection, name)


def create_defined(connection: duckdb.DuckDBPyConnection, name: str, *, kind: str = "") -> None:
    """Create one of the views and macros of `definitions`; `kind` "TEMP" = this connection's alone."""
    connection.execute(definitions()[name].statement(kind))


def create_table(connection: duckdb.DuckDBPyConnection, name: str, query: str, *, kind: str = "") -> str:
    """Create the view that stands for a table.

    Returns:
        ""; where a file is broken, what is wrong with it, and the view raises that when it is read.
    """
    try:
        connection.execute(f'CREATE OR REPLACE {kind} VIEW "{name}" AS {query}')
    except duckdb.Error as error:
        fault = " ".join(str(error).split()) + _remedy(error)
        create_failing_table(connection, name, fault, kind=kind)
        return fault
    return ""


def create_failing_table(connection: duckdb.DuckDBPyConnection, name: str, fault: str, *, kind: str = "") -> None:
    """Create a table that raises one line of error whenever it is read."""
    nothing = ", ".join(f'NULL::{sql_type(field.type)} AS "{field.name}"' for field in schemas()[name])
    only = f"(SELECT error({quoted(f'{name}: {fault}')}) AS refused) WHERE refused IS NOT NULL"
    connection.execute(f'CREATE OR REPLACE {kind} VIEW "{name}" AS SELECT {nothing} FROM {only}')


def find_tables(query: str) -> set[str]:
    """Return the tables that a query may read: those that its words name, or that the views and macros it names read.

    >>> sorted(find_tables("SELECT * FROM frontier"))
    ['extensions', 'problems', 'rollouts', 'superseded', 'verdicts']
    """
    return find_names(query) & set(schemas())


def find_names(query: str) -> set[str]:
    """Return what a query may read, by its words: tables, `intervals`, and the views and macros between them."""
    words = _words(query)
    for name, definition in reversed(definitions().items()):  # each reads only earlier ones
        if name in words:
            words |= definition.words
    return words & list_names()


@cache
def list_names() -> frozenset[str]:
    """Return the name of each table, view and macro."""
    return frozenset({*schemas(), *definitions(), "intervals"})


def _words(text: str) -> set[str]:
    return set(WORD.findall(text.lower()))


def create_intervals(connection: duckdb.DuckDBPyConnection, table: pa.Table, *, kind: str = "") -> None:
    """Create the table `intervals` as a copy; call it before `pass_rates` is created, which reads it."""
    connection.register("given_intervals", table)
    connection.execute(f"CREATE OR REPLACE {kind} TABLE intervals AS SELECT * FROM given_intervals")
    connection.unregister("given_intervals")


def table_query(schema: pa.Schema, groups: Sequence[FileGroup], *, variables: str = "") -> str:
    """Return the SELECT behind one table's view.

    Each group of equal columns is read for itself, and a column that a group lacks is null.

    Args:
        schema: the table's schema.
        groups: its files.
        variables: the n-th group's paths are the value of the DuckDB variable `{variables}_{n}`, which costs no
            parsing; "" = they are literals.
    """
    nothing = ", ".join(f'NULL::{sql_type(field.type)} AS "{field.name}"' for field in schema)
    parts = [f"SELECT {nothing} WHERE false"]
    for place, group in enumerate(groups):
        if group.paths:
            parts.append(group_query(group, f"getvariable('{variables}_{place}')" if variables else ""))
    return parts[0] if len(parts) == 1 else " UNION ALL BY NAME ".join(parts)


def group_query(group: FileGroup, paths: str = "") -> str:
    """Return a SELECT of one group's rows, each id once; `paths` is SQL for its paths, "" = they are literals."""
    paths = paths or f"[{', '.join(map(quoted, group.paths))}]"
    if not group.doubled:
        return f"SELECT {_columns(group)} FROM read_parquet({paths})"
    # two writers may have added one row at one moment: the earlier commit's stays, in every table the same commit's
    rows = " UNION ALL BY NAME ".join(_with_paths(part) for part in group.parts or (group,) if part.paths)
    return (
        "SELECT * EXCLUDE (commit_path, place) FROM ("
        "SELECT *, row_number() OVER (PARTITION BY id ORDER BY commit_path) AS place "
        f"FROM ({rows})) WHERE place = 1"
    )


def _columns(group: FileGroup) -> str:
    pairs = ", ".join(f'"{old}" AS "{new}"' for old, new in group.renamed)
    return f"* RENAME ({pairs})" if pairs else "*"


def _with_paths(group: FileGroup) -> str:
    paths = f"[{', '.join(map(quoted, group.paths))}]"
    return f"SELECT {_columns(group)} FROM read_parquet({paths}, filename = 'commit_path', union_by_name = true)"


def write_catalogue(root: Path, files: Groups, intervals: pa.Table) -> Path:
    """Write `assay.duckdb`, a file of views for other tools, beside the old one, and put it in its place at once.

    It is never held open for writing, because an open writer locks every reader out.

    Returns:
        Where it lies.

    Raises:
        LakeError: the disk refused; no part of the new file is left, and the old one stays.
    """
    final, temporary = root / "assay.duckdb", root / f".assay.{secrets.token_hex(4)}.duckdb"
    try:
        temporary.write_bytes(_empty_catalogue())
        with connect(str(temporary)) as connection:
            create_intervals(connection, intervals)
            try:
                with _transaction(connection):
                    _show_files(connection, files)
            except duckdb.Error:  # a file is broken: only its table shall fail
                _show_files(connection, files)
        os.replace(temporary, final)
    except (duckdb.IOException, OSError) as error:
        for rest in (temporary, temporary.with_name(f"{temporary.name}.wal")):
            with suppress(OSError):
                rest.unlink()
        raise LakeError(
            f"cannot write {final}: {str(error).splitlines()[0]}; what was committed before is safe"
        ) from error
    return final


@cache
def _empty_catalogue() -> bytes:
    """Return the bytes of the catalogue of an empty lake, made once per process.

    A view is bound when it is created, and over empty tables that opens no file.
    """
    with tempfile.TemporaryDirectory(prefix="assay-sql-") as folder:
        path = Path(folder, "assay.duckdb")
        with connect(str(path)) as connection, _transaction(connection):
            create_intervals(connection, INTERVALS.empty_table())
            create_views(connection)
        return path.read_bytes()


def _show_files(connection: duckdb.DuckDBPyConnection, files: Groups) -> None:
    for name, groups in files.items():
        create_table(connection, name, table_query(schemas()[name], groups))


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit once what is done inside a `with` block: the disk is synced once, and not per statement."""
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def lock(connection: duckdb.DuckDBPyConnection, root: Path, spill: str) -> None:
    """Confine a connection: it can read only files inside the lake and change no setting.

    What memory does not hold goes into the folder `spill`.
    """
    for statement in (
        f"SET temp_directory = {quoted(spill)}",
        f"SET allowed_directories = [{quoted(str(root) + os.sep)}]",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ):
        connection.execute(statement)


def run(connection: duckdb.DuckDBPyConnection, query: str, parameters: Any = None) -> pa.Table:
    """Run a query and return its answer as an Arrow table.

    Raises:
        Unnamed: there is no such table here.
        LakeError: DuckDB refused; the error holds its first lines.
    """
    with _refusals():
        while True:
            try:
                relation = connection.sql(query, params=parameters)
                return relation.to_arrow_table() if relation is not None else pa.table({})
            except duckdb.OutOfMemoryException:
                if not widen(connection):
                    raise


def stream(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Any = None, rows: int = 8_192
) -> Iterator[pa.RecordBatch]:
    """Run a query and yield its answer in batches of at most `rows` rows, while it is worked out.

    Raises:
        LakeError: DuckDB refused; the error holds its first lines.
    """
    batches, batch = _begin(connection, query, parameters, rows)
    while batch is not None:
        for start in range(0, batch.num_rows, rows):  # DuckDB's own batches are of whole vectors of 2,048 rows
            yield batch.slice(start, rows)
        with _refusals():
            batch = next(batches, None)


def _begin(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Any, rows: int
) -> tuple[Iterator[pa.RecordBatch], pa.RecordBatch | None]:
    """Run a query as far as its first batch, by when it holds most of what it will hold."""
    with _refusals():
        while True:
            try:
                batches = iter(connection.sql(query, params=parameters).to_arrow_reader(rows))
                return batches, next(batches, None)
            except duckdb.OutOfMemoryException:
                if not widen(connection):
                    raise


def check_plan(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """Refuse a query whose plan writes: the second check, where the kernel cannot confine the connection.

    Raises:
        ConfigError: the plan writes.
        Unnamed: there is no such table here.
        LakeError: DuckDB refused.
    """
    with _refusals():
        require_reading_plan(connection, query)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        kind = Unnamed if isinstance(error, duckdb.CatalogException) else LakeError
        message = " ".join(str(error).split("\n\n")[0].split())
        hint = old_name_hint(message) if kind is Unnamed else ""
        raise kind(message + hint + _remedy(error)) from error


def _remedy(error: duckdb.Error) -> str:
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"; {MEMORY} gives queries more memory"
    broken = (
        isinstance(error, duckdb.IOException | duckdb.InvalidInputException | duckdb.SerializationException)
        or "parquet" in str(error).lower()
    )
    return (
        "; `curate lake fsck` names what is broken and restores what can be restored"
        if broken and "disabled by configuration" not in str(error)
        else ""
    )


def catalogue_fault(catalogue: Path) -> str:
    """Return what keeps other tools from reading a catalogue; "" = nothing does.

    Its blocks have checksums, and all blocks that hold rows or views are read.
    """
    try:
        with duckdb.connect(str(catalogue), read_only=True) as connection:
            view_names = {
                name
                for (name,) in connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
            }
            connection.execute("SELECT count(prior), sum(correct + wrong + low + high) FROM intervals").fetchall()
    except duckdb.Error as error:
        message = str(error).splitlines()[0]
        # another tool has opened it for writing: its own affair
        return "" if "Could not set lock" in message else message
    lacking = sorted({*schemas(), *defined_views()} - view_names)
    return f"{len(lacking)} of its views are gone: {', '.join(lacking)}" if lacking else ""


def catalogue_root(catalogue: Path) -> str:
    """Return the lake's folder to which a catalogue's paths lead; "" where it names none or cannot be read."""
    try:
        with duckdb.connect(str(catalogue), read_only=True) as connection:
            texts = connection.execute("SELECT sql FROM duckdb_views() WHERE NOT internal").fetchall()
    except duckdb.Error:
        return ""
    matches = (re.search(r"'((?:[^']|'')*)/tables/[a-z_]+/", text) for (text,) in texts)
    return next((match[1].replace("''", "'") for match in matches if match), "")
