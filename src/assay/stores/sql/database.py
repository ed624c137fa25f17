"""This process's one database in memory: filling one per use with DuckDB's functions would take 15 ms each.

A query that needs more memory than `ASSAY_SQL_MEMORY_GIB` goes on in files, in the folder that TMPDIR names.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import duckdb

from assay.core.errors import ConfigError

MEMORY = "ASSAY_SQL_MEMORY_GIB"
MEMORY_GIB, THREAD_GIB = 0.5, 0.125  # of all queries of a process: at least so much, and so much per thread of DuckDB's


@cache
def trunk() -> duckdb.DuckDBPyConnection:
    """Return the connection of which others are cursors; it holds nothing itself."""
    return open_database(":memory:")


def open_database(database: str, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Open a database whose queries hold a bounded part of their data in memory and the rest in files.

    Raises:
        ConfigError: ASSAY_SQL_MEMORY_GIB is no number above 0.
    """
    spill = Path(tempfile.gettempdir(), f"assay-sql-{os.getuid()}-{os.getpid()}")  # made by the first query that spills
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_gib():.3f} GiB",
        "temp_directory": str(spill),
    }
    return duckdb.connect(database, read_only=read_only, config=settings)


def memory_gib() -> float:
    """Return how much memory queries may take together, in GiB.

    Raises:
        ConfigError: ASSAY_SQL_MEMORY_GIB is no number above 0.
    """
    text = os.environ.get(MEMORY, "")
    if not text:
        return max(MEMORY_GIB, THREAD_GIB * (os.cpu_count() or 1))
    try:
        gib = float(text)
    except ValueError:
        gib = 0.0
    if not 0 < gib < 2**20:
        raise ConfigError(f"{MEMORY} = {text!r} must be a number of GiB above 0")
    return gib


@contextmanager
def limited_memory(gib: float) -> Iterator[None]:
    """Let queries take less memory for a time, unless the environment says how much there is.

    Args:
        gib: what they may take together, in GiB.
    """
    if os.environ.get(MEMORY):
        yield
        return
    connection = trunk()
    ((before,),) = connection.execute("SELECT current_setting('memory_limit')").fetchall()
    connection.execute(f"SET memory_limit = '{min(gib, memory_gib()):.3f} GiB'")
    try:
        yield
    finally:
        connection.execute(f"SET memory_limit = '{before}'")


def widen(connection: duckdb.DuckDBPyConnection) -> bool:
    """Double the memory of queries where one of them can put no more into files, up to four fifths of the machine's.

    Returns:
        False where the environment says how much there is, the machine has no more, or the connection is locked.
    """
    if os.environ.get(MEMORY):
        return False
    number, unit = str(connection.execute("SELECT current_setting('memory_limit')").fetchall()[0][0]).split()
    present = float(number) * 1024 ** ("KiB", "MiB", "GiB", "TiB").index(unit) / 2**20
    most = 0.8 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    if present >= 0.99 * most:
        return False
    try:
        connection.execute(f"SET memory_limit = '{min(2 * present, most):.3f} GiB'")
    except duckdb.Error:
        return False
    return True


# a forked child has none of the database's threads, and would wait for them or crash at its end
os.register_at_fork(before=trunk.cache_clear)
