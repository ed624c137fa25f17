"""Connections on which the tables appear as views over the committed files, with the views and macros of `definitions` over them."""

import os
import re
import secrets
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
from assay.stores.sql.database import trunk
from assay.stores.sql.definitions import WORD, definitions
from assay.stores.sql.definitions import views as defined_views
from assay.stores.sql.select_guard import require_reading_plan
from assay.stores.tables import schemas


@dataclass(frozen=True, slots=True)
class FileGroup:
    """Files of one table that have equal columns."""

    paths: tuple[str, ...]
    doubled: bool = False  # a row may lie in two of them
    bytes: int = 0  # of all of them
    sums: tuple[tuple[int, str], ...] = ()  # bytes and SHA-256 of each, as its commit wrote them; () = nobody compares
    renamed: Pairs = ()  # (name in the files, present name) of columns
    parts: tuple[
        "FileGroup", ...
    ] = ()  # of a doubled group: the groups of equal names; () = all its files have the present ones

    def without(self, lost: Collection[str]) -> "FileGroup":
        """Return the group without some of its files."""
        paths = tuple(path for path in self.paths if path not in lost)
        return replace(self, paths=paths, parts=tuple(part.without(lost) for part in self.parts))


STRICT, LENIENT = (
    "v.outcome",
    "counted(v.outcome, v.lenient, 'lenient')",
)  # the outcomes of a verdict `v` under either reading
CATALOGUE = re.compile(
    r"\b(information_schema|show|describe|query(_table)?|(duckdb|pg|sqlite|pragma)_\w+)\b", re.I
)  # tables that no word names


class Unnamed(LakeError):
    """A query reads a table or calls a macro that its words did not name."""


Groups = Mapping[str, Sequence[FileGroup]]


def connect(database: str = ":memory:") -> duckdb.DuckDBPyConnection:
    """A connection that writes nothing on stdout: DuckDB's own bar for slow queries would stand in the middle of a JSON document."""
    return _silent(duckdb.connect(database))


def branch() -> duckdb.DuckDBPyConnection:
    """A connection to this process's one database in memory, for temporary views: a database of its own would cost 15 ms of functions."""
    return _silent(trunk().cursor())


def _silent(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Without a bar, and without extensions, which DuckDB would fetch from its server and run where a query names s3:// or a spreadsheet."""
    for setting in ("enable_progress_bar", "autoinstall_known_extensions", "autoload_known_extensions"):
        connection.execute(f"SET {setting} = false")
    return connection


def create_views(connection: duckdb.DuckDBPyConnection, files: Groups) -> None:
    """Every table, view and macro, from absolute paths by table name; a table without files is empty but typed."""
    for name, schema in schemas().items():
        create_table(connection, name, table_query(schema, files.get(name, ())))
    for name in definitions():
        create_defined(connection, name)


def create_defined(connection: duckdb.DuckDBPyConnection, name: str, *, kind: str = "") -> None:
    """Create one of the views and macros of `definitions`; `kind` "TEMP" = this connection's alone."""
    connection.execute(definitions()[name].statement(kind))


def create_table(connection: duckdb.DuckDBPyConnection, name: str, query: str, *, kind: str = "") -> str:
    """The view that is a table, and ""; where a file of it is broken, one that says so when it is asked, and what it says."""
    try:
        connection.execute(f'CREATE OR REPLACE {kind} VIEW "{name}" AS {query}')
    except duckdb.Error as error:
        said = " ".join(str(error).split()) + _remedy(error)
        refuse(connection, name, said, kind=kind)
        return said
    return ""


def refuse(connection: duckdb.DuckDBPyConnection, name: str, said: str, *, kind: str = "") -> None:
    """A table that answers every question with one line."""
    nothing = ", ".join(f'NULL::{sql_type(each.type)} AS "{each.name}"' for each in schemas()[name])
    only = f"(SELECT error({quoted(f'{name}: {said}')}) AS refused) WHERE refused IS NOT NULL"
    connection.execute(f'CREATE OR REPLACE {kind} VIEW "{name}" AS SELECT {nothing} FROM {only}')


def read_by(query: str) -> set[str]:
    """The tables that a query may read: those whose names, or the names of views or macros over which, it holds as words.

    >>> sorted(read_by("SELECT * FROM frontier"))
    ['problems', 'rollouts', 'superseded', 'verdicts']
    """
    return named(query) & set(schemas())


def named(query: str) -> set[str]:
    """What a query may read, by the words that it holds: tables, `intervals`, and the views and macros that lie between."""
    words = _words(query)
    for name, each in reversed(definitions().items()):  # each reads only earlier ones
        if name in words:
            words |= each.words
    return words & everything()


@cache
def everything() -> frozenset[str]:
    """Return the name of each table, view and macro."""
    return frozenset({*schemas(), *definitions(), "intervals"})


def _words(text: str) -> set[str]:
    return set(WORD.findall(text.lower()))


def create_intervals(connection: duckdb.DuckDBPyConnection, table: pa.Table, *, kind: str = "") -> None:
    """The table `intervals`, copied in; before `pass_rates`, which reads it."""
    connection.register("given_intervals", table)
    connection.execute(f"CREATE OR REPLACE {kind} TABLE intervals AS SELECT * FROM given_intervals")
    connection.unregister("given_intervals")


def table_query(schema: pa.Schema, groups: Sequence[FileGroup], *, variables: str = "") -> str:
    """The SELECT behind one table's view: each group of equal columns is read for itself, and a column that a group lacks is null.

    With `variables` the n-th group's paths are the value of the DuckDB variable `{variables}_{n}`, which costs no parsing, instead of literals.
    """
    nothing = ", ".join(f'NULL::{sql_type(each.type)} AS "{each.name}"' for each in schema)
    parts = [f"SELECT {nothing} WHERE false"]
    for place, group in enumerate(groups):
        if group.paths:
            parts.append(group_query(group, f"getvariable('{variables}_{place}')" if variables else ""))
    return parts[0] if len(parts) == 1 else " UNION ALL BY NAME ".join(parts)


def group_query(group: FileGroup, paths: str = "") -> str:
    """The rows of one group, each id once; `paths` is SQL for its paths, "" = they are written out."""
    paths = paths or f"[{', '.join(map(quoted, group.paths))}]"
    if not group.doubled:
        return f"SELECT {_columns(group)} FROM read_parquet({paths})"
    # two writers may have added one row at one moment: the earlier commit's stays, in every table the same commit's
    return (
        "SELECT * EXCLUDE (commit_path, place) FROM (SELECT *, row_number() OVER (PARTITION BY id ORDER BY commit_path) AS place "
        f"FROM ({' UNION ALL BY NAME '.join(_with_paths(part) for part in group.parts or (group,) if part.paths)})) WHERE place = 1"
    )


def _columns(group: FileGroup) -> str:
    pairs = ", ".join(f'"{old}" AS "{new}"' for old, new in group.renamed)
    return f"* RENAME ({pairs})" if pairs else "*"


def _with_paths(group: FileGroup) -> str:
    paths = f"[{', '.join(map(quoted, group.paths))}]"
    return f"SELECT {_columns(group)} FROM read_parquet({paths}, filename = 'commit_path', union_by_name = true)"


def write_catalogue(root: Path, files: Groups, intervals: pa.Table) -> Path:
    """`assay.duckdb`, a file of views for other tools: made beside the old one and put in its place at once.

    Nobody holds it open for writing, because an open writer locks every reader out.

    Raises:
        LakeError: the disk refused; nothing is left of the new one, and the old one stays.
    """
    final, temporary = root / "assay.duckdb", root / f".assay.{secrets.token_hex(4)}.duckdb"
    try:
        with connect(str(temporary)) as connection:
            create_intervals(connection, intervals)
            create_views(connection, files)
        os.replace(temporary, final)
    except (duckdb.IOException, OSError) as error:
        for rest in (temporary, temporary.with_name(f"{temporary.name}.wal")):
            with suppress(OSError):
                rest.unlink()
        raise LakeError(
            f"cannot write {final}: {str(error).splitlines()[0]}; what was committed before is safe"
        ) from error
    return final


def lock(connection: duckdb.DuckDBPyConnection, root: Path, spill: str) -> None:
    """From here on only files inside the lake can be read, what memory does not hold goes into the folder `spill`, and no setting can be changed."""
    for statement in (
        f"SET temp_directory = {quoted(spill)}",
        f"SET allowed_directories = [{quoted(str(root) + os.sep)}]",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ):
        connection.execute(statement)


def run(connection: duckdb.DuckDBPyConnection, query: str, parameters: Any = None) -> pa.Table:
    """The answer as an Arrow table.

    Raises:
        Unnamed: there is no such table here.
        LakeError: DuckDB refused; its first lines are kept.
    """
    with _refusals():
        relation = connection.sql(query, params=parameters)
        return relation.to_arrow_table() if relation is not None else pa.table({})


def planned(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """Lets pass a query whose plan writes nothing: the second opinion where the kernel does not hold the connection back.

    Raises:
        ConfigError: it writes.
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
        told = " ".join(str(error).split("\n\n")[0].split())
        hint = old_name_hint(told) if kind is Unnamed else ""
        raise kind(told + hint + _remedy(error)) from error


def _remedy(error: duckdb.Error) -> str:
    broken = (
        isinstance(error, duckdb.IOException | duckdb.InvalidInputException | duckdb.SerializationException)
        or "parquet" in str(error).lower()
    )
    return (
        "; `curate fsck` names what is broken and restores what can be restored"
        if broken and "disabled by configuration" not in str(error)
        else ""
    )


def catalogue_fault(catalogue: Path) -> str:
    """What keeps other tools from reading a catalogue; "" = nothing does. Its blocks bear checksums, and all that hold rows or views are read."""
    try:
        with duckdb.connect(str(catalogue), read_only=True) as connection:
            there = {
                name
                for (name,) in connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
            }
            connection.execute("SELECT count(prior), sum(correct + wrong + low + high) FROM intervals").fetchall()
    except duckdb.Error as error:
        said = str(error).splitlines()[0]
        return "" if "Could not set lock" in said else said  # another tool has opened it for writing: its own affair
    lacking = sorted({*schemas(), *defined_views()} - there)
    return f"{len(lacking)} of its views are gone: {', '.join(lacking)}" if lacking else ""


def catalogue_root(catalogue: Path) -> str:
    """The lake's folder to which a catalogue's paths lead; "" where it names none or cannot be read."""
    try:
        with duckdb.connect(str(catalogue), read_only=True) as connection:
            texts = connection.execute("SELECT sql FROM duckdb_views() WHERE NOT internal").fetchall()
    except duckdb.Error:
        return ""
    named = (re.search(r"'((?:[^']|'')*)/tables/[a-z_]+/", text) for (text,) in texts)
    return next((found[1].replace("''", "'") for found in named if found), "")
