"""A table in memory that others may filter by a condition in SQL: nothing else can be read, written or set there."""

import json
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.core.errors import ConfigError, LakeError
from assay.core.folders import cache_folder
from assay.core.identity import content_id
from assay.stores.reader import interrupted_after
from assay.stores.sql import views
from assay.stores.sql.condition_guard import growing_parts
from assay.stores.sql.database import trunk
from assay.stores.sql.select_guard import require_select

FILTER_S, OWN_S = 5.0, 30.0  # limits of a condition that somebody wrote, and of this package's own queries
PATIENT_S = 600.0  # of this package's own queries where nobody waits in front of a page
MAX_CONDITION = 4_000  # characters
MEMORY = "2GB"
LOCKED = (
    f"SET memory_limit = '{MEMORY}'",
    "SET max_temp_directory_size = '0KB'",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


class PoolTable:
    """Rows in memory, numbered from 0 in a column `row` that is added.

    Args:
        table: the rows.
        limit_s: seconds that one condition may take.
    """

    def __init__(self, table: pa.Table, *, limit_s: float = FILTER_S) -> None:
        connection = views.connect()
        _fill(connection, table)
        self._open(connection, tuple(table.column_names), table.num_rows, limit_s)

    @classmethod
    def stored(cls, path: Path, *, limit_s: float = FILTER_S, locked: bool = True) -> "PoolTable":
        """Open the table that `store_pool` wrote; its rows stay in the file until a query reads them.

        Args:
            path: the file.
            limit_s: seconds that one condition may take.
            locked: others may write conditions. False = only this package asks, and what memory does not hold goes on
                in files.

        Raises:
            LakeError: there is no such file, or it is damaged.
        """
        try:
            connection = views.connect(str(path), read_only=True)
            names = [name for (name,) in connection.execute("SELECT column_name FROM (DESCRIBE pool)").fetchall()]
            ((count,),) = connection.execute("SELECT count(*) FROM pool").fetchall()
        except duckdb.Error as error:
            raise LakeError(f"{path.name} cannot be read: {' '.join(str(error).split())[:200]}") from error
        table = cls.__new__(cls)
        table._open(connection, tuple(name for name in names if name != "row"), count, limit_s, locked=locked)
        return table

    def _open(
        self,
        connection: duckdb.DuckDBPyConnection,
        columns: tuple[str, ...],
        count: int,
        limit_s: float,
        *,
        locked: bool = True,
    ) -> None:
        self.columns, self.count, self.limit_s = columns, count, limit_s
        self.own_s = OWN_S if locked else PATIENT_S
        self._connection, self._turn = connection, threading.Lock()
        for statement in LOCKED if locked else ():
            self._connection.execute(statement)

    def query(self, sql: str, parameters: Any = None) -> pa.Table:
        """Run one SELECT of this package's own over the table `pool`."""
        return self._run(sql, parameters, limit_s=self.own_s)

    def match(self, condition: str) -> NDArray[np.int32]:
        """Return the numbers of the rows that a condition holds for, ascending.

        Args:
            condition: SQL that may stand behind WHERE, written by anybody.

        Raises:
            ConfigError: not one condition, or it is too long.
            LakeError: DuckDB refused it, or its time was over.
        """
        query = condition_query(condition)
        return np.sort(self._run(query)["row"].to_numpy())

    def order(self, column: str, *, descending: bool = False) -> NDArray[np.int32]:
        """Return the numbers of all rows in the order of a column, empty values last."""
        if column not in self.columns:
            raise ConfigError(f"no column {column!r}; known: {', '.join(self.columns)}")
        way = "DESC" if descending else "ASC"
        order = self._run(f'SELECT row FROM pool ORDER BY "{column}" {way} NULLS LAST, row', limit_s=self.own_s)
        return np.asarray(order["row"].to_numpy())

    def take(self, numbers: Sequence[int], columns: Sequence[str]) -> list[dict[str, Any]]:
        """Return some columns of some rows, in the order of their numbers as given."""
        names = ", ".join(f'"{name}"' for name in columns)
        query = f"SELECT row, {names} FROM pool WHERE row IN (SELECT unnest(?::INTEGER[]))"
        by_number = {row["row"]: row for row in self._run(query, [list(map(int, numbers))]).to_pylist()}
        return [by_number[int(number)] for number in numbers]

    def close(self) -> None:
        """Free the memory."""
        self._connection.close()

    def _run(self, query: str, parameters: Any = None, *, limit_s: float = 0.0) -> pa.Table:
        def work() -> pa.Table:
            return views.run(self._connection, query, parameters)

        with self._turn:
            return interrupted_after(limit_s or self.limit_s, self._connection.interrupt, work)


def store_pool(table: pa.Table | Iterable[pa.RecordBatch], path: Path) -> None:
    """Write a table into a file that `PoolTable.stored` opens, whole or not at all.

    Args:
        table: the rows; in batches, of which there is at least one, memory holds a few of them at a time.
        path: the file; its folder is made.

    Raises:
        LakeError: the disk refused.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with views.connect(str(aside)) as connection:
            _fill(connection, table)
        aside.chmod(0o600)
        aside.replace(path)
    except (duckdb.Error, OSError) as error:
        with suppress(OSError):
            aside.unlink()
        raise LakeError(f"{path} cannot be written: {' '.join(str(error).split())[:200]}") from error


def pool_file(place: str, key: str) -> Path:
    """Return where the pool of a lake is kept on this machine.

    Args:
        place: of the lake.
        key: of the pool.
    """
    return cache_folder() / "viewer" / f"{content_id('lake', place)}-{key}.duckdb"


def discard_pools(place: str) -> None:
    """Delete the pools of a lake that are kept on this machine: they hold the beginnings of its questions.

    Args:
        place: of the lake.
    """
    for path in (cache_folder() / "viewer").glob(pool_file(place, "*").name):
        with suppress(OSError):
            path.unlink()


def _fill(connection: duckdb.DuckDBPyConnection, table: pa.Table | Iterable[pa.RecordBatch]) -> None:
    batches = iter([table]) if isinstance(table, pa.Table) else iter(table)
    first = next(batches)
    numbered = _numbered(chain([first], batches))
    schema = first.schema.append(pa.field("row", pa.int32()))
    given = next(numbered) if isinstance(table, pa.Table) else pa.RecordBatchReader.from_batches(schema, numbered)
    connection.register("given", given)
    connection.execute("CREATE TABLE pool AS SELECT * FROM given")
    connection.unregister("given")


def _numbered(batches: Iterable[pa.Table | pa.RecordBatch]) -> Iterator[pa.Table | pa.RecordBatch]:
    """Yield batches with the numbers of their rows as a last column."""
    before = 0
    for batch in batches:
        numbers = pa.array(np.arange(before, before + batch.num_rows, dtype=np.int32))
        yield batch.append_column("row", numbers)
        before += batch.num_rows


def condition_query(condition: str) -> str:
    """Return the SELECT of the rows of `pool` that a condition holds for.

    Raises:
        ConfigError: the text is too long, or more than one condition: another query, a clause behind WHERE, a comment
            that hides the rest.
    """
    if len(condition) > MAX_CONDITION:
        raise ConfigError(f"a condition may have at most {MAX_CONDITION} characters, found {len(condition)}")
    query = f"SELECT row FROM pool WHERE (\n{condition}\n)"
    require_select(query)
    parts = _clauses(query)
    if parts != _clauses("SELECT row FROM pool WHERE (\ntrue\n)"):
        raise ConfigError("only one condition is allowed, as after WHERE: no other clause and no second query")
    for part in growing_parts(_node(query), table="pool"):
        raise ConfigError(
            f"a condition may only compare columns, with arithmetic, patterns and subqueries on pool; found {part[:60]}"
        )
    return query


def _node(query: str) -> dict[str, Any]:
    """Return the tree of a query, as DuckDB parses it."""
    try:
        (text,) = trunk().cursor().execute("SELECT json_serialize_sql($1)", [query]).fetchall()[0]
        (statement,) = json.loads(text)["statements"]
        return dict(statement["node"])
    except (duckdb.Error, ValueError, KeyError, RecursionError) as error:
        raise LakeError(f"this condition cannot be checked: {' '.join(str(error).split())[:200]}") from error


def _clauses(query: str) -> str:
    """Return the outermost query as JSON without its condition: what a condition must leave as it is."""
    node = _node(query)
    if not node.pop("where_clause", None):
        return ""
    return json.dumps(_without_places(node), sort_keys=True)


def _without_places(node: Any) -> Any:
    """Return a tree without the places in the text at which its nodes begin."""
    if isinstance(node, list):
        return [_without_places(item) for item in node]
    if isinstance(node, dict):
        return {name: _without_places(item) for name, item in node.items() if name != "query_location"}
    return node
