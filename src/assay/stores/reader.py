"""Reads of one lake by many threads, each with a time limit: what a page over the lake needs."""

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from assay.core.errors import LakeError
from assay.stores.lake import Lake
from assay.stores.query_results import to_json_value
from assay.stores.storage.backend import Place

READ_S = 30.0  # limit of one read
T = TypeVar("T")


class ReadTimeout(LakeError):
    """A read took longer than it may."""


def interrupted_after(limit_s: float, stop: Callable[[], None], work: Callable[[], T]) -> T:
    """Run a query that another thread stops once its time is over.

    Args:
        limit_s: seconds that it may take.
        stop: stops the query, such as `connection.interrupt`.
        work: runs the query.

    Raises:
        ReadTimeout: it took longer.
    """
    over = threading.Event()

    def end() -> None:
        over.set()
        stop()

    timer = threading.Timer(limit_s, end)
    timer.daemon = True
    timer.start()
    try:
        return work()
    except (LakeError, duckdb.Error) as error:
        if over.is_set():
            raise ReadTimeout(f"stopped after {limit_s:g} s; make the query smaller") from error
        raise
    finally:
        timer.cancel()


class LakeReader:
    """A lake opened for reading, by one thread at a time.

    Args:
        place: the lake's folder or address.
        limit_s: seconds that one read may take.

    Raises:
        LakeError: there is no lake.
    """

    def __init__(self, place: Place, *, limit_s: float = READ_S) -> None:
        self.lake, self.limit_s = Lake(place, create=False), limit_s
        self._turn = threading.Lock()

    def table(self, sql: str, parameters: Any = None, *, limit_s: float = 0.0) -> pa.Table:
        """Run one SELECT of this package's own.

        Args:
            sql: the query; SQL that somebody else wrote goes to `Lake.ask` or `PoolTable.match`.
            parameters: of the query.
            limit_s: seconds that it may take; 0 = the reader's limit.

        Raises:
            LakeError: DuckDB refused, or the time was over.
        """
        with self._turn:
            return interrupted_after(
                limit_s or self.limit_s, self.lake.interrupt, lambda: self.lake.query(sql, parameters)
            )

    def stream(self, sql: str, parameters: Any = None) -> Iterator[pa.RecordBatch]:
        """Run one SELECT of this package's own, without a limit, and yield its answer in batches."""
        with self._turn:
            yield from self.lake.stream(sql, parameters)

    def rows(self, sql: str, parameters: Any = None, *, limit_s: float = 0.0) -> list[dict[str, Any]]:
        """Run one SELECT and return its rows as JSON can hold them."""
        table = self.table(sql, parameters, limit_s=limit_s)
        return [{name: to_json_value(value) for name, value in row.items()} for row in table.to_pylist()]

    def one(self, sql: str, parameters: Any = None) -> Mapping[str, Any]:
        """Run one SELECT and return its first row; {} where there is none."""
        return next(iter(self.rows(sql, parameters)), {})

    def version(self) -> str:
        """Return what changes with every commit: how many there are, and the name of the last."""
        with self._turn:
            entries = self.lake.entries()
        return f"{len(entries)}-{entries[-1].name if entries else ''}"

    def files(self) -> list[tuple[str, int, int]]:
        """Return (table, rows, bytes) of every committed file."""
        with self._turn:
            return [(file.table, file.rows, file.bytes) for entry in self.lake.entries() for file in entry.files]

    def close(self) -> None:
        """Close the connection."""
        self.lake.close()
